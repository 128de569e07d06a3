#include "table/moments.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cells.hpp"

namespace landfall {
namespace {

struct MomentRow {
  std::string_view name;
  std::string_view text;
  std::string_view expected;
};

std::string moment_of(ColumnType type, std::string_view text, ValueLimits const& limits = ValueLimits()) {
  TextArena arena;
  Cell cell;
  Fit const fit = read_moment(type, text, limits, arena, cell);
  if (fit != Fit::whole && fit != Fit::cut) {
    EXPECT_EQ(cell.kind, Cell::Kind::null);
    return std::string(to_string(fit));
  }
  EXPECT_EQ(cell.kind, Cell::Kind::moment);
  return std::string(cell.text) + (fit == Fit::cut ? ", cut" : "");
}

template <std::size_t size>
void expect_rows(ColumnType type, MomentRow const (&rows)[size]) {
  for (MomentRow const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(moment_of(type, row.text), row.expected);
  }
}

constexpr MomentRow date_rows[] = {
    {"usual", "2024-01-31", "2024-01-31"},
    {"slashes", "2024/01/31", "2024-01-31"},
    {"points", "2024.01.31", "2024-01-31"},
    {"spaces", "2024 01 31", "2024-01-31"},
    {"mixed", "2024-01/31", "2024-01-31"},
    {"mixed otherwise", "2024. 31", "no such value"},
    {"one digit each", "2024-1-3", "2024-01-03"},
    {"one digit of a month", "2024/1/31", "2024-01-31"},

    {"first year", "0001-01-01", "0001-01-01"},
    {"last year", "9999-12-31", "9999-12-31"},
    {"year 10000", "10000-01-01", "too large"},
    {"year of nine digits", "123456789-01-01", "too large"},
    {"year of ten digits", "1234567890-01-01", "no such value"},
    {"year of nine digits with zeros", "000002024-01-31", "2024-01-31"},
    {"two digits are taken literally", "24-01-31", "0024-01-31"},
    {"one digit", "7-01-31", "0007-01-31"},
    {"a year of two digits and parts of one", "24-1-31", "no such value"},
    {"any order", "1/2/24", "no such value"},
    {"year last", "31.01.2024", "no such value"},
    {"plus", "+2024-01-31", "2024-01-31"},
    {"plus and five digits", "+02024-01-31", "2024-01-31"},

    {"year 0", "0000-01-01", "0001-01-01 BC"},
    {"year 0 of one digit", "0-01-01", "0001-01-01 BC"},
    {"minus year 0", "-0000-01-01", "0001-01-01 BC"},
    {"BC", "0044-03-15 BC", "0044-03-15 BC"},
    {"BC, short", "44-03-15 BC", "0044-03-15 BC"},
    {"negative", "-0043-03-15", "0044-03-15 BC"},
    {"BC of year 0", "0000-01-01 BC", "no such value"},
    {"BC of a negative year", "-0043-03-15 BC", "no such value"},
    {"first year that is taken", "-9999-01-01", "10000-01-01 BC"},
    {"year before", "-10000-01-01", "too large"},
    {"year before, with BC", "10001-01-01 BC", "too large"},
    {"BC without a space", "0044-03-15BC", "no such value"},
    {"bc", "0044-03-15 bc", "no such value"},
    {"AD", "0044-03-15 AD", "no such value"},
    {"BC twice", "0044-03-15 BC BC", "no such value"},

    {"leap day", "2024-02-29", "2024-02-29"},
    {"no leap day", "2023-02-29", "no such value"},
    {"leap day of a century", "2000-02-29", "2000-02-29"},
    {"no leap day of a century", "1900-02-29", "no such value"},
    {"leap day of 1 BC", "0001-02-29 BC", "0001-02-29 BC"},
    {"no leap day of 4 BC", "0004-02-29 BC", "no such value"},
    {"leap day of year -4", "-4-02-29", "0005-02-29 BC"},
    {"30th of February", "2024-02-30", "no such value"},
    {"31st of April", "2024-04-31", "no such value"},
    {"30th of April", "2024-04-30", "2024-04-30"},
    {"32nd", "2024-01-32", "no such value"},
    {"month 13", "2024-13-01", "no such value"},
    {"month 0", "2024-00-01", "no such value"},
    {"day 0", "2024-01-00", "no such value"},
    {"zero date", "0000-00-00", "no such value"},

    {"empty", "", "no such value"},
    {"text", "yesterday", "no such value"},
    {"underscores", "2024_01_31", "no such value"},
    {"no separators", "20240131", "no such value"},
    {"year alone", "2024", "no such value"},
    {"no day", "2024-01", "no such value"},
    {"no digits of a day", "2024-01-", "no such value"},
    {"three digits of a day", "2024-01-311", "no such value"},
    {"two separators", "2024--01-31", "no such value"},
    {"name of a month", "2024-Jan-31", "no such value"},
    {"week", "2024-W05-3", "no such value"},
    {"space before", " 2024-01-31", "no such value"},
    {"space behind", "2024-01-31 ", "no such value"},
    {"date in brackets", "[2024-01-31]", "no such value"},
    {"other digits", "２０２４-01-31", "no such value"},
    {"NUL behind", std::string_view("2024-01-31\0", 11), "no such value"},
};

TEST(Moments, Dates) { expect_rows(ColumnType::date, date_rows); }

constexpr MomentRow date_of_timestamp_rows[] = {
    {"zone", "2024-01-31T12:34:56Z", "2024-01-31"},
    {"no zone", "2024-01-31T12:34:56", "2024-01-31"},
    {"space", "2024-01-31 12:34:56", "2024-01-31"},
    {"t and z", "2024-01-31t12:34:56z", "2024-01-31"},
    {"no seconds", "2024-01-31T12:34", "2024-01-31"},
    {"fraction", "2024-01-31T12:34:56.789Z", "2024-01-31"},
    {"a fraction of any length", "2024-01-31T12:34:56.1234567890123Z", "2024-01-31"},
    {"as it is written, not as in UTC", "2024-01-31T00:30:00+05:30", "2024-01-31"},
    {"the same, behind", "2024-01-31 23:30:00-08", "2024-01-31"},
    {"offset without colon", "2024-01-31T00:30:00+0530", "2024-01-31"},
    {"24:00", "2024-01-31T24:00:00Z", "2024-01-31"},
    {"24:00 on the last day", "9999-12-31T24:00:00Z", "9999-12-31"},
    {"leap second", "2016-12-31T23:59:60Z", "2016-12-31"},
    {"slashes", "2024/01/31 12:34:56", "2024-01-31"},
    {"spaces all over", "2024 1 3 12:34:56", "2024-01-03"},
    {"plus", "+2024-01-31T12:34:56Z", "2024-01-31"},
    {"BC", "0044-03-15T12:00:00Z BC", "0044-03-15 BC"},
    {"negative", "-0043-03-15T12:00:00+01:00", "0044-03-15 BC"},
    {"year 10000", "10000-01-01T00:00:00Z", "too large"},
    {"T and no time", "2024-01-31T", "no such value"},
    {"hour 25", "2024-01-31T25:00:00Z", "no such value"},
    {"24:01", "2024-01-31T24:01:00Z", "no such value"},
    {"second 61", "2024-01-31T12:00:61Z", "no such value"},
    {"offset of 16 hours", "2024-01-31T12:00:00+16:00", "no such value"},
    {"zone by name", "2024-01-31T12:00:00 UTC", "no such value"},
    {"month 13", "2024-13-01T00:00:00Z", "no such value"},
    {"no leap day", "2023-02-29 00:00:00", "no such value"},
    {"two dates", "2024-01-31 2024-01-31", "no such value"},
};

TEST(Moments, OfATimestampADateColumnKeepsTheDate) { expect_rows(ColumnType::date, date_of_timestamp_rows); }

constexpr MomentRow time_with_zone_rows[] = {
    {"usual", "12:34:56Z", "12:34:56Z"},
    {"no zone", "12:34:56", "12:34:56Z"},
    {"offset", "12:34:56+05:30", "12:34:56+05:30"},
    {"negative offset", "12:34:56-08:00", "12:34:56-08:00"},
    {"offset without colon", "12:34:56+0530", "12:34:56+05:30"},
    {"offset of hours", "12:34:56-03", "12:34:56-03:00"},
    {"z", "12:34:56z", "12:34:56Z"},
    {"no seconds", "12:34Z", "12:34:00Z"},
    {"no seconds, no zone", "12:34", "12:34:00Z"},
    {"no seconds, offset", "12:34+01:00", "12:34:00+01:00"},
    {"fraction", "12:34:56.7Z", "12:34:56.7Z"},
    {"fraction of nine", "12:34:56.123456789+01:00", "12:34:56.123456789+01:00"},
    {"fraction of ten", "12:34:56.1234567891Z", "12:34:56.123456789Z, cut"},
    {"fraction of ten, nothing lost", "12:34:56.1234567890Z", "12:34:56.123456789Z"},
    {"fraction of many", "12:34:56.99999999999999999999999999999999999999999999999999999Z", "12:34:56.999999999Z, cut"},
    {"zeros of a fraction are kept", "12:34:56.000Z", "12:34:56.000Z"},
    {"midnight", "00:00:00Z", "00:00:00Z"},
    {"last moment", "23:59:59.999999999Z", "23:59:59.999999999Z"},
    {"largest offset", "00:00:00+15:59", "00:00:00+15:59"},
    {"leap second", "23:59:60Z", "23:59:59Z"},
    {"leap second with a fraction", "23:59:60.5Z", "23:59:59.5Z"},

    {"24:00", "24:00:00Z", "no such value"},
    {"hour 25", "25:00:00Z", "no such value"},
    {"minute 60", "12:60:00Z", "no such value"},
    {"second 61", "12:00:61Z", "no such value"},
    {"offset of 16 hours", "12:00:00+16:00", "no such value"},
    {"offset of 60 minutes", "12:00:00+01:60", "no such value"},
    {"offset of one digit", "12:00:00+1", "no such value"},
    {"offset with one digit of minutes", "12:00:00+01:0", "no such value"},
    {"offset with three digits", "12:00:00+010", "no such value"},
    {"offset with seconds", "12:00:00+01:00:00", "no such value"},
    {"offset with a colon alone", "12:00:00+01:", "no such value"},
    {"zone by name", "12:00:00 CET", "no such value"},
    {"one digit of an hour", "9:00:00Z", "no such value"},
    {"hour alone", "12", "no such value"},
    {"hour and zone", "12Z", "no such value"},
    {"point without fraction", "12:00:00.Z", "no such value"},
    {"comma", "12:00:00,5Z", "no such value"},
    {"fraction of a minute", "12:00.5Z", "no such value"},
    {"afternoon", "12:00:00 PM", "no such value"},
    {"BC", "12:00:00Z BC", "no such value"},
    {"empty", "", "no such value"},
    {"text", "noon", "no such value"},
    {"date alone", "2024-01-31", "no such value"},
    {"date and T", "2024-01-31T", "no such value"},
    {"timestamp", "2024-01-31T12:34:56Z", "12:34:56Z"},
    {"timestamp with an offset", "2024-01-31 12:34:56.5+05:30", "12:34:56.5+05:30"},
    {"timestamp with a short offset", "2024/1/31 12:34-08", "12:34:00-08:00"},
    {"timestamp without a zone", "2024-01-31t12:34:56", "12:34:56Z"},
    {"timestamp, digits lost", "2024-01-31T12:34:56.1234567891Z", "12:34:56.123456789Z, cut"},
    {"timestamp of a year beyond all", "10000-01-01T12:00:00Z", "12:00:00Z"},
    {"timestamp with BC", "0044-03-15T12:00:00Z BC", "12:00:00Z"},
    {"timestamp at 24:00", "2024-01-31T24:00:00Z", "00:00:00Z"},
    {"timestamp at a leap second", "2016-12-31T23:59:60Z", "23:59:59Z"},
    {"timestamp of no day", "2023-02-29T12:00:00Z", "no such value"},
    {"timestamp at hour 25", "2024-01-31T25:00:00Z", "no such value"},
    {"timestamp and offset beyond all", "2024-01-31T12:00:00+99:00", "no such value"},
};

TEST(Moments, TimesWithTimeZone) { expect_rows(ColumnType::time_with_timezone, time_with_zone_rows); }

constexpr MomentRow time_rows[] = {
    {"usual", "12:34:56", "12:34:56"},
    {"fraction", "12:34:56.789", "12:34:56.789"},
    {"no seconds", "12:34", "12:34:00"},
    {"zone is dropped", "12:34:56Z", "12:34:56"},
    {"offset is dropped", "12:34:56.5+05:30", "12:34:56.5"},
    {"no seconds and an offset", "12:34-08", "12:34:00"},
    {"offset that is none", "12:34:56+5", "no such value"},
    {"offset beyond all", "12:34:56+99:00", "no such value"},
    {"leap second", "23:59:60", "23:59:59"},
    {"24:00", "24:00", "no such value"},
    {"timestamp", "2024-01-31T12:34:56Z", "12:34:56"},
    {"timestamp with an offset", "2024-01-31 12:34:56.5+05:30", "12:34:56.5"},
    {"timestamp without a zone", "2024-01-31 12:34", "12:34:00"},
    {"date alone", "2024-01-31", "no such value"},
    {"text", "noon", "no such value"},
};

TEST(Moments, TimesWithoutTimeZone) { expect_rows(ColumnType::time, time_rows); }

constexpr MomentRow timestamp_with_zone_rows[] = {
    {"usual", "2024-01-31T12:34:56Z", "2024-01-31T12:34:56Z"},
    {"milliseconds", "2024-01-31T12:34:56.789Z", "2024-01-31T12:34:56.789Z"},
    {"microseconds and offset", "2024-01-31T12:34:56.789012+00:00", "2024-01-31T12:34:56.789012+00:00"},
    {"nanoseconds", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"},
    {"more than nanoseconds", "2024-01-31T12:34:56.9999999999Z", "2024-01-31T12:34:56.999999999Z, cut"},
    {"no zone is UTC", "2024-01-31T12:34:56", "2024-01-31T12:34:56Z"},
    {"space", "2024-01-31 12:34:56Z", "2024-01-31T12:34:56Z"},
    {"of PostgreSQL", "2024-01-31 12:34:56.789+00", "2024-01-31T12:34:56.789+00:00"},
    {"of MySQL", "2024-01-31 12:34:56", "2024-01-31T12:34:56Z"},
    {"t and z", "2024-01-31t12:34:56z", "2024-01-31T12:34:56Z"},
    {"offset without colon", "2024-01-31T12:34:56+0530", "2024-01-31T12:34:56+05:30"},
    {"offset of hours", "2024-01-31T12:34:56+03", "2024-01-31T12:34:56+03:00"},
    {"negative offset", "2024-01-31T12:34:56-03:00", "2024-01-31T12:34:56-03:00"},
    {"no seconds", "2024-01-31T12:34Z", "2024-01-31T12:34:00Z"},
    {"no seconds, no zone", "2024-01-31 12:34", "2024-01-31T12:34:00Z"},
    {"date alone", "2024-01-31", "2024-01-31T00:00:00Z"},
    {"other date alone", "2024/1/3", "2024-01-03T00:00:00Z"},
    {"slashes", "2024/01/31 12:34:56", "2024-01-31T12:34:56Z"},
    {"points", "2024.01.31T12:34:56Z", "2024-01-31T12:34:56Z"},
    {"spaces all over", "2024 01 31 12:34:56", "2024-01-31T12:34:56Z"},
    {"two digits of a year", "24-01-31T12:34:56Z", "0024-01-31T12:34:56Z"},

    {"24:00 is the next day", "2024-01-31T24:00:00Z", "2024-02-01T00:00:00Z"},
    {"24:00 of a leap day", "2024-02-28T24:00:00.000Z", "2024-02-29T00:00:00.000Z"},
    {"24:00 at the end of a year", "2023-12-31T24:00Z", "2024-01-01T00:00:00Z"},
    {"24:00 at the end of 1 BC", "0001-12-31T24:00Z BC", "0001-01-01T00:00:00Z"},
    {"24:00 at the end of 9999", "9999-12-31T24:00Z", "too large"},
    {"24:00:01", "2024-01-31T24:00:01Z", "no such value"},
    {"24:01", "2024-01-31T24:01:00Z", "no such value"},
    {"24:00 and a fraction", "2024-01-31T24:00:00.001Z", "no such value"},
    {"leap second", "2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"},
    {"leap second elsewhere", "2017-01-01T05:29:60.25+05:30", "2017-01-01T05:29:59.25+05:30"},
    {"second 61", "2016-12-31T23:59:61Z", "no such value"},

    {"first moment", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
    {"year 0", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z BC"},
    {"BC", "0044-03-15T12:00:00Z BC", "0044-03-15T12:00:00Z BC"},
    {"BC and no zone", "0044-03-15T12:00:00 BC", "0044-03-15T12:00:00Z BC"},
    {"BC and a date alone", "0044-03-15 BC", "0044-03-15T00:00:00Z BC"},
    {"negative", "-0043-03-15T12:00:00+01:00", "0044-03-15T12:00:00+01:00 BC"},
    {"BC in between", "0044-03-15 BC 12:00:00", "no such value"},
    {"year 10000", "10000-01-01T00:00:00Z", "too large"},
    {"as Java writes year 10000", "+10000-01-01T00:00:00Z", "too large"},

    {"month 13", "2024-13-01T00:00:00Z", "no such value"},
    {"no leap day", "2023-02-29T00:00:00Z", "no such value"},
    {"T and no time", "2024-01-31T", "no such value"},
    {"space and no time", "2024-01-31 ", "no such value"},
    {"T and an hour", "2024-01-31T12", "no such value"},
    {"zone behind a date", "2024-01-31Z", "no such value"},
    {"T and a zone", "2024-01-31TZ", "no such value"},
    {"two spaces", "2024-01-31  12:00:00", "no such value"},
    {"zone by name", "2024-01-31T12:00:00 UTC", "no such value"},
    {"zone in brackets", "2024-01-31T12:00:00+01:00[Europe/Paris]", "no such value"},
    {"two zones", "2024-01-31T12:00:00Z+01:00", "no such value"},
    {"underscores", "2024_01_31T12:00:00Z", "no such value"},
    {"no separators", "20240131T120000Z", "no such value"},
    {"seconds since the epoch", "1706704496", "no such value"},
    {"text", "now", "no such value"},
    {"empty", "", "no such value"},
    {"time alone", "12:00:00Z", "no such value"},
};

TEST(Moments, TimestampsWithTimeZone) { expect_rows(ColumnType::timestamp_with_timezone, timestamp_with_zone_rows); }

constexpr MomentRow timestamp_rows[] = {
    {"usual", "2024-01-31T12:34:56", "2024-01-31T12:34:56"},
    {"fraction", "2024-01-31T12:34:56.123456789", "2024-01-31T12:34:56.123456789"},
    {"zone is dropped", "2024-01-31T12:34:56Z", "2024-01-31T12:34:56"},
    {"offset is dropped", "2024-01-31T12:34:56.5-08:00", "2024-01-31T12:34:56.5"},
    {"offset beyond all", "2024-01-31T12:34:56+99:00", "no such value"},
    {"space and a short offset", "2024-01-31 12:34:56+03", "2024-01-31T12:34:56"},
    {"offset without colon", "2024-01-31t12:34:56-0330", "2024-01-31T12:34:56"},
    {"z", "2024-01-31T12:34:56.789z", "2024-01-31T12:34:56.789"},
    {"no seconds and an offset", "2024/1/31 12:34+05:30", "2024-01-31T12:34:00"},
    {"an offset that would be another day", "2024-01-31T23:30:00-08:00", "2024-01-31T23:30:00"},
    {"offset and BC", "0044-03-15 12:00:00+01 BC", "0044-03-15T12:00:00 BC"},
    {"24:00 and an offset", "2024-12-31T24:00:00+01:00", "2025-01-01T00:00:00"},
    {"date alone", "2024-01-31", "2024-01-31T00:00:00"},
    {"BC", "0044-03-15T12:00:00Z BC", "0044-03-15T12:00:00 BC"},
    {"24:00", "2024-12-31T24:00", "2025-01-01T00:00:00"},
    {"year 10000", "10000-01-01T00:00:00", "too large"},
    {"text", "now", "no such value"},
};

TEST(Moments, TimestampsWithoutTimeZone) { expect_rows(ColumnType::timestamp, timestamp_rows); }

TEST(Moments, YearsAreWhatTheStoreTakes) {
  ValueLimits limits;
  limits.first_year = 1;
  limits.last_year = 294'276;
  EXPECT_EQ(moment_of(ColumnType::date, "0001-01-01", limits), "0001-01-01");
  EXPECT_EQ(moment_of(ColumnType::date, "0000-12-31", limits), "too large");
  EXPECT_EQ(moment_of(ColumnType::date, "0001-12-31 BC", limits), "too large");
  EXPECT_EQ(moment_of(ColumnType::date, "294276-12-31", limits), "294276-12-31");
  EXPECT_EQ(moment_of(ColumnType::timestamp, "294276-12-31T24:00", limits), "too large");
  EXPECT_EQ(moment_of(ColumnType::date, "294277-01-01", limits), "too large");
  limits.first_year = -4712;
  EXPECT_EQ(moment_of(ColumnType::date, "4713-01-01 BC", limits), "4713-01-01 BC");
  EXPECT_EQ(moment_of(ColumnType::date, "4714-12-31 BC", limits), "too large");
  limits.first_year = -2'000'000'000;
  limits.last_year = 2'000'000'000;
  EXPECT_EQ(moment_of(ColumnType::timestamp_with_timezone, "999999999-12-31T24:00:00.000000000+15:59", limits),
            "1000000000-01-01T00:00:00.000000000+15:59");
  EXPECT_EQ(moment_of(ColumnType::timestamp_with_timezone, "-999999999-12-31T23:59:59.123456789123-15:59", limits),
            "1000000000-12-31T23:59:59.123456789-15:59 BC, cut");
}

TEST(Moments, AFractionHasTheDigitsThatTheStoreKeeps) {
  ValueLimits limits;
  limits.fraction_digits = 6;
  auto const timestamp = ColumnType::timestamp_with_timezone;
  EXPECT_EQ(moment_of(timestamp, "2024-01-31T12:34:56.123456789Z", limits), "2024-01-31T12:34:56.123456Z, cut");
  EXPECT_EQ(moment_of(timestamp, "2024-01-31T12:34:56.123456000Z", limits), "2024-01-31T12:34:56.123456Z");
  EXPECT_EQ(moment_of(timestamp, "2024-01-31T12:34:56.1234Z", limits), "2024-01-31T12:34:56.1234Z");
  EXPECT_EQ(moment_of(ColumnType::timestamp, "2024-01-31T12:34:56.1234567", limits), "2024-01-31T12:34:56.123456, cut");
  EXPECT_EQ(moment_of(ColumnType::time, "23:59:59.9999999", limits), "23:59:59.999999, cut");
  EXPECT_EQ(moment_of(ColumnType::time_with_timezone, "12:34:56.1234567+01:00", limits), "12:34:56.123456+01:00, cut");
  limits.fraction_digits = 0;
  EXPECT_EQ(moment_of(timestamp, "2024-01-31T12:34:56.5Z", limits), "2024-01-31T12:34:56Z, cut");
  EXPECT_EQ(moment_of(timestamp, "2024-01-31T12:34:56.0Z", limits), "2024-01-31T12:34:56Z");
  limits.fraction_digits = 12;
  EXPECT_EQ(moment_of(timestamp, "2024-01-31T12:34:56.123456789123Z", limits), "2024-01-31T12:34:56.123456789Z, cut");
}

struct CopyRow {
  ColumnType type;
  std::string_view text;
};

TEST(Moments, WhatIsInTheFirstFormIsNotCopied) {
  constexpr CopyRow rows[] = {
      {ColumnType::date, "2024-01-31"},
      {ColumnType::date, "0044-03-15 BC"},
      {ColumnType::date, "2024-01-31T12:34:56Z"},  // its beginning
      {ColumnType::time, "12:34:56.5"},
      {ColumnType::time, "12:34:56Z"},  // its beginning
      {ColumnType::time_with_timezone, "12:34:56+01:00"},
      {ColumnType::timestamp, "2024-01-31T12:34:56"},
      {ColumnType::timestamp, "2024-01-31T12:34:56.123Z"},
      {ColumnType::timestamp_with_timezone, "2024-01-31T12:34:56.123Z"},
  };
  for (CopyRow const& row : rows) {
    SCOPED_TRACE(row.text);
    TextArena arena;
    Cell cell;
    EXPECT_EQ(read_moment(row.type, row.text, ValueLimits(), arena, cell), Fit::whole);
    EXPECT_TRUE(lies_in(cell, row.text));
  }
}

TEST(Moments, EveryDayOfFourCenturiesIsOne) {
  using namespace std::chrono;
  for (sys_days day = 1999y / January / 1; day < sys_days(2400y / January / 1); day += days(1)) {
    year_month_day const date(day);
    year_month_day const next(day + days(1));
    auto const text_of = [](year_month_day const& of) {
      return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(of.year()), static_cast<unsigned>(of.month()),
                         static_cast<unsigned>(of.day()));
    };
    ASSERT_EQ(moment_of(ColumnType::date, text_of(date)), text_of(date));
    ASSERT_EQ(moment_of(ColumnType::timestamp, text_of(date) + "T24:00"), text_of(next) + "T00:00:00");
    if (next.month() == date.month()) continue;
    std::string const day_too_many =
        fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                    static_cast<unsigned>(date.day()) + 1);
    ASSERT_EQ(moment_of(ColumnType::date, day_too_many), "no such value");
  }
}

}  // namespace
}  // namespace landfall
