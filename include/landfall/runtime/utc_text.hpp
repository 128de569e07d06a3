#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace landfall {

/// A moment as ISO 8601 has it, in UTC and with milliseconds: "2023-11-14T22:13:20.123Z". A year beyond 0 to 9999 has a
/// sign and more digits. A value without memory of its own.
class UtcText {
 public:
  static constexpr std::size_t usual_size = 24;  ///< of years with four digits

  explicit UtcText(std::int64_t since_epoch_ms) noexcept;

  std::string_view text() const noexcept { return {characters_.data(), size_}; }

 private:
  std::array<char, 32> characters_;
  std::size_t size_ = usual_size;
};

}  // namespace landfall
