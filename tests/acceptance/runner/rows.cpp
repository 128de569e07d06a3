#include "rows.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "moment.hpp"

namespace acceptance {
namespace {

constexpr std::size_t most_shown = 5;        // rows of a kind in a report
constexpr std::size_t longest_shown = 300;   // characters of a value
constexpr std::size_t most_differences = 3;  // members of a row, up to which two rows are called one that differs

std::string shown(json::value const& value) {
  auto text = to_text(value);
  if (text.size() > longest_shown) text = text.substr(0, longest_shown) + fmt::format("... ({} bytes)", text.size());
  return text;
}

struct Difference {
  std::string member;
  std::string expected;
  std::string got;
};

std::optional<std::int64_t> moment_us(json::value const& value) {
  if (value.is_int64()) return value.get_int64() * 1000;
  if (value.is_string()) return parse_moment(value.get_string());
  return std::nullopt;
}

/// Compares one value with what a case expects of it.
class Comparison {
 public:
  explicit Comparison(Features const& features) : features_(features) {}

  std::vector<Difference> differences(json::value const& expected, json::value const& got) const {
    std::vector<Difference> found;
    if (!expected.is_object() || !got.is_object()) {
      if (expected != got) found.push_back(Difference{"the row", shown(expected), shown(got)});
      return found;
    }
    for (auto const& [name, value] : expected.get_object()) {
      if (!agrees(name, resolve(value), got.get_object().if_contains(name))) {
        auto const* other = got.get_object().if_contains(name);
        found.push_back(Difference{name, shown(resolve(value)), other ? shown(*other) : "nothing"});
      }
    }
    for (auto const& [name, value] : got.get_object()) {
      if (name.starts_with("_airbyte_") || expected.get_object().contains(name)) continue;
      if (features_.missing_is_null && value.is_null()) continue;
      found.push_back(Difference{name, "nothing", shown(value)});
    }
    return found;
  }

 private:
  /// Follows the choices by feature.
  json::value const& resolve(json::value const& expected) const {
    auto const* object = expected.if_object();
    auto const* feature = object ? object->if_contains("$if") : nullptr;
    if (!feature) return expected;
    return resolve(object->at(features_.has(std::string(feature->as_string())) ? "then" : "else"));
  }

  bool agrees(std::string_view name, json::value const& expected, json::value const* got) const {
    bool const is_absent = got == nullptr || (features_.missing_is_null && got->is_null());
    if (expected.is_object() && expected.get_object().contains("$absent")) return is_absent;
    if (name == "_airbyte_generation_id" && !features_.has("generation_id")) return true;
    if (name == "_airbyte_meta" && !features_.has("meta")) return true;
    if (got == nullptr) return expected.is_null() && features_.missing_is_null;
    if (name == "_airbyte_extracted_at") return moment_us(expected) && moment_us(expected) == moment_us(*got);
    if (name == "_airbyte_meta") return has_members(expected, parsed(*got));
    return equal(expected, *got);
  }

  bool has_members(json::value const& expected, json::value const& got) const {
    if (!expected.is_object() || !got.is_object()) return equal(expected, got);
    return std::ranges::all_of(expected.get_object(), [&](auto const& member) {
      auto const* other = got.get_object().if_contains(member.key());
      return other ? equal(member.value(), *other) : member.value().is_null();
    });
  }

  bool equal(json::value const& pattern, json::value const& got) const {
    auto const& expected = resolve(pattern);
    if (auto const* array = expected.if_array()) {
      auto const* other = got.if_array();
      return other && std::ranges::equal(*array, *other, [this](auto const& a, auto const& b) { return equal(a, b); });
    }
    auto const* object = expected.if_object();
    if (!object) return expected == got;
    if (auto const* moment = object->if_contains("$moment")) return moment_us(*moment) == moment_us(got);
    if (auto const* value = object->if_contains("$json")) return equal(*value, got) || equal(*value, parsed(got));
    if (object->contains("$any")) return !got.is_null();
    if (auto const* choices = object->if_contains("$one_of")) {
      return std::ranges::any_of(choices->as_array(), [&](auto const& choice) { return equal(choice, got); });
    }
    auto const* other = got.if_object();
    return other && object->size() == other->size() && std::ranges::all_of(*object, [&](auto const& member) {
             auto const* value = other->if_contains(member.key());
             return value && equal(member.value(), *value);
           });
  }

  /// A column of JSON may come as text.
  static json::value parsed(json::value const& value) {
    if (!value.is_string()) return value;
    try {
      return parse_exact(value.get_string());
    } catch (std::exception const&) {
      return value;
    }
  }

