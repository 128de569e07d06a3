#include "protocol/lone_surrogates.hpp"

#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "protocol/lines.hpp"

namespace landfall {
namespace {

TEST(LoneSurrogates, OnlyHalvesThatStandAloneAreReplaced) {
  struct Row {
    char const* name;
    char const* text;
    char const* expected;
  };
  Row const rows[] = {
      {"high", R"("\ud83d")", R"("\ufffd")"},
      {"low", R"("\ude00")", R"("\ufffd")"},
      {"the first and the last of each half", R"("\ud800.\udbff.\udc00.\udfff")", R"("\ufffd.\ufffd.\ufffd.\ufffd")"},
      {"in capitals", R"("\uD83D \uDE00 \uDbFf")", R"("\ufffd \ufffd \ufffd")"},
      {"a pair", R"("\ud83d\ude00\uD83D\uDE00")", R"("\ud83d\ude00\uD83D\uDE00")"},
      {"a high one before a pair", R"("\ud83d\ud83d\ude00")", R"("\ufffd\ud83d\ude00")"},
      {"a low one behind a pair", R"("\ud83d\ude00\ude00")", R"("\ud83d\ude00\ufffd")"},
      {"a pair the wrong way round", R"("\ude00\ud83d")", R"("\ufffd\ufffd")"},
      {"a high one before another character", R"("\ud83d\u0041")", R"("\ufffd\u0041")"},
      {"a high one before a line end", R"("\ud83d\n")", R"("\ufffd\n")"},
      {"halves in two strings", R"(["\ud83d","\ude00"])", R"(["\ufffd","\ufffd"])"},
      {"an escaped backslash", R"("\\ud83d")", R"("\\ud83d")"},
      {"an escaped backslash and a half", R"("\\\ud83d")", R"("\\\ufffd")"},
      {"a high one before an escaped backslash", R"("\ud83d\\ude00")", R"("\ufffd\\ude00")"},
      {"neighbours of the halves", R"("\ud7ff\ue000\ufffd")", R"("\ud7ff\ue000\ufffd")"},
      {"no escape at all", R"("ud83d")", R"("ud83d")"},
      {"a broken escape before one", R"("\x\ud83d")", R"("\x\ufffd")"},
      {"an escape that is cut", R"("\ud83)", R"("\ud83)"},
      {"a backslash at the end", R"("\)", R"("\)"},
      {"nothing", "", ""},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    PaddedLine const text(row.text);
    EXPECT_EQ(without_lone_surrogates(text.view()), row.expected);
    EXPECT_EQ(has_lone_surrogate(text.view()), std::string_view(row.text) != row.expected);
  }
}

TEST(LoneSurrogates, TheMembersInWhichTheyStandAreNamedOnce) {
  struct Row {
    char const* name;
    char const* object;
    std::vector<std::string> expected;
  };
  Row const rows[] = {
      {"none", R"({"a":"x","b":["\\ud83d"]})", {}},
      {"in values", R"({"a":"\ud83d","b":1,"c":"\ude00\ude00"})", {R"("a")", R"("c")"}},
      {"deep in a value", R"({"a":{"b":[{"c":"}\ud83d]"}]},"d":{}})", {R"("a")"}},
      {"in a name", R"({"a\ud83d":1})", {R"("a\ufffd")"}},
      {"in the name of a member of a value", R"({"a":[{"\ud83d":1}]})", {R"("a")"}},
      {"twice the same name", R"({"a":"\ud83d","a":"\ud83d"})", {R"("a")"}},
      {"with white space", R"({ "a" : "\ud83d" , "b" : [ "\ud83d" ] })", {R"("a")", R"("b")"}},
      {"a name with escapes", R"({"\"\u0061,":"\ud83d"})", {R"("\"\u0061,")"}},
      {"an empty object", "{}", {}},
      {"broken text", R"({"a":"\ud83d",,"b":"\ud83d"})", {R"("a")"}},
      {"a string without an end", R"({"a":"\ud83d})", {R"("a")"}},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    PaddedLine const object(row.object);
    EXPECT_EQ(members_with_lone_surrogates(object.view()), row.expected);
  }
}

