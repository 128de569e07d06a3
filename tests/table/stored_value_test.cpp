#include <landfall/table/stored_value.hpp>

#include <gtest/gtest.h>

#include "cells.hpp"

namespace landfall {
namespace {

using enum ColumnType;

/// "integer 12"; "number 1.5, cut"; "too large".
std::string converted(ColumnType from, ColumnType to, std::string_view stored, ValueLimits limits = ValueLimits()) {
  StoredValueReader reader{limits};
  Conversion const made = reader.read(from, to, stored);
  EXPECT_EQ(made.is_whole(), made.fit == Fit::whole);
  if (made.is_lost()) return std::string(to_string(made.fit));
  return shown(made.cell) + (made.is_whole() ? "" : ", cut");
}

struct ConversionRow {
  ColumnType from;
  std::string_view stored;
  ColumnType to;
  std::string_view expected;
};

constexpr std::string_view none = "no such value";

constexpr ConversionRow rows[] = {
    {text, "abc", text, "text abc"},
    {text, "true", boolean, "true"},
    {text, "false", boolean, "false"},
    {text, "yes", boolean, none},
    {text, "01234", integer, "integer 1234"},
    {text, "1.0", integer, "integer 1"},
    {text, "1.5", integer, none},
    {text, "18446744073709551616", integer, "too large"},
    {text, "", integer, none},
    {text, "1.50", number, "number 1.50"},
    {text, "1e2", number, "number 100"},
    {text, "x", number, none},
    {text, "2024-01-31", date, "moment 2024-01-31"},
    {text, "later", date, none},
    {text, "10:00", time, "moment 10:00:00"},
    {text, "10:00:00+02:00", time_with_timezone, "moment 10:00:00+02:00"},
    {text, "2024-01-31 10:00:00", timestamp, "moment 2024-01-31T10:00:00"},
    {text, "2024-01-31T10:00:00Z", timestamp_with_timezone, "moment 2024-01-31T10:00:00Z"},
    {text, "a\"b\\\n", json, R"(json "a\"b\\\u000a")"},
    {text, R"({"a":1})", json, R"(json "{\"a\":1}")"},

    {boolean, "true", text, "text true"},
    {boolean, "false", boolean, "false"},
    {boolean, "true", integer, none},
    {boolean, "true", number, none},
    {boolean, "true", date, none},
    {boolean, "true", time, none},
    {boolean, "true", time_with_timezone, none},
    {boolean, "true", timestamp, none},
    {boolean, "true", timestamp_with_timezone, none},
    {boolean, "true", json, "json true"},

    {integer, "12", text, "text 12"},
    {integer, "1", boolean, none},
    {integer, "-12", integer, "integer -12"},
    {integer, "12", number, "number 12"},
    {integer, "20240131", date, none},
    {integer, "1", time, none},
    {integer, "1", time_with_timezone, none},
    {integer, "1", timestamp, none},
    {integer, "1", timestamp_with_timezone, none},
    {integer, "12", json, "json 12"},

    {number, "1.5", text, "text 1.5"},
    {number, "1", boolean, none},
    {number, "1.0", integer, "integer 1"},
    {number, "1.5", integer, none},
    {number, "9223372036854775808", integer, "too large"},
    {number, "1.5", number, "number 1.5"},
    {number, "1.5", date, none},
    {number, "1.5", time, none},
    {number, "1.5", time_with_timezone, none},
    {number, "1.5", timestamp, none},
    {number, "1.5", timestamp_with_timezone, none},
    {number, "1.5", json, "json 1.5"},

    {date, "2024-01-31", text, "text 2024-01-31"},
    {date, "2024-01-31", boolean, none},
    {date, "2024-01-31", integer, none},
    {date, "2024-01-31", number, none},
    {date, "2024-01-31", date, "moment 2024-01-31"},
    {date, "2024-01-31", time, none},
    {date, "2024-01-31", time_with_timezone, none},
    {date, "2024-01-31", timestamp, "moment 2024-01-31T00:00:00"},
    {date, "2024-01-31", timestamp_with_timezone, "moment 2024-01-31T00:00:00Z"},
    {date, "2024-01-31", json, R"(json "2024-01-31")"},

    {time, "10:00:00.5", text, "text 10:00:00.5"},
    {time, "10:00:00", boolean, none},
    {time, "10:00:00", integer, none},
    {time, "10:00:00", number, none},
    {time, "10:00:00", date, none},
    {time, "10:00:00", time, "moment 10:00:00"},
    {time, "10:00:00", time_with_timezone, "moment 10:00:00Z"},
    {time, "10:00:00", timestamp, none},
    {time, "10:00:00", timestamp_with_timezone, none},
    {time, "10:00:00", json, R"(json "10:00:00")"},

    {time_with_timezone, "10:00:00+02:00", text, "text 10:00:00+02:00"},
    {time_with_timezone, "10:00:00Z", boolean, none},
    {time_with_timezone, "10:00:00Z", integer, none},
    {time_with_timezone, "10:00:00Z", number, none},
    {time_with_timezone, "10:00:00Z", date, none},
    {time_with_timezone, "10:00:00+02:00", time, "moment 08:00:00"},
    {time_with_timezone, "01:00:00.5+02:00", time, "moment 23:00:00.5"},
    {time_with_timezone, "10:00:00Z", time_with_timezone, "moment 10:00:00Z"},
    {time_with_timezone, "10:00:00Z", timestamp, none},
    {time_with_timezone, "10:00:00Z", timestamp_with_timezone, none},
    {time_with_timezone, "10:00:00Z", json, R"(json "10:00:00Z")"},

    {timestamp, "2024-01-31T10:00:00", text, "text 2024-01-31T10:00:00"},
    {timestamp, "2024-01-31T10:00:00", boolean, none},
    {timestamp, "2024-01-31T10:00:00", integer, none},
    {timestamp, "2024-01-31T10:00:00", number, none},
    {timestamp, "2024-01-31T23:30:00", date, "moment 2024-01-31"},
    {timestamp, "0044-03-15T23:30:00 BC", date, "moment 0044-03-15 BC"},
    {timestamp, "2024-01-31T10:00:00.5", time, "moment 10:00:00.5"},
    {timestamp, "2024-01-31T10:00:00", time_with_timezone, "moment 10:00:00Z"},
    {timestamp, "2024-01-31 10:00:00", timestamp, "moment 2024-01-31T10:00:00"},
    {timestamp, "2024-01-31T10:00:00", timestamp_with_timezone, "moment 2024-01-31T10:00:00Z"},
    {timestamp, "2024-01-31T10:00:00", json, R"(json "2024-01-31T10:00:00")"},

    {timestamp_with_timezone, "2024-01-31T10:00:00Z", text, "text 2024-01-31T10:00:00Z"},
    {timestamp_with_timezone, "2024-01-31T10:00:00Z", boolean, none},
    {timestamp_with_timezone, "2024-01-31T10:00:00Z", integer, none},
    {timestamp_with_timezone, "2024-01-31T10:00:00Z", number, none},
    {timestamp_with_timezone, "2024-01-31T01:00:00+02:00", date, "moment 2024-01-30"},
    {timestamp_with_timezone, "2024-01-31T01:00:00+02:00", time, "moment 23:00:00"},
    {timestamp_with_timezone, "2024-01-31T01:00:00+02:00", time_with_timezone, "moment 01:00:00+02:00"},
    {timestamp_with_timezone, "2024-01-31T01:00:00+02:00", timestamp, "moment 2024-01-30T23:00:00"},
    {timestamp_with_timezone, "2024-01-31T10:00:00Z", timestamp_with_timezone, "moment 2024-01-31T10:00:00Z"},
    {timestamp_with_timezone, "2024-01-31 10:00:00+00", timestamp, "moment 2024-01-31T10:00:00"},
    {timestamp_with_timezone, "2024-01-31T10:00:00Z", json, R"(json "2024-01-31T10:00:00Z")"},

    {json, R"("a\u0041\n")", text, "text aA\n"},
    {json, "1.50", text, "text 1.50"},
    {json, R"({"a": 1})", text, R"(text {"a": 1})"},
    {json, "true", boolean, "true"},
    {json, R"("true")", boolean, "true"},
    {json, "1", boolean, none},
    {json, "12", integer, "integer 12"},
    {json, R"("12")", integer, "integer 12"},
    {json, "[1]", integer, none},
    {json, "1e2", number, "number 100"},
    {json, R"("2024-01-31")", date, "moment 2024-01-31"},
    {json, "{}", date, none},
    {json, R"("10:00:00")", time, "moment 10:00:00"},
    {json, R"("10:00:00")", time_with_timezone, "moment 10:00:00Z"},
    {json, R"("2024-01-31T10:00:00")", timestamp, "moment 2024-01-31T10:00:00"},
    {json, R"( "2024-01-31T10:00:00Z" )", timestamp_with_timezone, "moment 2024-01-31T10:00:00Z"},
    {json, R"({"a": 1})", json, R"(json {"a": 1})"},
    {json, "null", text, "null"},
    {json, "", text, none},
    {json, "\"", text, none},
};

TEST(StoredValue, IsReadAsOneOfAnotherType) {
  for (ConversionRow const& row : rows) {
    SCOPED_TRACE(std::string(landfall::to_string(row.from)) + " '" + std::string(row.stored) + "' to " +
                 std::string(landfall::to_string(row.to)));
    EXPECT_EQ(converted(row.from, row.to, row.stored), row.expected);
  }
}

constexpr ColumnType all_types[] = {
    text, boolean, integer, number, date, time, time_with_timezone, timestamp, timestamp_with_timezone, json};

TEST(StoredValue, EveryPairOfTypesHasARow) {
  for (ColumnType const from : all_types) {
    for (ColumnType const to : all_types) {
      bool const has_row =
          std::ranges::any_of(rows, [&](ConversionRow const& row) { return row.from == from && row.to == to; });
      EXPECT_TRUE(has_row) << landfall::to_string(from) << " to " << landfall::to_string(to);
    }
  }
}

TEST(StoredValue, WhatGoesToTextOrJsonAndBackIsKept) {
  struct Value {
    ColumnType type;
    std::string_view stored;
  };
  constexpr Value values[] = {
      {text, "a \"b\""},
      {integer, "12"},
      {number, "1.5"},
      {date, "2024-01-31"},
      {time, "10:00:00.5"},
      {time_with_timezone, "10:00:00+02:00"},
      {timestamp, "2024-01-31T10:00:00"},
      {timestamp_with_timezone, "2024-01-31T10:00:00Z"},
      {timestamp, "0044-03-15T10:00:00 BC"},
  };
  for (Value const& value : values) {
    for (ColumnType const between : {text, json}) {
      SCOPED_TRACE(std::string(value.stored) + " by " + std::string(landfall::to_string(between)));
      StoredValueReader reader{ValueLimits()};
      std::string const there(reader.read(value.type, between, value.stored).cell.text);
      EXPECT_EQ(std::string(reader.read(between, value.type, there).cell.text), value.stored);
    }
  }
}

TEST(StoredValue, TheLimitsOfTheStoreCount) {
  ValueLimits limits;
  limits.number_digits = 4;
  limits.number_scale = 1;
  limits.longest_text_bytes = 8;
  EXPECT_EQ(converted(text, number, "1.25", limits), "number 1.3, cut");
  EXPECT_EQ(converted(text, number, "12345", limits), "too large");
  EXPECT_EQ(converted(date, text, "2024-01-31", limits), "too large");
}

TEST(StoredValue, MetaGetsAnEntryForWhatIsLost) {
  struct MetaRow {
    char const* name;
    std::string_view meta;
    std::string_view expected;
  };
  constexpr MetaRow metas[] = {
      {"no changes yet", R"({"sync_id":7,"changes":[]})", R"({"sync_id":7,"changes":[*]})"},
      {"others before", R"({"changes":[{"field":"b"}],"sync_id":7})", R"({"changes":[{"field":"b"},*],"sync_id":7})"},
      {"no member changes", R"({"sync_id":7})", R"({"sync_id":7,"changes":[*]})"},
      {"changes are null", R"({"changes":null})", R"({"changes":[*]})"},
      {"an empty object", "{ }", R"({ "changes":[*]})"},
      {"nothing", "", R"({"changes":[*]})"},
  };
  StoredValueReader reader{ValueLimits()};
  Conversion const lost = reader.read(text, integer, "x");
  std::string const entry = R"({"field":"a\"b","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"})";
  for (MetaRow const& row : metas) {
    SCOPED_TRACE(row.name);
    std::string expected(row.expected);
    expected.replace(expected.find('*'), 1, entry);
    EXPECT_EQ(meta_with_change(row.meta, "a\"b", lost, ValueLimits()), expected);
  }
  EXPECT_NE(meta_with_change("", "a", reader.read(text, integer, "18446744073709551616"), ValueLimits())
                .find(R"("NULLED","reason":"DESTINATION_FIELD_SIZE_LIMITATION")"),
            std::string::npos);
}

}  // namespace
}  // namespace landfall
