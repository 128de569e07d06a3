#include "table/json_fit.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "cells.hpp"
#include "table/member_names.hpp"

namespace landfall {
namespace {

/// A store that cannot have much.
ValueLimits narrow() {
  ValueLimits limits;
  limits.json_takes_nul = false;
  limits.json_takes_lone_surrogates = false;
  limits.json_number_digits = 4;
  limits.json_number_scale = 2;
  limits.json_depth = 3;
  return limits;
}

JsonValue value_of(std::string_view json) {
  using Kind = JsonValue::Kind;
  switch (json.front()) {
    case '"':
      return JsonValue{Kind::string, json.substr(1, json.size() - 2)};
    case '[':
    case '{':
      return JsonValue{Kind::container, json};
    case 't':
    case 'f':
      return JsonValue{Kind::boolean, json};
    case 'n':
      return JsonValue{Kind::null, json};
    default:
      return JsonValue{Kind::number, json};
  }
}

struct FitRow {
  std::string_view name;
  std::string_view json;
  std::string_view fit;
  std::string_view held;  ///< empty: as it is
};

constexpr FitRow fit_rows[] = {
    {"none of it", R"({"a":[1,"b",true,null]})", "whole", ""},
    {"null", "null", "whole", ""},
    {"boolean", "false", "whole", ""},
    {"other escapes", R"(["\n\u0041\\\"[[[[99999"])", "whole", ""},
    {"NUL", R"(["a\u0000b"])", "altered", R"(["ab"])"},
    {"NUL in a string alone", R"("\u0000")", "altered", R"("")"},
    {"NUL in a name", R"({"\u0000":1})", "altered", R"({"":1})"},
    {"NULs", R"({"\u0000":["\u0000\u0000",7]})", "altered", R"({"":["",7]})"},
    {"the text of one", R"(["\\u0000"])", "whole", ""},
    {"a backslash and NUL", R"(["\\\u0000"])", "altered", R"(["\\"])"},
    {"a quote and NUL", R"(["\"\u0000",1])", "altered", R"(["\"",1])"},
    {"NUL between what would be an escape", R"(["\\\u0000u0000"])", "altered", R"(["\\u0000"])"},
    {"two names that become one", R"({"a":1,"\u0000a":2})", "ambiguous", R"({"a":1,"a":2})"},
    {"two names of nothing but NULs", R"([{"\u0000":1,"\u0000\u0000":2}])", "ambiguous", R"([{"":1,"":2}])"},
    {"the same name twice", R"({"a\u0000":1,"\u0061\u0000":2})", "altered", R"({"a":1,"\u0061":2})"},
    {"equal names of two objects", R"([{"a\u0000":1},{"a":{"\u0000a":2}}])", "altered", R"([{"a":1},{"a":{"a":2}}])"},
    {"pair", R"(["\ud83d\udce6"])", "whole", ""},
    {"high surrogate", R"(["\ud83d"])", "altered", R"(["\ufffd"])"},
    {"high surrogate before another string", R"(["\ud83d","\udce6"])", "altered", R"(["\ufffd","\ufffd"])"},
    {"low surrogate", R"(["\uDCE6x"])", "altered", R"(["\ufffdx"])"},
    {"two halves as names", R"({"\ud83d":1,"\ud83e":2})", "ambiguous", R"({"\ufffd":1,"\ufffd":2})"},
    {"one half as a name, twice", R"({"\ud83d":1,"\uD83D":2})", "altered", R"({"\ufffd":1,"\ufffd":2})"},
    {"the text of a surrogate", R"(["\\ud83d"])", "whole", ""},
    {"numbers", "[0,-1,9999,12.34,-99.99,1e3,100e-2]", "whole", ""},
    {"number alone", "10000", "too large", "null"},
    {"number with too many digits", "[-1,-10000,2]", "too large", "[-1,null,2]"},
    {"number with too many behind the point", R"({"a":1.234})", "too large", R"({"a":null})"},
    {"number with an exponent", R"([1E+4, 1])", "too large", "[null, 1]"},
    {"number at the end", "[1,10000]", "too large", "[1,null]"},
    {"digits in text", R"(["10000"])", "whole", ""},
    {"digits in a name", R"({"10000":1.00})", "whole", ""},
    {"as deep as can be", "[[[1]],[[2]],[{}]]", "whole", ""},
    {"both", R"(["\ud83d\u0000",10000])", "too large", R"(["\ufffd",null])"},
};

TEST(JsonFit, WhatTheStoreCannotHaveIsFoundAndReplaced) {
  for (FitRow const& row : fit_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(to_string(fit_of_json(value_of(row.json), narrow())), row.fit);
    std::string room = "left from before";
    std::string_view const held = held_json(row.json, narrow(), room);
    EXPECT_EQ(held, row.held.empty() ? row.json : row.held);
    EXPECT_EQ(held.data() == row.json.data(), row.held.empty());  // not copied
  }
}

TEST(JsonFit, AStoreThatTakesAllGetsAll) {
  for (FitRow const& row : fit_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(to_string(fit_of_json(value_of(row.json), ValueLimits())), "whole");
    std::string room;
    EXPECT_EQ(held_json(row.json, ValueLimits(), room).data(), row.json.data());
  }
}

TEST(JsonFit, DepthIsCountedFromTheValueOn) {
  for (std::string_view const json : {"[[[[]]]]", R"({"a":{"a":{"a":[1]}}})", R"([1,[2,[3,{"a":1}]]])"}) {
    SCOPED_TRACE(json);
    EXPECT_EQ(to_string(fit_of_json(value_of(json), narrow())), "too large");
  }
}

TEST(JsonFit, OnlyOneOfTheLimitsIsSet) {
  ValueLimits only_nul;
  only_nul.json_takes_nul = false;
  ValueLimits only_scale;
  only_scale.json_number_scale = 2;
  ValueLimits only_depth;
  only_depth.json_depth = 1;
  ValueLimits only_length;
  only_length.longest_text_bytes = 7;
  std::string_view const json = R"(["\ud800",10000,[1]])";
  EXPECT_EQ(to_string(fit_of_json(value_of(json), only_nul)), "whole");
  EXPECT_EQ(to_string(fit_of_json(value_of(R"({"\ud800":1,"\ud801\u0000":2})"), only_nul)), "altered");
  EXPECT_EQ(to_string(fit_of_json(value_of(json), only_scale)), "whole");
  EXPECT_EQ(to_string(fit_of_json(value_of(json), only_depth)), "too large");
  EXPECT_EQ(to_string(fit_of_json(value_of(R"("12345")"), only_length)), "whole");
  EXPECT_EQ(to_string(fit_of_json(value_of(R"("123456")"), only_length)), "too large");
}

TEST(JsonFit, WhatIsNoJsonIsWalkedOverToItsEnd) {
  for (std::string_view const json : {R"(["abc])", R"(["a\x","\u0000"])", R"(["\u00)", "[\"", "[1,-", "]]]]", "{,:}"}) {
    SCOPED_TRACE(json);
    std::string room;
    EXPECT_EQ(to_string(fit_of_json(JsonValue{JsonValue::Kind::container, json}, narrow())), "whole");
    EXPECT_EQ(held_json(json, narrow(), room), json);
    EXPECT_FALSE(names_meet_in(json, narrow()));
  }
}

}  // namespace
}  // namespace landfall
