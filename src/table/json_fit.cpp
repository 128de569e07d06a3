#include "table/json_fit.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "table/decimals.hpp"
#include "table/json_text.hpp"
#include "table/member_names.hpp"

namespace landfall {
namespace {

bool takes_all_text(ValueLimits const& limits) noexcept {
  return limits.json_takes_nul && limits.json_takes_lone_surrogates;
}

bool takes_all_numbers(ValueLimits const& limits) noexcept {
  return limits.json_number_digits == 0 && limits.json_number_scale == 0;
}

bool takes_all(ValueLimits const& limits) noexcept {
  return takes_all_text(limits) && takes_all_numbers(limits) && limits.json_depth == 0;
}

bool takes(ValueLimits const& limits, JsonEscape const& escape) noexcept {
  if (escape.character == 0) return limits.json_takes_nul;
  return escape.character > 0 || limits.json_takes_lone_surrogates;
}

bool takes_number(ValueLimits const& limits, std::string_view number) noexcept {
  return is_within(number, limits.json_number_digits, limits.json_number_scale);
}

bool is_in_number(char byte) noexcept {
  return (byte >= '0' && byte <= '9') || byte == '.' || byte == 'e' || byte == 'E' || byte == '+' || byte == '-';
}

// ---- a glance, which is enough for nearly all ----

bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }

/// JSON that is not longer than this has no number with too many digits, unless by an exponent, and is not too deep.
std::uint64_t harmless_bytes(ValueLimits const& limits) noexcept {
  auto least = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t const brackets = 2 * std::uint64_t{limits.json_depth};
  for (std::uint64_t const limit :
       {std::uint64_t{limits.json_number_digits}, std::uint64_t{limits.json_number_scale}, brackets}) {
    if (limit != 0) least = std::min(least, limit);
  }
  return least;
}

/// A backslash, or an e behind a digit: what an escape or an exponent begins with. The byte before `at` is there, too.
bool may_begin_something(char const* at) noexcept {
  return (*at == '\\') | (((*at | 0x20) == 'e') & (static_cast<unsigned char>(at[-1] - '0') < 10));
}

/// Without branches, so that it is done for many bytes at once.
constexpr std::size_t block_bytes = 32;
bool block_may_hold_something(char const* block) noexcept {
  unsigned char found = 0;
  for (std::size_t i = 0; i < block_bytes; ++i) found |= static_cast<unsigned char>(may_begin_something(block + i));
  return found != 0;
}

/// `text` begins behind the e. No number of this JSON, which has `size` bytes, becomes too large by this exponent.
bool is_harmless_exponent(std::string_view text, std::uint64_t size, std::uint64_t most) noexcept {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  std::uint64_t reach = 1;
  for (std::size_t i = 0; i < text.size() && is_digit(text[i]) && reach <= most; ++i) reach *= 10;
  return size + reach <= most;
}

bool is_harmless_at(std::string_view json, std::size_t at, std::uint64_t most) noexcept {
  if (!may_begin_something(json.data() + at)) return true;
  if (json[at] == '\\') return at + 1 == json.size() || json[at + 1] != 'u';
  return is_harmless_exponent(json.substr(at + 1), json.size(), most);
}

// ---- a walk ----

/// `at` is behind the opening quote. The place behind the closing one; the end, where there is none.
template <class Visitor>
std::size_t walk_string(std::string_view json, std::size_t at, Visitor& visitor) {
  std::size_t quote = json.find('"', at);
  while (quote != std::string_view::npos) {
    std::size_t const escape = json.substr(at, quote - at).find('\\');
    if (escape == std::string_view::npos) return quote + 1;
    at += escape;
    JsonEscape const found = escape_at(json.substr(at));
    if (found.size == 0) return json.size();
    visitor.escape(json.substr(at, found.size), found);
    at += found.size;
    if (at > quote) quote = json.find('"', at);
  }
  return json.size();
}

/// `at` is at the first of its bytes. The place behind the last.
template <class Visitor>
std::size_t walk_number(std::string_view json, std::size_t at, Visitor& visitor) {
  std::size_t end = at + 1;
  while (end < json.size() && is_in_number(json[end])) ++end;
  visitor.number(json.substr(at, end - at));
  return end;
}

/// Shows the visitor what a store may refuse: escapes, numbers, and brackets.
template <class Visitor>
void walk(std::string_view json, Visitor& visitor) {
  for (std::size_t at = 0; at < json.size();) {
    switch (json[at]) {
      case '"':
        at = walk_string(json, at + 1, visitor);
        break;
      case '-':
      case '0':
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
      case '7':
      case '8':
      case '9':
        at = walk_number(json, at, visitor);
        break;
      case '[':
      case '{':
        visitor.open();
        ++at;
        break;
      case ']':
      case '}':
        visitor.close();
        ++at;
        break;
      default:
        ++at;
    }
  }
}

/// Finds out whether the store can have it.
class FitFinder {
 public:
  explicit FitFinder(ValueLimits const& limits) noexcept : limits_(limits) {}

