#include "exact_json.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_stack.hpp>

namespace acceptance {
namespace {

// The one member of the object that stands for a number beyond int64.
constexpr std::string_view decimal_key =
    "\x01"
    "decimal";

/// digits * 10^exponent; no zeros at either end of the digits, "0" alone is zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  long exponent = 0;
};

Decimal read_decimal(std::string_view text) {
  Decimal decimal;
  std::size_t at = 0;
  if (text[at] == '-') decimal.negative = true, ++at;
  bool in_fraction = false;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      in_fraction = true;
      continue;
    }
    decimal.digits += text[at];
    if (in_fraction) --decimal.exponent;
  }
  if (at < text.size()) {
    auto const exponent = text.substr(at + (text[at + 1] == '+' ? 2 : 1));
    long value = 0;
    std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
    decimal.exponent += value;
  }
  decimal.digits.erase(0, decimal.digits.find_first_not_of('0'));  // all of them, when there are only zeros
  while (!decimal.digits.empty() && decimal.digits.back() == '0') decimal.digits.pop_back(), ++decimal.exponent;
  if (decimal.digits.empty()) return Decimal{false, "0", 0};
  return decimal;
}

std::string decimal_text(Decimal const& decimal) {
  std::string const sign = decimal.negative ? "-" : "";
  long const size = static_cast<long>(decimal.digits.size());
  if (decimal.exponent >= 0 && size + decimal.exponent <= 60) {
    return sign + decimal.digits + std::string(static_cast<std::size_t>(decimal.exponent), '0');
  }
  if (decimal.exponent < 0 && -decimal.exponent <= 60) {
    auto digits = decimal.digits;
    if (size <= -decimal.exponent) digits.insert(0, static_cast<std::size_t>(1 - decimal.exponent - size), '0');
    digits.insert(digits.size() - static_cast<std::size_t>(-decimal.exponent), ".");
    return sign + digits;
  }
  return fmt::format("{}{}e{}", sign, decimal.digits, decimal.exponent);
}

/// Builds values as boost::json::parse does, except for numbers.
struct ExactHandler {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Code = json::error_code;
  using Text = json::string_view;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t count, Code&) { return stack.push_array(count), true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t count, Code&) { return stack.push_object(count), true; }
  bool on_string_part(Text part, std::size_t, Code&) { return stack.push_chars(part), true; }
  bool on_string(Text part, std::size_t, Code&) { return stack.push_string(part), true; }
  bool on_key_part(Text part, std::size_t, Code&) { return stack.push_chars(part), true; }
  bool on_key(Text part, std::size_t, Code&) { return stack.push_key(part), true; }
  bool on_number_part(Text part, Code&) { return number.append(part.data(), part.size()), true; }
  bool on_int64(std::int64_t, Text rest, Code&) { return push_number(rest); }
  bool on_uint64(std::uint64_t, Text rest, Code&) { return push_number(rest); }
  bool on_double(double, Text rest, Code&) { return push_number(rest); }
  bool on_bool(bool value, Code&) { return stack.push_bool(value), true; }
  bool on_null(Code&) { return stack.push_null(), true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

  bool push_number(Text rest) {
    number.append(rest.data(), rest.size());
    auto const text = decimal_text(read_decimal(number));
    number.clear();
    std::int64_t integer = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
    if (error == std::errc() && end == text.data() + text.size()) return stack.push_int64(integer), true;
    stack.push_key(decimal_key);
    stack.push_string(text);
    stack.push_object(1);
    return true;
  }

  json::value_stack stack;
  std::string number;
};

std::optional<std::string_view> decimal_of(json::object const& object) {
  if (object.size() != 1 || object.begin()->key() != decimal_key) return std::nullopt;
  return std::string_view(object.begin()->value().get_string());
}

void append_text(json::value const& value, std::string& text) {
  if (auto const* array = value.if_array()) {
    char separator = '[';
    for (auto const& item : *array) {
      text += separator;
      append_text(item, text);
      separator = ',';
    }
    text += array->empty() ? "[]" : "]";
  } else if (auto const* object = value.if_object()) {
    if (auto const decimal = decimal_of(*object)) {
      text += *decimal;
      return;
    }
    char separator = '{';
    for (auto const& [key, item] : *object) {
      text += separator;
      text += json::serialize(json::string(key)) + ':';
      append_text(item, text);
      separator = ',';
    }
    text += object->empty() ? "{}" : "}";
  } else {
    text += json::serialize(value);
  }
}

}  // namespace

json::value parse_exact(std::string_view text, bool comments) {
  json::parse_options options;
  options.max_depth = 2000;
  options.allow_comments = comments;
  options.allow_trailing_commas = comments;
  json::basic_parser<ExactHandler> parser(options);
  auto& stack = parser.handler().stack;
  stack.reset();
  json::error_code error;
  auto const used = parser.write_some(false, text.data(), text.size(), error);
  if (error) throw std::runtime_error(fmt::format("no valid JSON: {} (byte {})", error.message(), used));
  auto const rest = text.find_first_not_of(" \t\r\n", used);
  if (rest != text.npos) throw std::runtime_error(fmt::format("text after the JSON value (byte {})", rest));
  return stack.release();
}

std::string to_text(json::value const& value) {
  std::string text;
  append_text(value, text);
  return text;
}

}  // namespace acceptance
