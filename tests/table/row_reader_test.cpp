#include <landfall/table/row_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>

#include "cells.hpp"
#include "record_text.hpp"

namespace landfall {
namespace {

Field field(std::string name, AirbyteKind kind) { return Field(std::move(name), AirbyteType(kind)); }

std::vector<std::string> shown(Row const& row) {
  std::vector<std::string> cells;
  for (Cell const& cell : row.cells) cells.push_back(shown(cell));
  return cells;
}

std::vector<std::string> read(RowReader& reader, std::string_view data) {
  RecordText const text(data);
  return shown(reader.read(text.record()));
}

using Texts = std::vector<std::string>;

// ---- one value ----

constexpr std::string_view nulled = R"([{"field":"v","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"}])";
constexpr std::string_view too_large =
    R"([{"field":"v","change":"NULLED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"}])";
constexpr std::string_view cut = R"([{"field":"v","change":"TRUNCATED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"}])";
constexpr std::string_view altered =
    R"([{"field":"v","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"}])";
constexpr std::string_view none = "[]";

struct ValueRow {
  std::string_view name;
  AirbyteKind kind;
  std::string_view value;  ///< JSON
  std::string_view expected;
  std::string_view changes = none;
};

using enum AirbyteKind;

constexpr ValueRow value_rows[] = {
    {"text", string, R"("abc")", "text abc"},
    {"text, empty", string, R"("")", "text "},
    {"text, white space around it", string, "  \"abc\" \n", "text abc"},
    {"text, escapes", string, R"("a\"\\\/\n\u00e9\ud83d\udce6")", "text a\"\\/\n\u00e9📦"},
    {"text, null", string, "null", "null"},
    {"text, the word null", string, R"("null")", "text null"},
    {"text, NUL", string, R"("a\u0000b")", std::string_view("text a\0b", 8)},
    {"text, lone surrogate", string, R"("a\ud800b")", "text a�b", altered},
    {"text of a number", string, "12.50e3", "text 12.50e3"},
    {"text of a boolean", string, "true", "text true"},
    {"text of an object", string, R"({"a": "\u0041"})", R"(text {"a": "\u0041"})"},
    {"text of an array", string, "[1, 2 ] ", "text [1, 2 ]"},

    {"true", boolean, "true", "true"},
    {"false", boolean, "false", "false"},
    {"boolean, null", boolean, "null", "null"},
    {"boolean from a string", boolean, R"("true")", "null", nulled},
    {"boolean from a number", boolean, "1", "null", nulled},
    {"boolean from 0", boolean, "0", "null", nulled},
    {"boolean from an object", boolean, "{}", "null", nulled},

    {"integer", integer, "12", "integer 12"},
    {"integer, null", integer, "null", "null"},
    {"integer, 2^63-1", integer, "9223372036854775807", "integer 9223372036854775807"},
    {"integer, 2^63", integer, "9223372036854775808", "null", too_large},
    {"integer, -2^63", integer, "-9223372036854775808", "integer -9223372036854775808"},
    {"integer, -2^63-1", integer, "-9223372036854775809", "null", too_large},
    {"integer, 1e32", integer, "1e32", "null", too_large},
    {"integer, 1e400", integer, "1e400", "null", too_large},
    {"integer, -0", integer, "-0", "integer 0"},
    {"integer, 1.0", integer, "1.0", "integer 1"},
    {"integer, 1e2", integer, "1e2", "integer 100"},
    {"integer, 1.5", integer, "1.5", "null", nulled},
    {"integer in a string", integer, R"("12")", "integer 12"},
    {"integer in a string with escapes", integer, R"("\u0031\u0032")", "integer 12"},
    {"integer in a string, too large", integer, R"("9223372036854775808")", "null", too_large},
    {"integer in an empty string", integer, R"("")", "null", nulled},
    {"integer from text", integer, R"("twelve")", "null", nulled},
    {"integer from a lone surrogate", integer, R"("\ud800")", "null", nulled},
    {"integer from a boolean", integer, "true", "null", nulled},
    {"integer from an array", integer, "[12]", "null", nulled},

