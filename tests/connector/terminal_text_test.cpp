#include "connector/terminal_text.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace landfall {
namespace {

using std::string_view_literals::operator""sv;

struct Row {
  std::string_view name;
  std::string_view text;
  std::string_view shown;
};

constexpr Row rows[] = {
    {"nothing", "", ""},
    {"text", "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80 \\n",
     "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80 \\n"},
    {"a letter with an accent of its own", "e\xcc\x81", "e\xcc\x81"},
    {"lines and tabs", "a\r\n\tb", "a\\r\\n\\tb"},
    {"a terminal's commands", "\x1b]0;title\x07\x7f", "\\u001b]0;title\\u0007\\u007f"},
    {"NUL", "a\0b"sv, "a\\u0000b"},
    {"those of ISO 8859",
     "\xc2\x9b"
     "31m",
     "\\u009b31m"},
    {"a lone byte of them",
     "\x9b"
     "31m",
     "\\x9b31m"},
    {"half a character", "a\xe2\x80", "a\\xe2\\x80"},
    {"separators of lines and paragraphs", "a\xe2\x80\xa8\xe2\x80\xa9", "a\\u2028\\u2029"},
    {"marks of direction", "\xe2\x80\xae\xe2\x81\xa6\xd8\x9c", "\\u202e\\u2066\\u061c"},
    {"a byte order mark", "\xef\xbb\xbfx", "\\ufeffx"},
    {"what has no width",
     "a\xe2\x80\x8b"
     "b\xc2\xad",
     "a\\u200bb\\u00ad"},
    {"tags", "\xf3\xa0\x81\xa1", "\\U000e0061"},
};

TEST(TerminalText, HasNothingInItThatCannotBeSeen) {
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(terminal_text(row.text), row.shown);
  }
}

}  // namespace
}  // namespace landfall
