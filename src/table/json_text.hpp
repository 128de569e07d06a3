#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "table/text_arena.hpp"

namespace landfall {

/// What a decoded string is.
enum class Decoded {
  text,
  no_text,  ///< half of a surrogate pair is alone: there is no UTF-8 for it, and U+FFFD stands in its place
  broken,   ///< no JSON
};

/// The text of a string, which is given as it stands between its quotes: `raw` itself where nothing is escaped.
Decoded decode_string(std::string_view raw, TextArena& arena, std::string_view& text);

/// An escape: `size` bytes of JSON, which mean one character.
struct JsonEscape {
  std::size_t size = 0;         ///< 0: it is none
  std::int32_t character = -1;  ///< -1: half of a surrogate pair
};

/// `text` begins with a backslash.
JsonEscape escape_at(std::string_view text) noexcept;

/// RFC 8259, section 6.
bool is_json_number(std::string_view text) noexcept;

constexpr bool is_white_space(char byte) noexcept {
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/// Without white space at the end.
constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_white_space(text.back())) text.remove_suffix(1);
  return text;
}

/// The text in quotes, with what JSON wants escaped.
std::string quoted_json(std::string_view text);

}  // namespace landfall