    {"number", number, "-12.5", "number -12.5"},
    {"number, null", number, "null", "null"},
    {"number, more digits than a double", number, "50000.0000000000000001", "number 50000.0000000000000001"},
    {"number, 0.1+0.2", number, "0.30000000000000004", "number 0.30000000000000004"},
    {"number, exponent", number, "1.5e3", "number 1500"},
    {"number, -0", number, "-0", "number 0"},
    {"number in a string", number, R"("12.50")", "number 12.50"},
    {"number beyond all", number, "1e99999", "null", too_large},
    {"number from text", number, R"("12,5")", "null", nulled},
    {"number, not a", number, R"("NaN")", "null", nulled},
    {"number, infinite", number, R"("Infinity")", "null", nulled},
    {"number from a boolean", number, "false", "null", nulled},
    {"number from an object", number, R"({"a":1})", "null", nulled},

    {"date", date, R"("2024-01-31")", "moment 2024-01-31"},
    {"date, escaped slashes", date, R"("2024\/01\/31")", "moment 2024-01-31"},
    {"date, null", date, "null", "null"},
    {"date, year 10000", date, R"("10000-01-01")", "null", too_large},
    {"date, month 13", date, R"("2024-13-01")", "null", nulled},
    {"date from a number", date, "20240131", "null", nulled},
    {"date from a boolean", date, "true", "null", nulled},
    {"date from a lone surrogate", date, R"("2024-01-31\ud800")", "null", nulled},
    {"time", time_without_timezone, R"("12:34:56")", "moment 12:34:56"},
    {"time, zone", time_with_timezone, R"("12:34:56")", "moment 12:34:56Z"},
    {"time from an object", time_without_timezone, "{}", "null", nulled},
    {"time, text", time_with_timezone, R"("noon")", "null", nulled},
    {"timestamp", timestamp_without_timezone, R"("2024-01-31T12:34:56Z")", "moment 2024-01-31T12:34:56"},
    {"timestamp, zone", timestamp_with_timezone, R"("2024-01-31 12:34")", "moment 2024-01-31T12:34:00Z"},
    {"timestamp, null", timestamp_with_timezone, "null", "null"},
    {"timestamp, digits lost", timestamp_with_timezone, R"("2024-01-31T12:34:56.1234567891Z")",
     "moment 2024-01-31T12:34:56.123456789Z", cut},
    {"timestamp, year 10000", timestamp_with_timezone, R"("10000-01-01T00:00:00Z")", "null", too_large},
    {"timestamp from a number", timestamp_with_timezone, "1706704496", "null", nulled},

    {"object", object, R"({"a": [1, "x"] , "a":2})", R"(json {"a": [1, "x"] , "a":2})"},
    {"object, white space behind", object, "{\"a\" : 1 }  \t", R"(json {"a" : 1 })"},
    {"object, empty", object, "{}", "json {}"},
    {"object, null", object, "null", "null"},
    {"object, a string", object, R"("a\nb")", R"(json "a\nb")"},
    {"object, a number", object, "1.50E+2", "json 1.50E+2"},
    {"object, NUL and lone surrogate", object, R"({"a":"\u0000\ud800"})", R"(json {"a":"\u0000\ud800"})"},
    {"array", array, R"([[],{"}":"]"}])", R"(json [[],{"}":"]"}])"},
    {"array, empty", array, "[ ]", "json [ ]"},
    {"array, null", array, "null", "null"},
    {"array, of nulls", array, "[null]", "json [null]"},
    {"unknown", unknown, "true", "json true"},
    {"unknown, a string", unknown, R"("")", R"(json "")"},
    {"unknown, null", unknown, "null", "null"},
};

TEST(RowReader, MakesEveryValueOneOfItsColumnOrNull) {
  for (ValueRow const& row : value_rows) {
    SCOPED_TRACE(row.name);
    RowReader reader({field("v", row.kind)}, ValueLimits());
    RecordText const text(fmt::format(R"({{"v":{}}})", row.value));
    Row const& read = reader.read(text.record());
    EXPECT_EQ(shown(read), Texts{std::string(row.expected)});
    EXPECT_EQ(read.changes, row.changes);
  }
}

TEST(RowReader, AMissingFieldOfAnyTypeIsNull) {
  for (AirbyteKind const kind : {string, boolean, integer, number, date, time_with_timezone, time_without_timezone,
                                 timestamp_with_timezone, timestamp_without_timezone, array, object, unknown}) {
    SCOPED_TRACE(to_string(kind));
    RowReader reader({field("v", kind)}, ValueLimits());
    for (std::string_view const data : {"{}", "{ }", R"({"V":1})", R"({"w":{"v":1}})"}) {
      RecordText const text(data);
      Row const& row = reader.read(text.record());
      EXPECT_EQ(shown(row), Texts{"null"});
      EXPECT_EQ(row.changes, "[]");
    }
  }
}