  Features const& features_;
};

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool const dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

std::string raw_id_problems(std::vector<json::value> const& rows) {
  std::set<std::string> seen;
  for (auto const& row : rows) {
    auto const* id = row.is_object() ? row.get_object().if_contains("_airbyte_raw_id") : nullptr;
    if (!id || !id->is_string() || !is_uuid(id->get_string())) {
      return fmt::format("_airbyte_raw_id is {}, and no UUID\n", id ? shown(*id) : "missing");
    }
    std::string text(id->get_string());
    std::ranges::transform(text, text.begin(), [](char c) { return std::tolower(static_cast<unsigned char>(c)); });
    if (!seen.insert(text).second) return fmt::format("two rows have the _airbyte_raw_id {}\n", text);
  }
  return "";
}

/// Which rows belong together.
class Matching {
 public:
  Matching(ExpectedRows const& expected, std::vector<json::value> const& got, Features const& features)
      : expected_(expected), got_(got), comparison_(features), is_taken_(got.size()) {}

  std::string problems() {
    std::vector<json::value const*> missing;
    for (std::size_t i = 0; i < expected_.rows.size(); ++i) {
      if (!take(expected_.rows[i], i)) missing.push_back(&expected_.rows[i]);
    }
    for (auto const& row : expected_.optional) take(row, 0);
    if (expected_.repeats) take_repeats();
    std::vector<json::value const*> surplus;
    for (std::size_t i = 0; i < got_.size(); ++i) {
      if (!is_taken_[i]) surplus.push_back(&got_[i]);
    }
    return describe(std::move(missing), std::move(surplus));
  }

  std::string problems_in_order() {
    for (std::size_t i = 0; i < std::min(expected_.rows.size(), got_.size()); ++i) {
      if (!same(expected_.rows[i], got_[i])) return describe({&expected_.rows[i]}, {&got_[i]});
    }
    return problems();
  }

 private:
  bool same(json::value const& row, json::value const& got) const { return comparison_.differences(row, got).empty(); }

  /// `likely_place` is looked at first: rows mostly come in the order they were sent.
  bool take(json::value const& row, std::size_t likely_place) {
    for (std::size_t step = 0; step < got_.size(); ++step) {
      auto const i = (likely_place + step) % got_.size();
      if (is_taken_[i] || !same(row, got_[i])) continue;
      is_taken_[i] = true;
      return true;
    }
    return false;
  }

  void take_repeats() {
    for (auto const* rows : {&expected_.rows, &expected_.optional}) {
      for (auto const& row : *rows) {
        while (take(row, 0)) continue;
      }
    }
  }

  std::string describe(std::vector<json::value const*> missing, std::vector<json::value const*> surplus) const {
    std::string text;
    std::size_t shown_count = 0;
    std::size_t const count = std::max(missing.size(), surplus.size());
    while (!missing.empty() && !surplus.empty() && shown_count < most_shown) {
      auto const pair = closest(missing, surplus);
      if (!pair) break;
      auto const [row, other] = *pair;
      text += fmt::format("a row differs: {}\n", shown(**other));
      for (auto const& difference : comparison_.differences(**row, **other)) {
        text += fmt::format("  {}: expected {}, got {}\n", difference.member, difference.expected, difference.got);
      }
      missing.erase(row);
      surplus.erase(other);
      ++shown_count;
    }
    append(text, "a row is missing:", missing, shown_count);
    append(text, "a row too many:", surplus, shown_count);
    if (!text.empty()) {
      text += fmt::format("{} rows expected, {} there", expected_.rows.size(), got_.size());
      if (count > most_shown) text += ", more of them differ";
      text += '\n';
    }
    return text;
  }

  static void append(std::string& text, char const* what, std::vector<json::value const*> const& rows,
                     std::size_t shown_count) {
    for (std::size_t i = 0; i < rows.size() && i + shown_count < most_shown; ++i) {
      text += fmt::format("{} {}\n", what, shown(*rows[i]));
    }
  }

  using Place = std::vector<json::value const*>::const_iterator;

  /// The two that differ least, if they have anything in common.
  std::optional<std::pair<Place, Place>> closest(std::vector<json::value const*> const& missing,
                                                 std::vector<json::value const*> const& surplus) const {
    std::optional<std::pair<Place, Place>> best;
    std::size_t fewest = most_differences + 1;
    auto const end = missing.begin() + std::min<std::ptrdiff_t>(std::ssize(missing), 50);
    auto const other_end = surplus.begin() + std::min<std::ptrdiff_t>(std::ssize(surplus), 50);
    for (auto row = missing.begin(); row != end; ++row) {
      for (auto other = surplus.begin(); other != other_end; ++other) {
        auto const count = comparison_.differences(**row, **other).size();
        if (count >= fewest) continue;
        fewest = count;
        best.emplace(row, other);
      }
    }
    return best;
  }

  ExpectedRows const& expected_;
  std::vector<json::value> const& got_;
  Comparison comparison_;
  std::vector<bool> is_taken_;
};

}  // namespace

std::string compare_rows(ExpectedRows const& expected, std::vector<json::value> const& got, Features const& features) {
  std::string problems;
  if (features.has("raw_id")) problems += raw_id_problems(got);
  Matching matching(expected, got, features);
  return problems + (expected.ordered ? matching.problems_in_order() : matching.problems());
}

}  // namespace acceptance
