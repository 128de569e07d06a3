#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace landfall::benchmarks {

/// Appends `text` as PostgreSQL's COPY reads a value in its text format.
inline void append_copy_text(std::string& out, std::string_view text) {
  auto const escape_of = [](char c) {
    switch (c) {
      case '\\':
        return '\\';
      case '\n':
        return 'n';
      case '\r':
        return 'r';
      case '\t':
        return 't';
      default:
        return '\0';
    }
  };
  std::size_t begin = 0;  // of what is not yet written
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' && static_cast<unsigned char>(text[i]) >= ' ') [[likely]]
      continue;
    char const escape = escape_of(text[i]);
    if (escape == '\0') continue;
    out += text.substr(begin, i - begin);
    out += '\\';
    out += escape;
    begin = i + 1;
  }
  out += text.substr(begin);
}

}  // namespace landfall::benchmarks
