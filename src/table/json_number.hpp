#pragma once

#include <cstdint>
#include <string_view>

namespace landfall {

/// A JSON number by its value: the digits from the first to the last that is not 0, in two parts, and where the point
/// stands before them: 0.0012 is 12 with the point at -2. Views into the text.
class JsonNumber {
 public:
  /// `text`: RFC 8259, section 6.
  explicit JsonNumber(std::string_view text) noexcept;

  bool is_zero() const noexcept { return count() == 0; }

  /// -1, 0, 1.
  int compare(JsonNumber const& other) const noexcept;

 private:
  std::size_t count() const noexcept { return first_.size() + second_.size(); }
  char digit(std::size_t place) const noexcept;
  int compare_sizes(JsonNumber const& other) const noexcept;
  int sign() const noexcept { return is_zero() ? 0 : is_negative_ ? -1 : 1; }

  bool is_negative_ = false;
  std::string_view first_;
  std::string_view second_;
  std::int64_t point_ = 0;
};

}  // namespace landfall
