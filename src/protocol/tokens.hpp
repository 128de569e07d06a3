#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace landfall {

/// What a byte that begins a token does to the depth.
inline constexpr std::array<std::int8_t, 256> depth_changes = [] {
  std::array<std::int8_t, 256> changes{};
  changes['{'] = changes['['] = 1;
  changes['}'] = changes[']'] = -1;
  return changes;
}();

/// The tokens of a line, found by simdjson's first stage: where each bracket, comma, colon, string, number and atom
/// begins. A token number beyond the last one is allowed and has the kind '\0'.
class Tokens {
 public:
  Tokens() = default;
  Tokens(std::string_view line, std::uint32_t const* begins, std::size_t count)
      : line_(line), begins_(begins), count_(count) {}

  std::size_t count() const noexcept { return count_; }
  std::size_t offset(std::size_t token) const noexcept { return token < count_ ? begins_[token] : line_.size(); }
  char kind(std::size_t token) const noexcept { return token < count_ ? line_[begins_[token]] : '\0'; }

  std::string_view text(std::size_t token) const noexcept {
    std::string_view const text = line_.substr(offset(token), offset(token + 1) - offset(token));
    std::size_t size = text.size();
    while (size > 0 && is_white_space(text[size - 1])) --size;
    return text.substr(0, size);
  }

  /// The token behind the object or array that begins with this one; beyond the last one when it has no end.
  std::size_t behind_container(std::size_t token) const noexcept {
    std::ptrdiff_t depth = 1;
    while (depth > 0 && ++token < count_) depth += depth_changes[static_cast<unsigned char>(line_[begins_[token]])];
    return token + 1;
  }

 private:
  static bool is_white_space(char byte) noexcept { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

  std::string_view line_;
  std::uint32_t const* begins_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace landfall
