#include "protocol/lone_surrogates.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "protocol/json_escapes.hpp"

namespace landfall {
namespace {

constexpr std::string_view replacement = R"(\ufffd)";
constexpr std::size_t readable_behind = 12;

/// Calls found(offset) for each lone surrogate, until it returns false.
template <class Found>
void each_lone_surrogate(std::string_view json, Found const& found) noexcept {
  for (std::size_t at = json.find('\\'); at < json.size(); at = json.find('\\', at)) {
    Escape const escape = escape_at(json.data() + at);
    if (escape.is_lone_surrogate && !found(at)) return;
    at += escape.size == 0 ? 2 : escape.size;
  }
}

bool is_white_space(char byte) noexcept { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

/// Behind the string that begins at `at`, or the end of the text.
std::size_t behind_string(std::string_view json, std::size_t at) noexcept {
  for (++at; at < json.size() && json[at] != '"';) {
    if (json[at] == '\\') ++at;
    ++at;
  }
  return std::min(at + 1, json.size());
}

/// Behind the value that begins at `at`: at the comma or bracket that ends it.
std::size_t behind_value(std::string_view json, std::size_t at) noexcept {
  for (std::size_t depth = 0; at < json.size();) {
    char const byte = json[at];
    if (byte == '"') {
      at = behind_string(json, at);
      continue;
    }
    if (depth == 0 && (byte == ',' || byte == '}' || byte == ']')) break;
    if (byte == '{' || byte == '[') ++depth;
    if (byte == '}' || byte == ']') --depth;
    ++at;
  }
  return at;
}

std::size_t skip_white_space(std::string_view json, std::size_t at) noexcept {
  while (at < json.size() && is_white_space(json[at])) ++at;
  return at;
}

/// Calls read(name, value) for each member of the object, with the name as it is written; until something is not as it
/// should be.
template <class Read>
void each_member(std::string_view object, Read const& read) {
  std::size_t at = skip_white_space(object, 1);
  while (at < object.size() && object[at] == '"') {
    std::size_t const name_end = behind_string(object, at);
    std::string_view const name = object.substr(at, name_end - at);
    at = skip_white_space(object, name_end);
    if (at >= object.size() || object[at] != ':') return;
    std::size_t const value_begin = skip_white_space(object, at + 1);
    at = behind_value(object, value_begin);
    std::size_t value_end = at;
    while (value_end > value_begin && is_white_space(object[value_end - 1])) --value_end;
    read(name, object.substr(value_begin, value_end - value_begin));
    if (at >= object.size() || object[at] != ',') return;
    at = skip_white_space(object, at + 1);
  }
}

/// What the string says; as it is written, when it is no string.
std::string unescaped(std::string_view literal) {
  boost::json::error_code code;
  boost::json::value const value = boost::json::parse(literal, code);
  return code || !value.is_string() ? std::string(literal) : std::string(value.get_string());
}

/// Looks for names that become equal, in all objects of a text.
class CollisionSearch {
 public:
  explicit CollisionSearch(std::string_view json) : json_(json) {}

  bool finds_one() {
    for (std::size_t at = 0; at < json_.size() && !collides_;) {
      if (json_[at] == '"') {
        std::size_t const end = behind_string(json_, at);
        if (!open_.empty() && std::exchange(open_.back().name_comes, false)) add_name(json_.substr(at, end - at));
        at = end;
      } else {
        look_at(json_[at++]);
      }
    }
    return collides_;
  }

 private:
  struct Open {
    bool is_object;
    bool name_comes;
    bool has_lone_surrogate;  // in a name
    std::size_t first_name;   // its names are the last ones of names_
  };
  struct Name {
    std::string text;
    bool is_changed;
    friend bool operator<(Name const& a, Name const& b) { return a.text < b.text; }
  };

  void look_at(char byte) {
    if (byte == '{' || byte == '[') open_.push_back(Open{byte == '{', byte == '{', false, names_.size()});
    if (open_.empty()) return;
    if (byte == ',') open_.back().name_comes = open_.back().is_object;
    if (byte == '}' || byte == ']') close();
  }

  void add_name(std::string_view literal) {
    bool const is_changed = has_lone_surrogate(literal);
    open_.back().has_lone_surrogate |= is_changed;
    names_.push_back(Name{unescaped(is_changed ? without_lone_surrogates(literal) : literal), is_changed});
  }

  void close() {
    auto const first = names_.begin() + static_cast<std::ptrdiff_t>(open_.back().first_name);
    if (open_.back().has_lone_surrogate) {
      std::sort(first, names_.end());
      auto const collide = [](Name const& a, Name const& b) {
        return a.text == b.text && (a.is_changed || b.is_changed);
      };
      collides_ = std::adjacent_find(first, names_.end(), collide) != names_.end();
    }
    names_.erase(first, names_.end());
    open_.pop_back();
  }

  std::string_view json_;
  std::vector<Open> open_;
  std::vector<Name> names_;
  bool collides_ = false;
};

std::string entries_for(std::vector<std::string> const& fields) {
  std::string entries;
  for (std::string const& field : fields) {
    if (!entries.empty()) entries += ',';
    entries += R"({"field":)" + field + R"(,"change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"})";
  }
  return entries;
}

bool has_elements(std::string_view array) noexcept { return skip_white_space(array, 1) + 1 < array.size(); }

}  // namespace

bool has_lone_surrogate(std::string_view json) noexcept {
  bool found = false;
  each_lone_surrogate(json, [&found](std::size_t) { return !(found = true); });
  return found;
}

void replace_lone_surrogates(char* json, std::size_t size) noexcept {
  each_lone_surrogate(std::string_view(json, size), [json, size](std::size_t at) {
    std::memcpy(json + at, replacement.data(), std::min(replacement.size(), size - at));
    return true;
  });
}

std::string without_lone_surrogates(std::string_view json) {
  std::string copy(json);
  copy.append(readable_behind, ' ');
  replace_lone_surrogates(copy.data(), json.size());
  copy.resize(json.size());
  return copy;
}

std::vector<std::string> members_with_lone_surrogates(std::string_view object) {
  std::vector<std::string> names;
  each_member(object, [&names](std::string_view name, std::string_view value) {
    if (!has_lone_surrogate(name) && !has_lone_surrogate(value)) return;
    std::string replaced = without_lone_surrogates(name);
    if (std::find(names.begin(), names.end(), replaced) == names.end()) names.push_back(std::move(replaced));
  });
  return names;
}

bool would_names_collide(std::string_view object) { return CollisionSearch(object).finds_one(); }

std::string meta_with_replacements(std::string_view meta, std::vector<std::string> const& fields) {
  std::string const entries = entries_for(fields);
  if (meta.empty()) return R"({"changes":[)" + entries + "]}";
  std::string_view changes;  // of a name that occurs twice the last value counts
  each_member(meta, [&changes](std::string_view name, std::string_view value) {
    if (unescaped(name) == "changes") changes = value;
  });
  std::string result(meta);
  if (changes.empty()) {
    std::string const comma = has_elements(meta) ? "," : "";
    return result.insert(result.size() - 1, comma + R"("changes":[)" + entries + "]");
  }
  auto const at = static_cast<std::size_t>(changes.data() - meta.data());
  if (changes.front() != '[') return result.replace(at, changes.size(), "[" + entries + "]");
  std::string const comma = has_elements(changes) ? "," : "";
  return result.insert(at + changes.size() - 1, comma + entries);
}

}  // namespace landfall