TEST(LoneSurrogates, NamesCollideOnlyInOneObjectAndOnlyByTheReplacement) {
  struct Row {
    char const* name;
    char const* object;
    bool expected;
  };
  Row const rows[] = {
      {"two halves", R"({"k\ud83d":1,"k\ude00":2})", true},
      {"with others between", R"({"k\ud83d":1,"a":{},"k\ude00":2,"z":[]})", true},
      {"a half and the replacement itself", R"({"k\ufffd":1,"k\ude00":2})", true},
      {"the replacement in other spellings", "{\"\xef\xbf\xbd\":1,\"\\ude00\":2}", true},
      {"in an object inside", R"({"a":[1,{"\ud83d":1,"\ud83e":2}]})", true},
      {"in two objects", R"({"a":{"\ud83d":1},"b":{"\ud83e":2},"\ud83f":3})", false},
      {"in an object and one inside it", R"({"\ud83d":{"\ud83e":2}})", false},
      {"names that were equal before", R"({"a":1,"a":2,"\ud83d":3})", false},
      {"one name", R"({"\ud83d":"\ud83d"})", false},
      {"a name and a value", R"({"\ud83d":"x","y":"\ud83e"})", false},
      {"values in an array", R"({"a":["\ud83d","\ud83e"]})", false},
      {"of other length", R"({"\ud83d":1,"\ud83d\ud83d":2})", false},
      {"broken text", R"({"\ud83d":1]}})", false},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    PaddedLine const object(row.object);
    EXPECT_EQ(would_names_collide(object.view()), row.expected);
  }
}

TEST(LoneSurrogates, MetaGetsAnEntryForEachFieldBehindThoseOfTheSource) {
  std::string const a = R"({"field":"a","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"})";
  std::string const b = R"({"field":"b\ufffd","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"})";
  struct Row {
    char const* name;
    std::string meta;
    std::string expected;
  };
  Row const rows[] = {
      {"none", "", R"({"changes":[)" + a + "," + b + "]}"},
      {"empty", "{}", R"({"changes":[)" + a + "," + b + "]}"},
      {"empty with a blank", "{ }", R"({ "changes":[)" + a + "," + b + "]}"},
      {"without changes", R"({"x":1})", R"({"x":1,"changes":[)" + a + "," + b + "]}"},
      {"empty changes", R"({"changes":[ ],"x":1})", R"({"changes":[ )" + a + "," + b + R"(],"x":1})"},
      {"changes", R"({"changes":[{"field":"]"}],"x":1})",
       R"({"changes":[{"field":"]"},)" + a + "," + b + R"(],"x":1})"},
      {"changes in another spelling", R"({"ch\u0061nges" : [1]})", R"({"ch\u0061nges" : [1,)" + a + "," + b + "]}"},
      {"null", R"({"changes":null})", R"({"changes":[)" + a + "," + b + "]}"},
      {"no array", R"({"changes":{"a":[]},"x":1})", R"({"changes":[)" + a + "," + b + R"(],"x":1})"},
      {"twice", R"({"changes":[1],"changes":[2]})", R"({"changes":[1],"changes":[2,)" + a + "," + b + "]}"},
      {"deeper", R"({"x":{"changes":[1]}})", R"({"x":{"changes":[1]},"changes":[)" + a + "," + b + "]}"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    PaddedLine const meta(row.meta);
    EXPECT_EQ(meta_with_replacements(meta.view(), {R"("a")", R"("b\ufffd")"}), row.expected);
  }
}

// Whatever the text is: as long as before, nothing left to replace, and no byte read that is not there.
TEST(LoneSurrogates, AnyTextIsTaken) {
  std::string const pieces[] = {R"(\ud83d)", R"(\uDE00)", R"(\\)", "\\", "u", "\"", "{",      "}",
                                "[",         "]",         ":",     ",",  "a", " ",  R"("k":)"};
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    std::string text = "{";
    for (std::size_t i = 0, count = random() % 20; i < count; ++i) text += pieces[random() % std::size(pieces)];
    PaddedLine const padded(text);
    std::string const replaced = without_lone_surrogates(padded.view());
    EXPECT_EQ(replaced.size(), text.size());
    EXPECT_FALSE(has_lone_surrogate(PaddedLine(replaced).view()));
    static_cast<void>(members_with_lone_surrogates(padded.view()));
    static_cast<void>(would_names_collide(padded.view()));
    static_cast<void>(meta_with_replacements(padded.view(), {R"("a")"}));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace landfall