TEST(RowReader, AUnionIsKeptAsJson) {
  RowReader reader({Field("v", AirbyteType::any_of({AirbyteType(string), AirbyteType(integer)}))}, ValueLimits());
  EXPECT_EQ(read(reader, R"({"v":"12"})"), Texts{R"(json "12")"});
  EXPECT_EQ(read(reader, R"({"v":12})"), Texts{"json 12"});
}

// ---- limits ----

struct LimitRow {
  std::string_view name;
  ValueLimits limits;
  AirbyteKind kind;
  std::string value;
  std::string expected;
  std::string_view changes;
};

template <class T>
ValueLimits limited(T ValueLimits::* limit, T value) {
  ValueLimits limits;
  limits.*limit = value;
  return limits;
}

ValueLimits numeric(unsigned digits, unsigned scale) {
  ValueLimits limits;
  limits.number_digits = digits;
  limits.number_scale = scale;
  return limits;
}

std::vector<LimitRow> limit_rows() {
  auto const five_bytes = limited<std::uint64_t>(&ValueLimits::longest_text_bytes, 5);
  auto const no_nul = limited(&ValueLimits::takes_nul, false);
  auto five_bytes_without_nul = five_bytes;
  five_bytes_without_nul.takes_nul = false;
  auto const no_json_nul = limited(&ValueLimits::json_takes_nul, false);
  auto const no_surrogates = limited(&ValueLimits::json_takes_lone_surrogates, false);
  auto const json_numbers = limited(&ValueLimits::json_number_digits, 6U);
  auto const two_levels = limited(&ValueLimits::json_depth, 2U);
  auto const from_year_1 = limited(&ValueLimits::first_year, 1);
  return {
      {"text as long as can be", five_bytes, string, R"("abcde")", "text abcde", none},
      {"text that is too long", five_bytes, string, R"("abcdef")", "null", too_large},
      {"text that is long in bytes only", five_bytes, string, R"("ééé")", "null", too_large},
      {"text that is long by its escapes only", five_bytes, string, R"("\u0041\n")", "text A\n", none},
      {"text of JSON that is too long", five_bytes, string, "[1,2,3]", "null", too_large},
      {"JSON as long as can be", five_bytes, array, "[1,2]  ", "json [1,2]", none},
      {"JSON that is too long", five_bytes, array, "[1, 2]", "null", too_large},
      {"numbers are not text", five_bytes, number, "1234567", "number 1234567", none},
      {"NUL in text", no_nul, string, R"("a\u0000b")", "text ab", altered},
      {"nothing but NULs in text", no_nul, string, R"("\u0000\u0000")", "text ", altered},
      {"NUL and half a pair in text", no_nul, string, R"("\u0000\udce6")", "text �", altered},
      {"no NUL in text", no_nul, string, R"("a\\u0000\n")", "text a\\u0000\n", none},
      {"NUL in text that is too long", five_bytes_without_nul, string, R"("abcdef\u0000")", "null", too_large},
      {"NUL in text that is not too long without", five_bytes_without_nul, string, R"("abcde\u0000")", "text abcde",
       altered},
      {"NUL in JSON in text", no_nul, string, R"(["\u0000"])", R"(text ["\u0000"])", none},
      {"NUL in a number", no_nul, integer, R"("12\u0000")", "null", nulled},
      {"NUL in a date", no_nul, date, R"("2024-01-31\u0000")", "null", nulled},
      {"NUL in JSON where text takes none", no_nul, object, R"({"a":"\u0000"})", R"(json {"a":"\u0000"})", none},
      {"NUL in JSON", no_json_nul, object, R"({"a":"x\u0000"})", R"(json {"a":"x"})", altered},
      {"NUL in a name in JSON", no_json_nul, object, R"({"\u0000":1})", R"(json {"":1})", altered},
      {"NUL deep in JSON", no_json_nul, array, R"([1,[{"a\u0000":[["\u0000"]]}]])", R"(json [1,[{"a":[[""]]}]])",
       altered},
      {"NUL in a string in JSON", no_json_nul, unknown, R"("\u0000")", R"(json "")", altered},
      {"no NUL in JSON", no_json_nul, object, R"({"a":"\\u0000"})", R"(json {"a":"\\u0000"})", none},
      {"lone surrogate in JSON", no_surrogates, array, R"(["\udc00"])", R"(json ["\ufffd"])", altered},
      {"pair in JSON", no_surrogates, array, R"(["\ud83d\udce6\u0000"])", R"(json ["\ud83d\udce6\u0000"])", none},
      {"number in JSON", json_numbers, unknown, "1e5", "json 1e5", none},
      {"number in JSON that is too large", json_numbers, object, R"({"a":1e6})", "null", too_large},
      {"numbers in JSON are no numbers", json_numbers, number, "1000000", "number 1000000", none},
      {"numbers in JSON are no text", json_numbers, string, "[1000000]", "text [1000000]", none},
      {"JSON that is too deep", two_levels, array, "[[[]]]", "null", too_large},
      {"number that is cut", numeric(5, 2), number, "1.555", "number 1.56", cut},
      {"number that is too large", numeric(5, 2), number, "1000", "null", too_large},
      {"integers are not numbers", numeric(5, 2), integer, "1000000", "integer 1000000", none},
      {"year 0", from_year_1, date, R"("0000-01-01")", "null", too_large},
      {"year 1", from_year_1, date, R"("0001-01-01")", "moment 0001-01-01", none},
  };
}

