#include <landfall/table/one_spelling.hpp>

#include <gtest/gtest.h>

namespace landfall {
namespace {

std::string spelled(ColumnType type, std::string_view value) {
  std::string buffer;
  return std::string(one_spelling(type, value, buffer));
}

struct SpellingRow {
  char const* name;
  ColumnType type;
  std::string_view value;
  std::string_view expected;
};

constexpr SpellingRow rows[] = {
    {"a number", ColumnType::number, "1.5", "1.5"},
    {"zeros of a number", ColumnType::number, "100.50", "100.5"},
    {"a whole number", ColumnType::number, "10.00", "10"},
    {"an integer as number", ColumnType::number, "100", "100"},
    {"minus zero", ColumnType::number, "-0", "0"},
    {"minus zero with a point", ColumnType::number, "-0.0", "0"},

    {"a timestamp in UTC", ColumnType::timestamp_with_timezone, "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"},
    {"no offset", ColumnType::timestamp_with_timezone, "2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00Z"},
    {"a negative zero offset", ColumnType::timestamp_with_timezone, "2024-01-01T00:00:00-00:00",
     "2024-01-01T00:00:00Z"},
    {"east", ColumnType::timestamp_with_timezone, "2024-01-02T02:00:00.000+02:00", "2024-01-02T00:00:00Z"},
    {"west", ColumnType::timestamp_with_timezone, "2024-01-02T02:00:00.120-03:30", "2024-01-02T05:30:00.12Z"},
    {"the day before", ColumnType::timestamp_with_timezone, "2024-03-01T01:00:00+02:00", "2024-02-29T23:00:00Z"},
    {"the year before", ColumnType::timestamp_with_timezone, "2024-01-01T01:00:00+02:00", "2023-12-31T23:00:00Z"},
    {"the year behind", ColumnType::timestamp_with_timezone, "2023-12-31T23:00:00-15:59", "2024-01-01T14:59:00Z"},
    {"a century that is no leap year", ColumnType::timestamp_with_timezone, "1900-02-28T23:00:00-02:00",
     "1900-03-01T01:00:00Z"},
    {"the year 10000", ColumnType::timestamp_with_timezone, "9999-12-31T23:00:00-02:00", "10000-01-01T01:00:00Z"},
    {"a year of six digits", ColumnType::timestamp_with_timezone, "294276-12-31T23:00:00-02:00",
     "294277-01-01T01:00:00Z"},
    {"the year before the first", ColumnType::timestamp_with_timezone, "0001-01-01T01:00:00+02:00",
     "0001-12-31T23:00:00Z BC"},
    {"before Christ", ColumnType::timestamp_with_timezone, "0044-03-15T12:00:00+01:00 BC", "0044-03-15T11:00:00Z BC"},
    {"a leap day before Christ", ColumnType::timestamp_with_timezone, "0001-03-01T00:30:00+01:00 BC",
     "0001-02-29T23:30:00Z BC"},
    {"from before Christ", ColumnType::timestamp_with_timezone, "0001-12-31T23:30:00-01:00 BC", "0001-01-01T00:30:00Z"},
    {"zeros of a fraction", ColumnType::timestamp_with_timezone, "2024-01-01T00:00:00.500Z", "2024-01-01T00:00:00.5Z"},

    {"a timestamp without a zone", ColumnType::timestamp, "2024-01-01T00:00:00.50", "2024-01-01T00:00:00.5"},
    {"nothing but zeros", ColumnType::timestamp, "2024-01-01T00:00:00.000", "2024-01-01T00:00:00"},
    {"zeros before Christ", ColumnType::timestamp, "0044-03-15T00:00:00.10 BC", "0044-03-15T00:00:00.1 BC"},
    {"a time", ColumnType::time, "10:00:00.50", "10:00:00.5"},
    {"a time of whole seconds", ColumnType::time, "10:00:00", "10:00:00"},
    {"a time in UTC", ColumnType::time_with_timezone, "10:00:00Z", "10:00:00Z"},
    {"a time elsewhere", ColumnType::time_with_timezone, "10:00:00.0+02:00", "10:00:00+02:00"},
    {"a time without an offset", ColumnType::time_with_timezone, "10:00:00.50+00:00", "10:00:00.5Z"},
    {"a time with a negative zero offset", ColumnType::time_with_timezone, "10:00:00-00:00", "10:00:00Z"},

    {"a JSON integer", ColumnType::json, "1", "1"},
    {"a JSON number with a point", ColumnType::json, "1.0", "1"},
    {"a JSON number with an exponent", ColumnType::json, "1.20E+2", "120"},
    {"minus zero in JSON", ColumnType::json, "-0.0", "0"},
    {"a JSON number that is too long to be written out", ColumnType::json, "1e9999", "1e9999"},
    {"white space", ColumnType::json, " { \"a\" : [ 1 , 2 ] } ", R"({"a":[1,2]})"},
    {"the order of members", ColumnType::json, R"({"b":1,"a":{"d":true,"c":null}})",
     R"({"a":{"c":null,"d":true},"b":1})"},
    {"a member twice", ColumnType::json, R"({"a":1,"a":2})", R"({"a":2})"},
    {"an escape", ColumnType::json, R"("\u0041\/\u00e9")", "\"A/\xc3\xa9\""},
    {"an escape in a name", ColumnType::json, R"({"\u0061":1})", R"({"a":1})"},
    {"escapes that are needed", ColumnType::json, R"("\"\\\n")", R"("\"\\\u000a")"},
    {"half a character", ColumnType::json, R"("\ud800")", R"("\ud800")"},
    {"empty containers", ColumnType::json, "[ [ ] , { } ]", "[[],{}]"},
    {"what is no JSON", ColumnType::json, "{\"a\": ", "{\"a\": "},
    {"a text", ColumnType::text, "1.0", "1.0"},
    {"a date", ColumnType::date, "2024-01-01", "2024-01-01"},
    {"no moment", ColumnType::timestamp_with_timezone, "later", "later"},
    {"no moment, with a point", ColumnType::timestamp, "2024-01-01T10.5", "2024-01-01T10.5"},
};

TEST(OneSpelling, EqualValuesHaveOneText) {
  for (SpellingRow const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(spelled(row.type, row.value), row.expected);
  }
}

TEST(OneSpelling, ASpelledValueStaysAsItIs) {
  for (SpellingRow const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(spelled(row.type, row.expected), row.expected);
  }
}

TEST(OneSpelling, DeepJsonIsSpelledOrKept) {
  for (std::size_t const depth : {1'000U, 100'000U}) {
    std::string const deep = std::string(depth, '[') + std::string(depth, ']');
    EXPECT_EQ(spelled(ColumnType::json, deep), deep);
  }
}

}  // namespace
}  // namespace landfall
