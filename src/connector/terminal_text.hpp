#pragma once

#include <string>
#include <string_view>

namespace landfall {

/// `text` on one line, with nothing in it that moves a terminal's cursor, changes what follows, or cannot be seen:
/// control and format characters (those of ISO 8859, line and paragraph separators, marks of direction, U+FEFF, ...)
/// become \n, \t, \r or \u202e, bytes that are no UTF-8 become \x9b. All other text stays as it is.
std::string terminal_text(std::string_view text);

}  // namespace landfall
