#include "table/json_spelling.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <landfall/table/airbyte_type.hpp>
#include <landfall/table/one_spelling.hpp>
#include <landfall/table/row_reader.hpp>

#include "table/decimals.hpp"
#include "table/json_text.hpp"
#include "table/text_arena.hpp"

namespace landfall {
namespace {

/// Writes one value after the other. Each function is false where it is no JSON.
class Speller {
 public:
  explicit Speller(std::string_view json) noexcept : rest_(json) {}

  bool spell_all(std::string& out) {
    if (!spell_value(out)) return false;
    skip_white_space();
    return rest_.empty();
  }

 private:
  static constexpr int deepest = 2'000;

  void skip_white_space() noexcept {
    while (!rest_.empty() && is_white_space(rest_.front())) rest_.remove_prefix(1);
  }

  bool take(char byte) noexcept {
    skip_white_space();
    if (!rest_.starts_with(byte)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool spell_value(std::string& out) {
    skip_white_space();
    if (rest_.empty()) return false;
    switch (rest_.front()) {
      case '"':
        return spell_string(out);
      case '[':
        return spell_array(out);
      case '{':
        return spell_object(out);
      default:
        return spell_scalar(out);
    }
  }

  bool spell_string(std::string& out) {
    auto const raw = take_string();
    if (!raw) return false;
    TextArena arena;
    std::string_view text;
    Decoded const decoded = decode_string(*raw, arena, text);
    if (decoded == Decoded::broken) return false;
    if (decoded == Decoded::text) {
      out += quoted_json(text);
    } else {
      out.append(1, '"').append(*raw).append(1, '"');  // half of a surrogate pair has no other spelling
    }
    return true;
  }

  /// What is between the quotes.
  std::optional<std::string_view> take_string() {
    if (!take('"')) return std::nullopt;
    std::size_t end = 0;
    while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) return std::nullopt;
    std::string_view const raw = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return raw;
  }

  bool spell_array(std::string& out) {
    if (++depth_ > deepest || !take('[')) return false;
    out += '[';
    bool is_first = true;
    while (!take(']')) {
      if (!std::exchange(is_first, false)) {
        if (!take(',')) return false;
        out += ',';
      }
      if (!spell_value(out)) return false;
    }
    out += ']';
    --depth_;
    return true;
  }

  bool spell_object(std::string& out) {
    if (++depth_ > deepest || !take('{')) return false;
    std::map<std::string, std::string> members;  // by their spelled names
    bool is_first = true;
    while (!take('}')) {
      if (!std::exchange(is_first, false) && !take(',')) return false;
      std::string name, value;
      skip_white_space();
      if (!spell_string(name) || !take(':') || !spell_value(value)) return false;
      members.insert_or_assign(std::move(name), std::move(value));
    }
    out += '{';
    for (auto const& [name, value] : members) {
      if (out.back() != '{') out += ',';
      out.append(name).append(1, ':').append(value);
    }
    out += '}';
    --depth_;
    return true;
  }

  bool spell_scalar(std::string& out) {
    std::string_view const token = rest_.substr(0, rest_.find_first_of(",]} \t\r\n"));
    rest_.remove_prefix(token.size());
    if (is_json_number(token)) {
      spell_number(token, out);
      return true;
    }
    out += token;
    return token == "true" || token == "false" || token == "null";
  }

  static void spell_number(std::string_view number, std::string& out) {
    TextArena arena;
    Cell cell;
    bool const has_plain_form = read_number(number, ValueLimits(), arena, cell) == Fit::whole;
    std::string buffer;
    out += has_plain_form ? one_spelling(ColumnType::number, cell.text, buffer) : number;
  }

  std::string_view rest_;
  int depth_ = 0;
};

}  // namespace

std::string_view spell_json(std::string_view json, std::string& buffer) {
  std::string made;
  if (!Speller(json).spell_all(made)) return json;
  buffer = std::move(made);
  return buffer;
}

}  // namespace landfall
