#pragma once

#include <cstddef>

namespace landfall {

/// The value of 4 hexadecimal digits, or -1.
inline int hex_value(char const* at) noexcept {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    char const digit = at[i];
    if (digit >= '0' && digit <= '9') {
      value = value * 16 + (digit - '0');
    } else if ((digit >= 'a' && digit <= 'f') || (digit >= 'A' && digit <= 'F')) {
      value = value * 16 + ((digit | 0x20) - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

/// An escape in JSON text.
struct Escape {
  constexpr Escape() = default;
  constexpr explicit Escape(std::size_t bytes, bool lone_surrogate = false)
      : size(bytes), is_lone_surrogate(lone_surrogate) {}

  std::size_t size = 0;            ///< 0: JSON has no such escape
  bool is_lone_surrogate = false;  ///< half of a surrogate pair, without the other half
};

/// The escape that begins with the backslash at `at`. 12 bytes are readable.
inline Escape escape_at(char const* at) noexcept {
  switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return Escape(2);
    case 'u': {
      auto const is_high = [](int unit) { return unit >= 0xd800 && unit <= 0xdbff; };
      auto const is_low = [](int unit) { return unit >= 0xdc00 && unit <= 0xdfff; };
      int const unit = hex_value(at + 2);
      if (unit < 0) return Escape();
      if (is_low(unit)) return Escape(6, true);
      if (!is_high(unit)) return Escape(6);
      bool const is_pair = at[6] == '\\' && at[7] == 'u' && is_low(hex_value(at + 8));
      return is_pair ? Escape(12) : Escape(6, true);
    }
    default:
      return Escape();
  }
}

}  // namespace landfall
