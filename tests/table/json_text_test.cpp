#include "table/json_text.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "table/text_arena.hpp"

namespace landfall {
namespace {

struct StringRow {
  std::string_view name;
  std::string_view raw;
  Decoded expected;
  std::string_view text;
};

constexpr StringRow string_rows[] = {
    {"empty", "", Decoded::text, ""},
    {"plain", "abc", Decoded::text, "abc"},
    {"UTF-8", "né宮🌍", Decoded::text, "né宮🌍"},
    {"short escapes", R"(\"\\\/\b\f\n\r\t)", Decoded::text, "\"\\/\b\f\n\r\t"},
    {"escape in the middle", R"(a\nb)", Decoded::text, "a\nb"},
    {"backslash before u", R"(\\u0041)", Decoded::text, "\\u0041"},
    {"one byte", R"(\u0041)", Decoded::text, "A"},
    {"largest of one byte", R"(\u007f)", Decoded::text, "\x7f"},
    {"two bytes", R"(\u0080\u00E9\u07ff)", Decoded::text, "\xc2\x80\xc3\xa9\xdf\xbf"},
    {"three bytes", R"(\u0800\u5BAE\uffff)", Decoded::text, "\xe0\xa0\x80\xe5\xae\xae\xef\xbf\xbf"},
    {"pair", R"(\ud83d\udce6)", Decoded::text, "📦"},
    {"smallest and largest pair", R"(\uD800\uDC00\uDBFF\uDFFF)", Decoded::text, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    {"NUL", R"(a\u0000b)", Decoded::text, std::string_view("a\0b", 3)},

    {"high surrogate alone", R"(a\ud800)", Decoded::no_text, "a\ufffd"},
    {"high surrogate before text", R"(\ud800b)", Decoded::no_text,
     "\ufffd"
     "b"},
    {"high surrogate before an escape", R"(\ud800\n)", Decoded::no_text, "\ufffd\n"},
    {"high surrogate twice", R"(\ud800\ud800)", Decoded::no_text, "\ufffd\ufffd"},
    {"high surrogate before no surrogate", R"(\ud800\u0041)", Decoded::no_text,
     "\ufffd"
     "A"},
    {"high surrogate before a broken one", R"(\ud800\udc0)", Decoded::broken, ""},
    {"low surrogate alone", R"(\udc00)", Decoded::no_text, "\ufffd"},
    {"pair the wrong way round", R"(\udc00\ud800)", Decoded::no_text, "\ufffd\ufffd"},

    {"backslash at the end", R"(a\)", Decoded::broken, ""},
    {"no escape", R"(\x41)", Decoded::broken, ""},
    {"capital", R"(\N)", Decoded::broken, ""},
    {"too short", R"(\u004)", Decoded::broken, ""},
    {"no digits", R"(\u00g0)", Decoded::broken, ""},
};

TEST(JsonText, StringsAreDecoded) {
  for (StringRow const& row : string_rows) {
    SCOPED_TRACE(row.name);
    TextArena arena;
    std::string_view text;
    EXPECT_EQ(decode_string(row.raw, arena, text), row.expected);
    if (row.expected == Decoded::broken) continue;
    EXPECT_EQ(text, row.text);
  }
}

TEST(JsonText, AStringWithoutEscapesIsNotCopied) {
  TextArena arena;
  std::string_view const raw = "nothing to decode";
  std::string_view text;
  EXPECT_EQ(decode_string(raw, arena, text), Decoded::text);
  EXPECT_EQ(text.data(), raw.data());
}

TEST(JsonText, StringsOfOneRecordStayWhereTheyAre) {
  TextArena arena;
  std::string const long_raw = std::string(100'000, 'x') + R"(\n)";
  std::string_view first;
  std::string_view second;
  EXPECT_EQ(decode_string(R"(first\n)", arena, first), Decoded::text);
  EXPECT_EQ(decode_string(long_raw, arena, second), Decoded::text);
  EXPECT_EQ(first, "first\n");
  EXPECT_EQ(second, std::string(100'000, 'x') + "\n");
}

TEST(JsonText, KnowsNumbers) {
  for (std::string_view const text :
       {"0", "-0", "12", "-1.50", "1e5", "1E+5", "0.0e-0", "123456789012345678901234567890"}) {
    EXPECT_TRUE(is_json_number(text)) << text;
  }
  for (std::string_view const text :
       {"", "-", "01", "-01", "+1", ".5", "5.", "1e", "1e+", "1.e5", "1 ", "1x", "0x1", "NaN"}) {
    EXPECT_FALSE(is_json_number(text)) << text;
  }
}

TEST(JsonText, NamesAreQuoted) {
  EXPECT_EQ(quoted_json(""), R"("")");
  EXPECT_EQ(quoted_json("né"), R"("né")");
  EXPECT_EQ(quoted_json("a\"b\\c/"), R"("a\"b\\c/")");
  EXPECT_EQ(quoted_json(std::string_view("\0\n\x1f\x7f", 4)), "\"\\u0000\\u000a\\u001f\x7f\"");
}

}  // namespace
}  // namespace landfall