TEST(RowReader, KeepsWithinTheLimitsOfTheStore) {
  for (LimitRow const& row : limit_rows()) {
    SCOPED_TRACE(row.name);
    RowReader reader({field("v", row.kind)}, row.limits);
    RecordText const text(fmt::format(R"({{"v":{}}})", row.value));
    Row const& read = reader.read(text.record());
    EXPECT_EQ(shown(read), Texts{row.expected});
    EXPECT_EQ(read.changes, row.changes);
  }
}

// ---- fields by which rows are compared ----

RowReader comparing(AirbyteKind kind, std::string_view what, ValueLimits const& limits = ValueLimits()) {
  ComparedFields compared;
  if (what == "cursor") {
    compared.cursor = "v";
  } else {
    compared.key = {"v"};
  }
  return RowReader({field("v", kind), field("w", kind)}, limits, compared);
}

struct RefusalRow {
  std::string_view name;
  AirbyteKind kind;
  std::string_view value;
  std::string_view key;  ///< a part of the reason; empty: it is taken
  std::string_view cursor;
};

constexpr RefusalRow refusal_rows[] = {
    {"one that fits", integer, "12", "", ""},
    {"null", integer, "null", "", ""},
    {"text in an integer", integer, R"("a1b2")", "'v' is a string that is no value of a column of type integer",
     "'v' is a string that is no value of a column of type integer"},
    {"2^64", integer, "18446744073709551616",
     "'v' is a number that is larger than what fits into a column of type integer", "'v' is a number that is larger"},
    {"half an integer", integer, "1.5", "'v' is a number that is no value", "'v' is a number that is no value"},
    {"an object", integer, "{}", "'v' is an object or array that is no value", "'v' is an object or array"},
    {"a boolean", date, "true", "'v' is a boolean that is no value of a column of type date", "'v' is a boolean"},
    {"text that is too long", string, R"("abcdefghi")", "'v' is a string that is larger",
     "'v' is a string that is larger"},
    {"NUL in text", string, R"("a\u0000")", "'v' is a string that has a character (NUL",
     "'v' is a string that has a character"},
    {"half a pair in text", string, R"("\ud800")", "'v' is a string that has a character (NUL",
     "'v' is a string that has a character"},
    {"NUL in JSON", array, R"(["\u0000"])", "'v' is an object or array that has a character",
     "'v' is an object or array"},
    {"rounded", number, "1.555", "'v' is a number that has more digits than", ""},
    {"a fraction of ten digits", timestamp_with_timezone, R"("2024-01-31T00:00:00.1234567891Z")",
     "'v' is a string that has more digits than", ""},
};

TEST(RowReader, ARowIsRefusedWhenItsKeyOrCursorWouldBeAnother) {
  ValueLimits limits = numeric(5, 2);
  limits.takes_nul = limits.json_takes_nul = false;
  limits.longest_text_bytes = 32;
  for (RefusalRow const& row : refusal_rows) {
    for (std::string_view const what : {"primary key", "cursor"}) {
      SCOPED_TRACE(fmt::format("{} as {}", row.name, what));
      if (row.kind == string) limits.longest_text_bytes = 8;
      RowReader reader = comparing(row.kind, what, limits);
      RecordText const text(fmt::format(R"({{"v":{}}})", row.value));
      std::string const refused(reader.read(text.record()).refused);
      std::string_view const expected = what == "cursor" ? row.cursor : row.key;
      EXPECT_EQ(refused.empty(), expected.empty()) << refused;
      EXPECT_NE(refused.find(expected), std::string::npos) << refused;
      if (!expected.empty()) {
        EXPECT_NE(refused.find(fmt::format("its {} ", what)), std::string::npos) << refused;
      }
      RecordText const other(fmt::format(R"({{"v":null,"w":{}}})", row.value));
      EXPECT_EQ(reader.read(other.record()).refused, "");  // rows are not compared by it
      limits.longest_text_bytes = 32;
    }
  }
}