  void escape(std::string_view, JsonEscape const& found) noexcept {
    if (!takes(limits_, found)) is_altered_ = true;
  }
  void number(std::string_view text) noexcept {
    if (!takes_number(limits_, text)) is_too_large_ = true;
  }
  void open() noexcept {
    ++depth_;
    if (limits_.json_depth != 0 && depth_ > limits_.json_depth) is_too_large_ = true;
  }
  void close() noexcept { --depth_; }

  Fit fit() const noexcept {
    if (is_too_large_) return Fit::too_large;
    return is_altered_ ? Fit::altered : Fit::whole;
  }

 private:
  ValueLimits const& limits_;
  bool is_altered_ = false;
  bool is_too_large_ = false;
  std::uint64_t depth_ = 0;
};

/// Copies it with what the store can have.
class Replacer {
 public:
  Replacer(std::string_view json, ValueLimits const& limits, std::string& room) noexcept
      : json_(json), limits_(limits), room_(room) {}

  void escape(std::string_view text, JsonEscape const& found) {
    if (!takes(limits_, found)) replace(text, found.character == 0 ? "" : "\\ufffd");
  }
  void number(std::string_view text) {
    if (!takes_number(limits_, text)) replace(text, "null");
  }
  void open() noexcept {}
  void close() noexcept {}

  std::string_view result() {
    if (!has_replaced_) return json_;
    return room_.append(json_.substr(copied_));
  }

 private:
  void replace(std::string_view part, std::string_view by) {
    if (!has_replaced_) room_.clear();
    has_replaced_ = true;
    auto const place = static_cast<std::size_t>(part.data() - json_.data());
    room_.append(json_.substr(copied_, place - copied_)).append(by);
    copied_ = place + part.size();
  }

  std::string_view json_;
  ValueLimits const& limits_;
  std::string& room_;
  std::size_t copied_ = 0;
  bool has_replaced_ = false;
};

}  // namespace

bool is_harmless(std::string_view json, ValueLimits const& limits) noexcept {
  if (takes_all(limits)) return true;
  std::uint64_t const most = harmless_bytes(limits);
  if (json.size() > most) return false;
  std::size_t at = 1;
  while (at < json.size()) {
    bool const is_block = at + block_bytes <= json.size();
    std::size_t const end = is_block ? at + block_bytes : json.size();
    if (is_block && !block_may_hold_something(json.data() + at)) at = end;
    for (; at < end; ++at) {
      if (!is_harmless_at(json, at, most)) return false;
    }
  }
  return true;
}

Fit fit_of_json(JsonValue const& value, ValueLimits const& limits) {
  std::string_view const json = value.json();
  if (limits.longest_text_bytes != 0 && json.size() > limits.longest_text_bytes) return Fit::too_large;
  FitFinder finder(limits);
  switch (value.kind) {
    case JsonValue::Kind::null:
    case JsonValue::Kind::boolean:
      break;
    case JsonValue::Kind::number:
      finder.number(value.text);
      break;
    case JsonValue::Kind::string:
      if (!takes_all_text(limits) && value.text.find('\\') != std::string_view::npos) walk(json, finder);
      break;
    case JsonValue::Kind::container:
      if (!is_harmless(json, limits)) walk(json, finder);
      break;
  }
  Fit const fit = finder.fit();
  return fit == Fit::altered && names_meet_in(json, limits) ? Fit::ambiguous : fit;
}

std::string_view held_json(std::string_view json, ValueLimits const& limits, std::string& room) {
  if (is_harmless(json, limits)) return json;
  Replacer replacer(json, limits, room);
  walk(json, replacer);
  return replacer.result();
}

}  // namespace landfall
