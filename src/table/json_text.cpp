#include "table/json_text.hpp"

#include <cstring>

#include <fmt/format.h>

namespace landfall {
namespace {

constexpr std::int32_t replacement_character = 0xfffd;

bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }
bool is_high_surrogate(int unit) noexcept { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low_surrogate(int unit) noexcept { return unit >= 0xdc00 && unit <= 0xdfff; }

int hex_digit(char digit) noexcept {
  if (is_digit(digit)) return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

/// The number of an escape \uXXXX at the beginning of `text`, or -1 when there is none.
int unit_of(std::string_view text) noexcept {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int unit = 0;
  for (char const byte : text.substr(2, 4)) {
    int const digit = hex_digit(byte);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

JsonEscape unicode_escape(std::string_view text) noexcept {
  int const unit = unit_of(text);
  if (unit < 0) return JsonEscape();
  if (is_low_surrogate(unit)) return JsonEscape{6, -1};
  if (!is_high_surrogate(unit)) return JsonEscape{6, unit};
  int const low = unit_of(text.substr(6));
  if (!is_low_surrogate(low)) return JsonEscape{6, -1};
  return JsonEscape{12, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)};
}

char* append_utf8(char* out, std::int32_t character) noexcept {
  auto const byte = [](std::int32_t bits) { return static_cast<char>(bits); };
  if (character < 0x80) {
    *out++ = byte(character);
    return out;
  }
  if (character < 0x800) {
    *out++ = byte(0xc0 | character >> 6);
  } else {
    if (character < 0x10000) {
      *out++ = byte(0xe0 | character >> 12);
    } else {
      *out++ = byte(0xf0 | character >> 18);
      *out++ = byte(0x80 | (character >> 12 & 0x3f));
    }
    *out++ = byte(0x80 | (character >> 6 & 0x3f));
  }
  *out++ = byte(0x80 | (character & 0x3f));
  return out;
}

bool skip_digits(std::string_view& text) noexcept {
  std::size_t const before = text.size();
  while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
  return text.size() != before;
}

bool skip(std::string_view& text, char byte) noexcept {
  if (text.empty() || text.front() != byte) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

JsonEscape escape_at(std::string_view text) noexcept {
  switch (text.size() < 2 ? '\0' : text[1]) {
    case '"':
    case '\\':
    case '/':
      return JsonEscape{2, text[1]};
    case 'b':
      return JsonEscape{2, '\b'};
    case 'f':
      return JsonEscape{2, '\f'};
    case 'n':
      return JsonEscape{2, '\n'};
    case 'r':
      return JsonEscape{2, '\r'};
    case 't':
      return JsonEscape{2, '\t'};
    case 'u':
      return unicode_escape(text);
    default:
      return JsonEscape();
  }
}

Decoded decode_string(std::string_view raw, TextArena& arena, std::string_view& text) {
  std::size_t escape = raw.find('\\');
  if (escape == std::string_view::npos) {
    text = raw;
    return Decoded::text;
  }
  // No character is longer than its escape.
  char* const begin = arena.take(raw.size());
  std::size_t const capacity = raw.size();
  char* out = begin;
  Decoded result = Decoded::text;
  while (escape != std::string_view::npos) {
    std::memcpy(out, raw.data(), escape);
    out += escape;
    raw.remove_prefix(escape);
    JsonEscape const found = escape_at(raw);
    if (found.size == 0) return Decoded::broken;
    if (found.character < 0) result = Decoded::no_text;
    out = append_utf8(out, found.character < 0 ? replacement_character : found.character);
    raw.remove_prefix(found.size);
    escape = raw.find('\\');
  }
  std::memcpy(out, raw.data(), raw.size());
  out += raw.size();
  auto const size = static_cast<std::size_t>(out - begin);
  arena.give_back(capacity - size);
  text = std::string_view(begin, size);
  return result;
}

bool is_json_number(std::string_view text) noexcept {
  skip(text, '-');
  if (!skip(text, '0') && !skip_digits(text)) return false;
  if (skip(text, '.') && !skip_digits(text)) return false;
  if (skip(text, 'e') || skip(text, 'E')) {
    if (!skip(text, '+')) skip(text, '-');
    if (!skip_digits(text)) return false;
  }
  return text.empty();
}

std::string quoted_json(std::string_view text) {
  std::string quoted = "\"";
  for (char const byte : text) {
    if (byte == '"' || byte == '\\') {
      quoted += '\\';
      quoted += byte;
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(byte));
    } else {
      quoted += byte;
    }
  }
  return quoted + '"';
}

}  // namespace landfall
