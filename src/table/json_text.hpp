#pragma once

#include <string>
#include <string_view>

#include "table/text_arena.hpp"

namespace landfall {

/// What a decoded string is.
enum class Decoded {
  text,
  no_text,  ///< half of a surrogate pair is alone: there is no UTF-8 for it
  broken,   ///< no JSON
};

/// The text of a string, which is given as it stands between its quotes: `raw` itself where nothing is escaped.
Decoded decode_string(std::string_view raw, TextArena& arena, std::string_view& text);

/// What is written as an escape somewhere in a piece of JSON, in names or values.
struct JsonEscapes {
  bool nul = false;             ///< \u0000
  bool lone_surrogate = false;  ///< \ud800 without its other half
};
JsonEscapes escapes_of(std::string_view json) noexcept;

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