TEST(RowReader, ARefusalSaysNothingOfTheRecordAndWhatTypeWouldDo) {
  RowReader reader = comparing(integer, "primary key");
  RecordText const text(R"({"v":"secret"})");
  std::string const refused(reader.read(text.record()).refused);
  EXPECT_EQ(refused.find("secret"), std::string::npos) << refused;
  EXPECT_NE(refused.find("make string the type of 'v'"), std::string::npos) << refused;
}

TEST(RowReader, ARowIsRefusedWhenItsKeyWasAlteredAsItWasRead) {
  struct Row {
    std::string_view name, meta;
    bool is_refused;
  };
  constexpr Row rows[] = {
      {"the key", R"({"changes":[{"field":"v","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"}]})",
       true},
      {"the key, behind another",
       R"({"changes":[{"field":"w","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"},)"
       R"({"reason":"DESTINATION_SERIALIZATION_ERROR","change":"TRUNCATED","field":"\u0076"}]})",
       true},
      {"another", R"({"changes":[{"field":"w","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"}]})",
       false},
      {"by the source", R"({"changes":[{"field":"v","change":"TRUNCATED","reason":"SOURCE_SERIALIZATION_ERROR"}]})",
       false},
      {"nulled", R"({"changes":[{"field":"v","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"}]})", false},
      {"of another form",
       R"({"changes":["DESTINATION_SERIALIZATION_ERROR",{"field":7,"change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"}]})",
       false},
  };
  for (std::string_view const what : {"primary key", "cursor"}) {
    RowReader reader = comparing(string, what);
    for (Row const& row : rows) {
      SCOPED_TRACE(row.name);
      RecordText const text(R"({"v":"a","w":"b"})", row.meta);
      EXPECT_EQ(!reader.read(text.record()).refused.empty(), row.is_refused);
    }
  }
}

TEST(RowReader, ARowIsRefusedWhenTwoNamesWouldBecomeOne) {
  RowReader reader({field("a", integer), field("v", object)}, limited(&ValueLimits::json_takes_nul, false));
  RecordText const bad(R"({"v":[{"x":1,"x\u0000":2}]})");
  std::string const refused(reader.read(bad.record()).refused);
  EXPECT_NE(refused.find("'v'"), std::string::npos) << refused;
  RecordText const good(R"({"v":{"x\u0000":2}})");
  EXPECT_EQ(reader.read(good.record()).refused, "");
}

// ---- deletions ----

RowReader deleting(AirbyteKind kind, ValueLimits const& limits = ValueLimits()) {
  ComparedFields compared;
  compared.key = {"k"};
  compared.deleted_at = "v";
  return RowReader({field("k", integer), field("v", kind)}, limits, compared);
}

TEST(RowReader, AnyValueDeletesButNullFalseAndTheEmptyText) {
  for (AirbyteKind const kind : {string, boolean, integer, number, date, timestamp_with_timezone, object}) {
    RowReader reader = deleting(kind);
    for (std::string_view const value : {"null", "false", R"("")"}) {
      SCOPED_TRACE(fmt::format("{} as {}", value, to_string(kind)));
      RecordText const text(fmt::format(R"({{"v":{}}})", value));
      EXPECT_FALSE(reader.read(text.record()).deleted);
    }
    for (std::string_view const value :
         {"true", "0", "1.5", R"("x")", R"("false")", R"(" ")", "{}", "[]", R"("2024-01-01T00:00:00Z")"}) {
      SCOPED_TRACE(fmt::format("{} as {}", value, to_string(kind)));
      RecordText const text(fmt::format(R"({{"v":{}}})", value));
      Row const& row = reader.read(text.record());
      EXPECT_TRUE(row.deleted);
      EXPECT_NE(row.cells[1].kind, Cell::Kind::null);
    }
    RecordText const missing("{}");
    EXPECT_FALSE(reader.read(missing.record()).deleted);
  }
}

struct DeletionRow {
  AirbyteKind kind;
  std::string_view value;
  std::string_view expected;
  std::string_view changes;
};

