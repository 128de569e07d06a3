#include "connector/terminal_text.hpp"

#include <cstdint>

#include <fmt/format.h>
#include <utf8proc.h>

namespace landfall {

namespace {

bool is_visible(utf8proc_int32_t character) {
  switch (utf8proc_category(character)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

std::string escaped(utf8proc_int32_t character) {
  switch (character) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      return character > 0xffff ? fmt::format("\\U{:08x}", character) : fmt::format("\\u{:04x}", character);
  }
}

}  // namespace

std::string terminal_text(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    auto const length = utf8proc_iterate(reinterpret_cast<utf8proc_uint8_t const*>(text.data()),
                                         static_cast<utf8proc_ssize_t>(text.size()), &character);
    auto const taken = static_cast<std::size_t>(length < 1 ? 1 : length);
    if (length < 1) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else if (is_visible(character)) {
      shown += text.substr(0, taken);
    } else {
      shown += escaped(character);
    }
    text.remove_prefix(taken);
  }
  return shown;
}

}  // namespace landfall
