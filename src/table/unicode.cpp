#include "table/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include <utf8proc.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

constexpr utf8proc_int32_t replacement_character = 0xfffd;

struct Character {
  utf8proc_int32_t code = 0;
  std::size_t bytes = 0;
};

utf8proc_uint8_t const* bytes_of(std::string_view text) {
  return reinterpret_cast<utf8proc_uint8_t const*>(text.data());
}

// Of text that is not empty. A byte that begins no character is U+FFFD, and one byte long.
Character first_character(std::string_view text, bool& is_valid) {
  utf8proc_int32_t code = 0;
  auto const size = utf8proc_iterate(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &code);
  is_valid = size > 0;
  if (!is_valid) return {replacement_character, 1};
  return {code, static_cast<std::size_t>(size)};
}

Character first_character(std::string_view valid_text) {
  bool is_valid = false;
  Character const character = first_character(valid_text, is_valid);
  LANDFALL_ASSERT(is_valid);
  return character;
}

void append(std::string& text, utf8proc_int32_t code) {
  utf8proc_uint8_t bytes[4];
  auto const size = utf8proc_encode_char(code, bytes);
  LANDFALL_ASSERT(size > 0);
  text.append(reinterpret_cast<char const*>(bytes), static_cast<std::size_t>(size));
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

// NFC, after what `more` asks for.
std::string normalised(std::string_view text, int more = 0) {
  if (more == 0 && is_ascii(text)) return std::string(text);  // most names: a large catalog has 100,000
  utf8proc_uint8_t* result = nullptr;
  auto const options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | more);
  auto const size = utf8proc_map(bytes_of(text), static_cast<utf8proc_ssize_t>(text.size()), &result, options);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  LANDFALL_ASSERT(size >= 0);  // valid UTF-8 gives it no other reason to fail
  std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> const owner(result, &std::free);
  return std::string(reinterpret_cast<char const*>(result), static_cast<std::size_t>(size));
}

template <class Map>
std::string mapped(std::string_view text, Map map) {
  std::string result;
  while (!text.empty()) {
    Character const character = first_character(text);
    append(result, map(character.code));
    text.remove_prefix(character.bytes);
  }
  return normalised(result);
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    bool is_valid = false;
    bytes.remove_prefix(first_character(bytes, is_valid).bytes);
    if (!is_valid) return false;
  }
  return true;
}

CleanText clean_text(std::string_view bytes) {
  CleanText clean;
  std::string replaced;
  while (!bytes.empty()) {
    bool is_valid = false;
    Character const character = first_character(bytes, is_valid);
    bool const is_control = utf8proc_category(character.code) == UTF8PROC_CATEGORY_CC;
    append(replaced, is_control ? '_' : character.code);
    clean.lost_bytes = clean.lost_bytes || is_control || !is_valid;
    bytes.remove_prefix(character.bytes);
  }
  clean.text = normalised(replaced);
  return clean;
}

std::string lower_case(std::string_view text) { return mapped(text, utf8proc_tolower); }
std::string upper_case(std::string_view text) { return mapped(text, utf8proc_toupper); }

std::string folded_case(std::string_view text) {
  if (is_ascii(text)) return lower_case(text);
  // Lower case alone makes "i" of "İ", upper case alone "I" of "ı", folding alone "ss" of "ß".
  return normalised(upper_case(lower_case(text)), UTF8PROC_CASEFOLD);
}

std::string_view beginning_of(std::string_view text, std::size_t most_bytes, std::size_t most_characters) {
  if (text.size() <= most_bytes && text.size() <= most_characters) return text;  // a character has a byte at least
  std::size_t end = 0;       // the last border between graphemes that is near enough
  std::size_t position = 0;  // bytes
  std::size_t characters = 0;
  utf8proc_int32_t state = 0;
  utf8proc_int32_t previous = 0;
  while (position < text.size()) {
    Character const next = first_character(text.substr(position));
    if (position > 0 && utf8proc_grapheme_break_stateful(previous, next.code, &state)) end = position;
    position += next.bytes;
    ++characters;
    if (position > most_bytes || characters > most_characters) return text.substr(0, end);
    previous = next.code;
  }
  return text;
}

}  // namespace landfall