TEST(RowReader, ADeletionThatDoesNotFitHasTheTimeOfItsExtraction) {
  constexpr DeletionRow rows[] = {
      {timestamp_with_timezone, R"("2024-01-01 00:00:00 UTC")", "moment 1970-01-01T00:00:00.000Z", altered},
      {timestamp_with_timezone, R"("2024-01-01")", "moment 2024-01-01T00:00:00Z", none},
      {timestamp_with_timezone, "0", "moment 1970-01-01T00:00:00.000Z", altered},
      {timestamp_without_timezone, "true", "moment 1970-01-01T00:00:00.000", altered},
      {date, R"("x")", "moment 1970-01-01", altered},
      {time_with_timezone, R"("x")", "moment 00:00:00.000Z", altered},
      {integer, R"("x")", "integer 0", altered},
      {number, R"("x")", "number 0", altered},
      {boolean, "0", "true", altered},
      {string, "0", "text 0", none},
      {timestamp_with_timezone, R"("")", "null", nulled},
      {timestamp_with_timezone, "false", "null", nulled},
      {boolean, R"("")", "null", nulled},
  };
  for (DeletionRow const& row : rows) {
    SCOPED_TRACE(fmt::format("{} as {}", row.value, to_string(row.kind)));
    RowReader reader = deleting(row.kind);
    RecordText const text(fmt::format(R"({{"v":{}}})", row.value));
    Row const& read = reader.read(text.record());
    EXPECT_EQ(shown(read.cells[1]), row.expected);
    EXPECT_EQ(read.changes, row.changes);
  }
}

// ---- fields ----

