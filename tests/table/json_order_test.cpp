#include <landfall/table/json_order.hpp>

#include <string_view>

#include <gtest/gtest.h>

namespace landfall {
namespace {

/// Each is less than the next.
constexpr std::string_view ascending[] = {
    "null",
    "-1e400",
    "-10",
    "-9.5",
    "-0.001",
    "0",
    "0.00012",
    "0.0012",
    "9",
    "10",
    "10.5",
    "99",
    "1e2",
    "9007199254740993",
    "9007199254740994",
    "1e400",
    R"("")",
    R"("-5")",
    R"("10")",
    R"("9")",
    R"("Z")",
    R"("a")",
    "\"\xc3\xa9\"",
    "\"\xf0\x9f\x98\x80\"",
    "false",
    "true",
    "[]",
};

TEST(JsonOrder, EveryPairIsInOrder) {
  for (auto a = std::begin(ascending); a != std::end(ascending); ++a) {
    for (auto b = std::begin(ascending); b != std::end(ascending); ++b) {
      SCOPED_TRACE(std::string(*a) + " and " + std::string(*b));
      EXPECT_EQ(compare_json(*a, *b) < 0, a < b);
      EXPECT_EQ(compare_json(*a, *b) > 0, a > b);
    }
  }
}

TEST(JsonOrder, WhatMeansTheSameIsEqual) {
  struct EqualRow {
    std::string_view a, b;
  };
  constexpr EqualRow equal[] = {
      {"1", "1.0"},
      {"100", "1e2"},
      {"0", "-0.0"},
      {"0", "0e5"},
      {"1200e-2", "12"},
      {"0.001", "1e-3"},
      {R"("A")", R"("\u0041")"},
      {" 1 ", "1"},
      {"[1]", "{}"},
      {"[1]", "[2]"},
      {"120.50", "1.205E+2"},
  };
  for (EqualRow const& row : equal) {
    SCOPED_TRACE(std::string(row.a) + " and " + std::string(row.b));
    EXPECT_EQ(compare_json(row.a, row.b), 0);
    EXPECT_EQ(compare_json(row.b, row.a), 0);
  }
}

TEST(JsonOrder, WhatIsNoJsonIsLeast) {
  EXPECT_LT(compare_json("", "null"), 0);
  EXPECT_LT(compare_json("\"", "null"), 0);
  EXPECT_LT(compare_json("nul", "null"), 0);
}

}  // namespace
}  // namespace landfall
