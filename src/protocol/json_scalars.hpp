#pragma once

#include <array>
#include <cstddef>
#include <cstring>

namespace landfall {

// Numbers, true, false and null in JSON text. Some bytes behind it are readable, and one of them ends the scalar.

/// Bytes that may stand behind a number, true, false or null.
inline constexpr std::array<bool, 256> ends_scalar = [] {
  std::array<bool, 256> ends{};
  for (char const byte : {',', '}', ']', ' ', '\t', '\r', '\n'}) ends[static_cast<unsigned char>(byte)] = true;
  return ends;
}();

inline bool is_end_of_scalar(char byte) noexcept { return ends_scalar[static_cast<unsigned char>(byte)]; }
inline bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }

inline bool skip_digits(char const*& at) noexcept {
  if (!is_digit(*at)) return false;
  do ++at;
  while (is_digit(*at));
  return true;
}

/// RFC 8259, section 6.
inline bool is_number(char const* at) noexcept {
  if (*at == '-') ++at;
  if (*at == '0') {
    ++at;
  } else if (!skip_digits(at)) {
    return false;
  }
  if (*at == '.' && !skip_digits(++at)) return false;
  if (*at == 'e' || *at == 'E') {
    ++at;
    if (*at == '+' || *at == '-') ++at;
    char const* const exponent = at;
    if (!skip_digits(at)) return false;
    constexpr std::ptrdiff_t usual_digits = 8;  // beyond them parsers differ
    if (at - exponent > usual_digits) return false;
  }
  return is_end_of_scalar(*at);
}

inline bool is_true(char const* at) noexcept { return std::memcmp(at, "true", 4) == 0 && is_end_of_scalar(at[4]); }
inline bool is_false(char const* at) noexcept { return std::memcmp(at, "false", 5) == 0 && is_end_of_scalar(at[5]); }
inline bool is_null(char const* at) noexcept { return std::memcmp(at, "null", 4) == 0 && is_end_of_scalar(at[4]); }

[[gnu::always_inline]] inline bool is_scalar(char const* at) noexcept {
  switch (*at) {
    case 't':
      return is_true(at);
    case 'f':
      return is_false(at);
    case 'n':
      return is_null(at);
    default:
      return is_number(at);
  }
}

}  // namespace landfall