TEST(RowReader, FieldsMayComeInAnyOrder) {
  RowReader reader({field("a", integer), field("b", integer), field("c", integer), field("d", integer)}, ValueLimits());
  std::vector<int> order = {0, 1, 2, 3};
  do {
    std::string data = "{";
    for (int const i : order) data += fmt::format("{}\"{}\":{}", data.size() > 1 ? "," : "", "abcd"[i], i);
    EXPECT_EQ(read(reader, data + "}"), (Texts{"integer 0", "integer 1", "integer 2", "integer 3"})) << data;
    EXPECT_EQ(read(reader, data + ",\"e\":4}"), (Texts{"integer 0", "integer 1", "integer 2", "integer 3"})) << data;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(RowReader, FieldsMayBeMissingAndOthersMayCome) {
  RowReader reader({field("a", integer), field("b", integer), field("c", integer)}, ValueLimits());
  EXPECT_EQ(read(reader, R"({"a":1,"c":3})"), (Texts{"integer 1", "null", "integer 3"}));
  EXPECT_EQ(read(reader, R"({"b":2})"), (Texts{"null", "integer 2", "null"}));
  EXPECT_EQ(read(reader, R"({"x":{"a":7},"a":1,"y":[[]],"b":2,"z":"\n","c":3,"":0})"),
            (Texts{"integer 1", "integer 2", "integer 3"}));
  EXPECT_EQ(read(reader, R"({"c":3})"), (Texts{"null", "null", "integer 3"}));
  EXPECT_EQ(read(reader, "{}"), (Texts{"null", "null", "null"}));
}

TEST(RowReader, OfAFieldThatOccursTwiceTheLastCounts) {
  RowReader reader({field("a", integer), field("b", integer)}, ValueLimits());
  EXPECT_EQ(read(reader, R"({"a":1,"a":2,"b":3,"a":4})"), (Texts{"integer 4", "integer 3"}));
  EXPECT_EQ(read(reader, R"({"a":1,"\u0061":2})"), (Texts{"integer 2", "null"}));
  EXPECT_EQ(read(reader, R"({"a":1,"a":null})"), (Texts{"null", "null"}));
  RecordText const text(R"({"a":1.5,"a":2})");
  EXPECT_EQ(reader.read(text.record()).changes, "[]");  // what was not kept has not been changed
}

TEST(RowReader, NamesMayBeEscaped) {
  std::string const strange = "a\"b\\c\n/é📦";
  RowReader reader({field(strange, integer), field("", integer), field(std::string("\0", 1), integer)}, ValueLimits());
  Texts const expected = {"integer 1", "integer 2", "integer 3"};
  EXPECT_EQ(read(reader, R"({"a\"b\\c\n/é📦":1,"":2,"\u0000":3})"), expected);
  EXPECT_EQ(read(reader, R"({"\u0061\u0022b\u005Cc\u000A\/\u00E9\uD83D\uDCE6":1,"":2,"\u0000":3})"), expected);
  EXPECT_EQ(read(reader, R"({"a":7,"\ud800":8,"a\"":9})"), (Texts{"null", "null", "null"}));
}

TEST(RowReader, ANameIsNoBeginningOfAnother) {
  RowReader reader({field("a", integer), field("ab", integer), field("abc", integer)}, ValueLimits());
  EXPECT_EQ(read(reader, R"({"ab":2})"), (Texts{"null", "integer 2", "null"}));
  EXPECT_EQ(read(reader, R"({"abcd":4,"abc":3,"a":1})"), (Texts{"integer 1", "null", "integer 3"}));
}

TEST(RowReader, ALongNameOfAShortRecordIsNotLookedForBehindIt) {
  RowReader reader({field(std::string(10'000, 'n'), integer)}, ValueLimits());
  EXPECT_EQ(read(reader, R"({"n":1})"), Texts{"null"});
  EXPECT_EQ(read(reader, fmt::format(R"({{"{}":1}})", std::string(10'000, 'n'))), Texts{"integer 1"});
}

TEST(RowReader, TakesRecordsWithoutFields) {
  RowReader reader({}, ValueLimits());
  for (std::string_view const data : {"{}", R"({"a":1,"b":{}})"}) {
    RecordText const text(data);
    Row const& row = reader.read(text.record());
    EXPECT_TRUE(row.cells.empty());
    EXPECT_EQ(row.changes, "[]");
  }
}

TEST(RowReader, TakesAThousandFieldsInAnyOrder) {
  constexpr unsigned seed = 11;
  std::mt19937 random(seed);
  std::vector<Field> fields;
  for (int i = 0; i < 1'000; ++i) fields.push_back(field(fmt::format("field {}", i), integer));
  RowReader reader(std::move(fields), ValueLimits());
  std::vector<int> order(1'000);
  std::iota(order.begin(), order.end(), 0);
  for (int round = 0; round < 20; ++round) {
    std::string data = "{";
    for (int const i : order) data += fmt::format("{}\"field {}\":{}", data.size() > 1 ? "," : "", i, i * round);
    RecordText const text(data + "}");
    Row const& row = reader.read(text.record());
    ASSERT_EQ(row.cells.size(), 1'000u);
    for (int i = 0; i < 1'000; ++i) {
      ASSERT_EQ(row.cells[static_cast<std::size_t>(i)].integer, i * round) << "seed " << seed << ", round " << round;
    }
    std::shuffle(order.begin(), order.end(), random);
  }
}

// ---- where texts lie ----

TEST(RowReader, TextLiesInTheRecordWhereItCan) {
  RowReader reader({field("text", string), field("integer", integer), field("number", number), field("date", date),
                    field("object", object)},
                   ValueLimits());
  RecordText const text(
      R"({"text":"abc","integer":12,"number":-1.50,"date":"2024-01-31","object":{"a":[]},"other":"\n"})");
  for (Cell const& cell : reader.read(text.record()).cells) {
    SCOPED_TRACE(shown(cell));
    EXPECT_NE(cell.kind, Cell::Kind::null);
    EXPECT_TRUE(lies_in(cell, text.data()));
  }
}

TEST(RowReader, TakesLongTextsAndGivesTheirMemoryBack) {
  std::string const plain(1 << 20, 'x');
  RowReader reader({field("a", string), field("b", string), field("c", object)}, ValueLimits());
  for (int round = 0; round < 3; ++round) {
    RecordText const text(fmt::format(R"({{"a":"{}","b":"\u00e9{}\ud83d\udce6","c":["{}"]}})", plain, plain, plain));
    Row const& row = reader.read(text.record());
    EXPECT_TRUE(row.cells[0].text == plain);
    EXPECT_TRUE(row.cells[1].text == "é" + plain + "📦");
    EXPECT_TRUE(row.cells[2].text == "[\"" + plain + "\"]");
    EXPECT_EQ(read(reader, R"({"a":"\u0041","b":"\u0042"})"), (Texts{"text A", "text B", "null"}));
  }
}

TEST(RowReader, CellsOfOneRowDoNotDisturbEachOther) {
  std::vector<Field> fields;
  std::string data = "{";
  Texts expected;
  for (int i = 0; i < 300; i += 2) {
    fields.push_back(field(fmt::format("{}", i), string));
    fields.push_back(field(fmt::format("{}", i + 1), number));
    data += fmt::format(R"({}"{}":"\n{}","{}":{}e9)", i > 0 ? "," : "", i, i, i + 1, i + 1);
    expected.push_back(fmt::format("text \n{}", i));
    expected.push_back(fmt::format("number {}000000000", i + 1));
  }
  RowReader reader(std::move(fields), ValueLimits());
  EXPECT_EQ(read(reader, data + "}"), expected);
}

TEST(RowReader, ReadsOnAfterItWasMoved) {
  RowReader first({field("a", integer)}, ValueLimits());
  EXPECT_EQ(read(first, R"({"a":1})"), Texts{"integer 1"});
  RowReader second = std::move(first);
  EXPECT_EQ(read(second, R"({"a":2})"), Texts{"integer 2"});
  first = std::move(second);
  EXPECT_EQ(read(first, R"({"a":3})"), Texts{"integer 3"});
}

// ---- changes ----

TEST(RowReader, ChangesNameEachFieldInTheOrderOfTheFields) {
  RowReader reader({field("a\"b", integer), field("c", date), field("d\n", number)}, numeric(5, 2));
  RecordText const text(R"({"d\n":1.555,"c":"10000-01-01","a\"b":true})");
  EXPECT_EQ(reader.read(text.record()).changes,
            R"([{"field":"a\"b","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"},)"
            R"({"field":"c","change":"NULLED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"},)"
            R"({"field":"d\u000a","change":"TRUNCATED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"}])");
}

TEST(RowReader, ChangesOfTheSourceStandBeforeOurs) {
  RowReader reader({field("v", integer)}, ValueLimits());
  std::string_view const meta =
      R"({"changes":[{"field":"w","change":"NULLED","reason":"SOURCE_SERIALIZATION_ERROR"}]})";
  RecordText const good(R"({"v":1})", meta);
  RecordText const bad(R"({"v":"x"})", meta);
  EXPECT_EQ(reader.read(good.record()).changes,
            R"([{"field":"w","change":"NULLED","reason":"SOURCE_SERIALIZATION_ERROR"}])");
  EXPECT_EQ(reader.read(bad.record()).changes,
            R"([{"field":"w","change":"NULLED","reason":"SOURCE_SERIALIZATION_ERROR"},)"
            R"({"field":"v","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"}])");
  RecordText const without(R"({"v":1})");
  EXPECT_EQ(reader.read(without.record()).changes, "[]");
}

// ---- broken records ----

constexpr std::string_view broken_records[] = {
    "",
    " ",
    "{",
    "}",
    "[]",
    "7",
    "null",
    "\"a\"",
    R"({"a":1)",
    R"({"a":1}})",
    R"({"a":1} {"a":2})",
    R"({"a":1]})",
    R"({"a":1,})",
    R"({"a":1 "b":2})",
    R"({"a" 1})",
    R"({"a":})",
    R"({"a"})",
    R"({a:1})",
    R"({"a":nul})",
    R"({"a":truee})",
    R"({"a":falsefalse})",
    R"({"a":01})",
    R"({"a":1.})",
    R"({"a":1x})",
    R"({"a":+1})",
    R"({"a":NaN})",
    R"({"a":"\x"})",
    R"({"a":"\u12"})",
    R"({"a":"b)",
    R"({"a":"b\"})",
    R"({"a":"b"c})",
    R"({"\q":1})",
    "{\"a\":\"\xff\"}",
    "{\"a\":\"\n\"}",
    R"({"a":[1})",
    R"({"a":[1}})",
    R"({"a":{"b":1]})",
    R"({"a":{"b":1})",
};

TEST(RowReader, BrokenRecordsAreErrorsThatNameThem) {
  RowReader reader({field("a", string), field("b", integer)}, ValueLimits());
  for (std::string_view const data : broken_records) {
    SCOPED_TRACE(data);
    RecordText const text(data, "", 41);
    try {
      reader.read(text.record());
      ADD_FAILURE() << "no error";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::system);
      EXPECT_NE(std::string_view(error.what()).find("record 41"), std::string_view::npos) << error.what();
    }
    EXPECT_EQ(read(reader, R"({"a":"x","b":2})"), (Texts{"text x", "integer 2"}));  // the next one is read as ever
  }
}

TEST(RowReader, BrokenMetaIsAnErrorThatNamesTheRecord) {
  RowReader reader({field("a", string)}, ValueLimits());
  RecordText const text(R"({"a":"x"})", R"({"changes":[1})", 41);
  try {
    reader.read(text.record());
    FAIL();
  } catch (Error const& error) {
    EXPECT_NE(std::string_view(error.what()).find("record 41"), std::string_view::npos) << error.what();
  }
}

}  // namespace
}  // namespace landfall
