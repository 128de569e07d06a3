#include "table/decimals.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cells.hpp"

namespace landfall {
namespace {

struct IntegerRow {
  std::string_view name;
  std::string_view text;
  std::string_view expected;  ///< digits, or the name of a Fit
};

constexpr IntegerRow integer_rows[] = {
    {"zero", "0", "0"},
    {"one digit", "7", "7"},
    {"negative", "-12", "-12"},
    {"18 digits", "999999999999999999", "999999999999999999"},
    {"19 digits", "1000000000000000000", "1000000000000000000"},
    {"2^53+1, which no double holds", "9007199254740993", "9007199254740993"},
    {"2^63-1", "9223372036854775807", "9223372036854775807"},
    {"2^63", "9223372036854775808", "too large"},
    {"-2^63", "-9223372036854775808", "-9223372036854775808"},
    {"-2^63-1", "-9223372036854775809", "too large"},
    {"2^64-1", "18446744073709551615", "too large"},
    {"2^64", "18446744073709551616", "too large"},
    {"19 nines", "9999999999999999999", "too large"},
    {"20 digits", "10000000000000000000", "too large"},
    {"1e32 in digits", "100000000000000000000000000000000", "too large"},

    {"minus zero", "-0", "0"},
    {"minus zero with a point", "-0.0", "0"},
    {"point and zero", "1.0", "1"},
    {"point and many zeros", "-12.000000000000000000000000000000", "-12"},
    {"exponent", "1e2", "100"},
    {"exponent moves the point", "1.2E+1", "12"},
    {"negative exponent", "1200e-2", "12"},
    {"2^63-1 with an exponent", "9.223372036854775807e18", "9223372036854775807"},
    {"2^63 with an exponent", "9.223372036854775808e18", "too large"},
    {"-2^63 with a point", "-9223372036854775808.0", "-9223372036854775808"},
    {"1e18", "1e18", "1000000000000000000"},
    {"1e19", "1e19", "too large"},
    {"1e400", "1e400", "too large"},
    {"an exponent beyond all", "1e99999999999999999999999", "too large"},
    {"zero with an exponent beyond all", "0e99999999999999999999999", "0"},
    {"zero with a small one", "0.000e-99999999999999999999999", "0"},
    {"zeros in front", "0000000000000000000000000012", "12"},
    {"zeros in front and a sign", "-007", "-7"},
    {"plus", "+5", "5"},
    {"nothing behind the point", "5.", "5"},
    {"nothing before the point", ".0", "0"},

    {"half", "1.5", "no such value"},
    {"a little more", "50000.0000000000000001", "no such value"},
    {"a little more than much", "1000000000000000000000000000000.1", "no such value"},
    {"less than one", "0.1", "no such value"},
    {"a small one", "1e-1", "no such value"},
    {"as small as can be", "1e-99999999999999999999999", "no such value"},
    {"half by its exponent", "15e-1", "no such value"},
    {"empty", "", "no such value"},
    {"sign alone", "-", "no such value"},
    {"two signs", "--1", "no such value"},
    {"point alone", ".", "no such value"},
    {"exponent alone", "e5", "no such value"},
    {"exponent without digits", "1e", "no such value"},
    {"exponent with a sign alone", "1e+", "no such value"},
    {"exponent with a point", "1e1.0", "no such value"},
    {"two points", "1.0.0", "no such value"},
    {"text", "twelve", "no such value"},
    {"text behind", "12 apples", "no such value"},
    {"space before", " 12", "no such value"},
    {"space behind", "12 ", "no such value"},
    {"thousands", "1,200", "no such value"},
    {"underscores", "1_200", "no such value"},
    {"hexadecimal", "0x10", "no such value"},
    {"infinity", "Infinity", "no such value"},
    {"not a number", "NaN", "no such value"},
    {"digits of another script", "١٢", "no such value"},
    {"NUL behind", std::string_view("12\0", 3), "no such value"},
};

std::string integer_of(std::string_view text) {
  TextArena arena;
  Cell cell;
  Fit const fit = read_integer(text, arena, cell);
  if (fit != Fit::whole) return std::string(to_string(fit));
  EXPECT_EQ(cell.kind, Cell::Kind::integer);
  EXPECT_EQ(cell.text, std::to_string(cell.integer));
  return std::string(cell.text);
}

TEST(Decimals, IntegersAreReadInEveryForm) {
  for (IntegerRow const& row : integer_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(integer_of(row.text), row.expected);
  }
}

struct NumberRow {
  std::string_view name;
  std::string_view text;
  std::string_view expected;
};

constexpr NumberRow number_rows[] = {
    {"zero", "0", "0"},
    {"integer", "-12", "-12"},
    {"decimal", "12.5", "12.5"},
    {"zeros at the end are kept", "12.50", "12.50"},
    {"10^38", "100000000000000000000000000000000000000", "100000000000000000000000000000000000000"},
    {"0.1+0.2 of doubles", "0.30000000000000004", "0.30000000000000004"},
    {"more digits than a double has", "50000.0000000000000001", "50000.0000000000000001"},
    {"minus zero", "-0", "0"},
    {"minus zero with a point", "-0.00", "0.00"},
    {"less than one", "-0.5", "-0.5"},
    {"zeros in front", "007.5", "7.5"},
    {"zeros in front and a sign", "-007.5", "-7.5"},
    {"zeros in front of the point", "-000.5", "-0.5"},
    {"only zeros", "000", "0"},
    {"plus", "+7.5", "7.5"},
    {"nothing before the point", ".5", "0.5"},
    {"nothing before the point, negative", "-.5", "-0.5"},
    {"nothing behind the point", "5.", "5"},

    {"exponent", "1e2", "100"},
    {"exponent, negative", "-1E2", "-100"},
    {"exponent within the digits", "1.2345e2", "123.45"},
    {"exponent to the end of the digits", "1.2345e4", "12345"},
    {"exponent beyond the digits", "1.2345e6", "1234500"},
    {"exponent of nothing", "1.50e0", "1.50"},
    {"negative exponent", "12345e-2", "123.45"},
    {"negative exponent to the first digit", "12345e-5", "0.12345"},
    {"negative exponent beyond", "-12e-5", "-0.00012"},
    {"zeros at the end and an exponent", "1.50e1", "15.0"},
    {"zeros in front and an exponent", "0.0012e2", "0.12"},
    {"zero with an exponent", "0e5", "0"},
    {"zero with an exponent beyond all", "-0.0e99999999999999999999", "0"},
    {"the smallest double", "5e-3", "0.005"},

    {"empty", "", "no such value"},
    {"point alone", ".", "no such value"},
    {"infinity", "-Infinity", "no such value"},
    {"not a number", "NaN", "no such value"},
    {"comma", "1,5", "no such value"},
    {"text behind", "1.5 EUR", "no such value"},
    {"exponent without digits", "1.5e-", "no such value"},
};

std::string number_of(std::string_view text, ValueLimits const& limits = ValueLimits()) {
  TextArena arena;
  Cell cell;
  Fit const fit = read_number(text, limits, arena, cell);
  if (fit != Fit::whole && fit != Fit::cut) return std::string(to_string(fit));
  EXPECT_EQ(cell.kind, Cell::Kind::number);
  return std::string(cell.text) + (fit == Fit::cut ? ", cut" : "");
}

TEST(Decimals, NumbersKeepEveryDigit) {
  for (NumberRow const& row : number_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(number_of(row.text), row.expected);
  }
}

TEST(Decimals, AnExponentStandsForSoManyDigitsOnly) {
  EXPECT_EQ(number_of("1e400"), "1" + std::string(400, '0'));
  EXPECT_EQ(number_of("-1e1099"), "-1" + std::string(1099, '0'));
  EXPECT_EQ(number_of("1e1100"), "too large");
  EXPECT_EQ(number_of("1e-1099"), "0." + std::string(1098, '0') + "1");
  EXPECT_EQ(number_of("1e-1100"), "too large");
  EXPECT_EQ(number_of("1e2000000000"), "too large");
  EXPECT_EQ(number_of("1e-2000000000"), "too large");
  EXPECT_EQ(number_of("4.9406564584124654e-324"), "0." + std::string(323, '0') + "49406564584124654");
  // What stands there in digits is no danger, however long.
  std::string const digits(5'000, '7');
  EXPECT_EQ(number_of(digits), digits);
  EXPECT_EQ(number_of("00" + digits), digits);
  EXPECT_EQ(number_of("-00" + digits + "." + digits), "-" + digits + "." + digits);
  EXPECT_EQ(number_of(digits + "e-2"), digits.substr(2) + ".77");
}

struct LimitRow {
  std::string_view name;
  unsigned digits;
  unsigned scale;
  std::string_view text;
  std::string_view expected;
};

constexpr LimitRow limit_rows[] = {
    {"(38,0), 38 nines", 38, 0, "99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
    {"(38,0), 10^38", 38, 0, "100000000000000000000000000000000000000", "too large"},
    {"(38,0), -10^38", 38, 0, "-1e38", "too large"},
    {"(38,0), 1e37", 38, 0, "1e37", "10000000000000000000000000000000000000"},
    {"(38,9), fits", 38, 9, "-12.123456789", "-12.123456789"},
    {"(38,9), one digit more", 38, 9, "0.1234567891", "0.123456789, cut"},
    {"(38,9), 30 digits in front", 38, 9, "100000000000000000000000000000", "too large"},
    {"(38,9), 29 digits in front", 38, 9, "10000000000000000000000000000", "10000000000000000000000000000"},
    {"zeros beyond the scale are no loss", 5, 2, "1.5000", "1.50"},
    {"zeros beyond the scale, all of them", 5, 0, "12.000", "12"},
    {"down", 5, 2, "1.554", "1.55, cut"},
    {"half, away from zero", 5, 2, "1.555", "1.56, cut"},
    {"half, away from zero, even", 5, 2, "1.545", "1.55, cut"},
    {"half, away from zero, negative", 5, 2, "-1.545", "-1.55, cut"},
    {"just less than half", 5, 2, "1.5449999999", "1.54, cut"},
    {"carry", 5, 2, "1.999", "2.00, cut"},
    {"carry into a new digit", 5, 2, "99.995", "100.00, cut"},
    {"carry into a new digit, negative", 5, 2, "-9.999", "-10.00, cut"},
    {"carry beyond the digits", 5, 2, "999.995", "too large"},
    {"just no carry", 5, 2, "999.994999", "999.99, cut"},
    {"one digit too many in front", 5, 2, "1000", "too large"},
    {"one digit too many in front, small behind", 5, 2, "1000.001", "too large"},
    {"to zero", 5, 2, "0.004", "0.00, cut"},
    {"to zero, negative", 5, 2, "-0.004", "0.00, cut"},
    {"from nearly zero", 5, 2, "0.005", "0.01, cut"},
    {"to zero from far below", 5, 2, "9e-400", "0.00, cut"},
    {"to zero from as far as can be", 5, 2, "9e-99999999999999999999", "0.00, cut"},
    {"to an integer", 5, 0, "0.5", "1, cut"},
    {"to an integer, down", 5, 0, "-0.4", "0, cut"},
    {"exponent, rounded", 5, 2, "123456e-3", "123.46, cut"},
    {"as many digits as scale", 2, 2, "0.99", "0.99"},
    {"as many digits as scale, carry", 2, 2, "0.995", "too large"},
    {"as many digits as scale, one", 2, 2, "1", "too large"},
    {"as many digits as scale, zero", 2, 2, "0", "0"},
    {"more scale than digits", 2, 4, "0.0012", "0.0012"},
    {"zero with many places", 5, 2, "-0.00000", "0"},
    {"zeros in front", 3, 0, "000123", "123"},
    {"beyond all", 38, 9, "1e99999999999999999999", "too large"},
};

TEST(Decimals, NumbersAreRoundedToTheirScaleAndRefusedBeyondTheirDigits) {
  for (LimitRow const& row : limit_rows) {
    SCOPED_TRACE(row.name);
    ValueLimits limits;
    limits.number_digits = row.digits;
    limits.number_scale = row.scale;
    EXPECT_EQ(number_of(row.text, limits), row.expected);
  }
}

TEST(Decimals, WhatIsPlainAlreadyIsNotCopied) {
  TextArena arena;
  ValueLimits limits;
  limits.number_digits = 38;
  limits.number_scale = 9;
  for (std::string_view const text : {"0", "-0", "12", "-12.50", "+7", "007", "0.000000001"}) {
    SCOPED_TRACE(text);
    Cell cell;
    EXPECT_EQ(read_number(text, limits, arena, cell), Fit::whole);
    EXPECT_TRUE(lies_in(cell, text));
  }
  for (std::string_view const text : {"0", "12", "-999999999999999999", "9223372036854775807"}) {
    SCOPED_TRACE(text);
    Cell cell;
    EXPECT_EQ(read_integer(text, arena, cell), Fit::whole);
    EXPECT_TRUE(lies_in(cell, text));
  }
}

/// The digits of value / 10^scale, rounded half away from zero to `kept` places: in integers, which are small enough.
std::string rounded(std::int64_t value, int scale, int kept) {
  std::int64_t magnitude = value < 0 ? -value : value;
  std::int64_t divisor = 1;
  for (int i = kept; i < scale; ++i) divisor *= 10;
  magnitude = (magnitude + divisor / 2) / divisor;
  std::string digits = std::to_string(magnitude);
  if (digits.size() <= static_cast<std::size_t>(kept))
    digits.insert(0, static_cast<std::size_t>(kept) + 1 - digits.size(), '0');
  if (kept > 0) digits.insert(digits.size() - static_cast<std::size_t>(kept), ".");
  return (value < 0 && magnitude != 0 ? "-" : "") + digits;
}

TEST(Decimals, RandomNumbersAreRoundedAsIntegersAre) {
  constexpr unsigned seed = 7;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    int const scale = static_cast<int>(random() % 9) + 1;
    int const kept = static_cast<int>(random() % static_cast<unsigned>(scale));
    auto const value = static_cast<std::int64_t>(random() % 2'000'000) - 1'000'000;
    ValueLimits limits;
    limits.number_digits = 30;
    limits.number_scale = static_cast<unsigned>(kept);
    std::string const text = fmt::format("{}e-{}", value, scale);
    std::string number = number_of(text, limits);
    if (number.ends_with(", cut")) number.resize(number.size() - 5);
    ASSERT_EQ(number, value == 0 ? "0" : rounded(value, scale, kept))
        << text << ", seed " << seed << ", round " << round;
  }
}

struct WithinRow {
  std::string_view number;
  bool four_before;  ///< at most four digits before the point
  bool two_behind;   ///< at most two behind it
};

// As PostgreSQL's numeric counts, with 131,072 and 16,383.
constexpr WithinRow within_rows[] = {
    {"0", true, true},
    {"-9999", true, true},
    {"10000", false, true},
    {"1e3", true, true},
    {"1E4", false, true},
    {"0.1e4", true, true},
    {"0.1e+5", false, true},
    {"0.01e5", true, true},
    {"12e3", false, true},
    {"0.12", true, true},
    {"0.123", true, false},
    {"1.00", true, true},
    {"1.000", true, false},
    {"1e-2", true, true},
    {"1e-3", true, false},
    {"1.0e-2", true, false},
    {"1.234e1", true, true},
    {"1.2345e1", true, false},
    {"0e9", true, true},
    {"0e-3", true, false},
    {"0.000", true, false},
    {"0e2000000000", false, false},
    {"1e99999999999999999999", false, false},
    {"1e-99999999999999999999", true, false},
    {"99999.999", false, false},
};

TEST(Decimals, NumbersOfJsonAreWithinTheirLimitsOrNot) {
  for (WithinRow const& row : within_rows) {
    SCOPED_TRACE(row.number);
    EXPECT_EQ(is_within(row.number, 4, 0), row.four_before);
    EXPECT_EQ(is_within(row.number, 0, 2), row.two_behind);
    EXPECT_EQ(is_within(row.number, 4, 2), row.four_before && row.two_behind);
  }
}

}  // namespace
}  // namespace landfall
