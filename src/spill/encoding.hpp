#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace landfall::encoding {

/// XXH3, 64 bits.
std::uint64_t hash(std::string_view bytes, std::uint64_t seed = 0);

// Numbers as they lie on disk: little-endian.
template <class Number>
void put_at(char* to, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) to[i] = static_cast<char>((number >> (8 * i)) & 0xff);
}

template <class Number>
void put(std::string& bytes, Number number) {
  char encoded[sizeof(Number)];
  put_at(encoded, number);
  bytes.append(encoded, sizeof(Number));
}

template <class Number>
Number get_at(char const* from) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    auto const byte = static_cast<Number>(static_cast<unsigned char>(from[i]));
    number = static_cast<Number>(number | static_cast<Number>(byte << (8 * i)));
  }
  return number;
}

/// Its size, and the text.
inline void put_text(std::string& bytes, std::string_view text) {
  put(bytes, std::uint64_t{text.size()});
  bytes += text;
}

/// Takes numbers and texts off bytes that may be anything; after one that is not there, nothing is.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    auto const bytes = text(sizeof(std::uint64_t));
    return bytes.empty() ? 0 : get_at<std::uint64_t>(bytes.data());
  }
  std::string_view text(std::uint64_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    auto const taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return taken;
  }
  /// So many entries of at least `entry_bytes` may follow.
  bool may_have(std::uint64_t count, std::size_t entry_bytes) {
    failed_ = failed_ || count > rest_.size() / entry_bytes;
    return !failed_;
  }
  std::string_view rest() const { return rest_; }
  bool failed() const { return failed_; }
  bool whole() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace landfall::encoding
