#include "binary_values.hpp"

#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "column_types.hpp"
#include "examples/scratch_database.hpp"

namespace postgres {
namespace {

using landfall::Cell;
using landfall::ColumnType;
using landfall::SqlText;

/// Values are sent as text and in our binary form, and the server compares them.
struct BinaryValuesTest : ::testing::Test {
  std::string row_of(ColumnType type, Cell::Kind kind, std::string const& text) const {
    Cell cell;
    cell.kind = kind;
    cell.text = text;
    std::string bytes;
    append_16(bytes, 2);
    append_text(bytes, text);
    append_cell(bytes, type, cell);
    return bytes;
  }

  /// "TEXT: read as VALUE" for each one that the server reads otherwise.
  std::vector<std::string> differences(ColumnType type, Cell::Kind kind, std::vector<std::string> const& texts) {
    SqlText create;
    create << "CREATE TEMP TABLE sent (as_text text, as_binary " << type_name(type) << ")";
    connection.run(create);
    SqlText copy;
    copy << "COPY sent FROM STDIN (FORMAT binary)";
    connection.begin_copy(copy);
    std::string bytes("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    for (std::string const& text : texts) bytes += row_of(type, kind, text);
    append_16(bytes, 0xffff);
    connection.put(bytes);
    connection.end_copy();
    SqlText compare;
    compare << "SELECT as_text, as_binary::text FROM sent WHERE as_binary::text IS DISTINCT FROM as_text::"
            << type_name(type) << "::text";
    Result const found = connection.run(compare);
    std::vector<std::string> told;
    for (int row = 0; row < found.rows(); ++row) {
      told.push_back(fmt::format("{}: read as {}", found.text(row, 0), found.text(row, 1)));
    }
    SqlText drop;
    drop << "DROP TABLE sent";
    connection.run(drop);
    return told;
  }

  Settings const settings = test_server();
  SecretFiles const secrets{settings.tls};
  Connection connection{settings, secrets};
};

TEST_F(BinaryValuesTest, NumbersKeepEveryDigit) {
  std::vector<std::string> texts = {"0",
                                    "-0",
                                    "0.0",
                                    "0.000000",
                                    "1",
                                    "-1",
                                    "10000",
                                    "9999",
                                    "100000000",
                                    "0.1",
                                    "0.0001",
                                    "0.00001",
                                    "-0.00010",
                                    "12345.6789",
                                    "1.500",
                                    "-99999.99990",
                                    "0012.50",
                                    "10000.0001",
                                    "1" + std::string(1099, '0'),
                                    "0." + std::string(1099, '0') + "7",
                                    std::string(131'072, '9'),
                                    "0." + std::string(16'383, '1')};
  unsigned const seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  auto const digits = [&random](std::size_t count) {
    std::string text;
    // Mostly zeros, so that groups of zeros occur.
    for (std::size_t i = 0; i < count; ++i) text += random() % 3 == 0 ? static_cast<char>('0' + random() % 10) : '0';
    return text;
  };
  for (int i = 0; i < 3000; ++i) {
    std::string text = (random() % 2 == 0 ? "-" : "") + digits(1 + random() % 24);
    if (random() % 4 != 0) text += "." + digits(1 + random() % 24);
    texts.push_back(text);
  }
  EXPECT_EQ(differences(ColumnType::number, Cell::Kind::number, texts), std::vector<std::string>{});
}

TEST_F(BinaryValuesTest, DatesOfAllYears) {
  std::vector<std::string> texts = {"2000-01-01", "1999-12-31",    "1970-01-01",    "2024-02-29",    "1900-03-01",
                                    "0001-01-01", "0001-12-31 BC", "0005-02-29 BC", "4713-01-01 BC", "0044-03-15 BC",
                                    "9999-12-31", "32768-01-01",   "294275-12-31",  "100000-02-29"};
  unsigned const seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 3000; ++i) {
    bool const is_before_christ = random() % 3 == 0;
    unsigned const year = 1 + static_cast<unsigned>(random() % (is_before_christ ? 4712 : 294'275));
    texts.push_back(
        fmt::format("{:04}-{:02}-{:02}{}", year, 1 + random() % 12, 1 + random() % 28, is_before_christ ? " BC" : ""));
  }
  EXPECT_EQ(differences(ColumnType::date, Cell::Kind::moment, texts), std::vector<std::string>{});
}

TEST_F(BinaryValuesTest, TimesAndTimestamps) {
  std::vector<std::string> const times = {"00:00:00",        "23:59:59",           "12:34:56.7",
                                          "01:02:03.123456", "01:02:03.123456789", "23:59:59.9999999"};
  std::vector<std::string> const offsets = {"Z", "+00:00", "-00:30", "+05:45", "-12:00", "+15:59"};
  std::vector<std::string> const dates = {"2000-01-01", "1969-12-31", "0001-01-01", "294275-12-31", "2024-02-29"};
  std::vector<std::string> with_zone, timestamps, timestamps_with_zone;
  for (std::string const& time : times) {
    for (std::string const& offset : offsets) with_zone.push_back(time + offset);
    for (std::string const& date : dates) {
      timestamps.push_back(date + "T" + time);
      timestamps.push_back("0044-03-15T" + time + " BC");
      for (std::string const& offset : offsets) {
        timestamps_with_zone.push_back(date + "T" + time + offset);
        timestamps_with_zone.push_back("0044-03-15T" + time + offset + " BC");
      }
    }
  }
  std::vector<std::string> const none;
  EXPECT_EQ(differences(ColumnType::time, Cell::Kind::moment, times), none);
  EXPECT_EQ(differences(ColumnType::time_with_timezone, Cell::Kind::moment, with_zone), none);
  EXPECT_EQ(differences(ColumnType::timestamp, Cell::Kind::moment, timestamps), none);
  EXPECT_EQ(differences(ColumnType::timestamp_with_timezone, Cell::Kind::moment, timestamps_with_zone), none);
}

TEST_F(BinaryValuesTest, MillisecondsAreMomentsAndInfinityBeyondThem) {
  struct Case {
    std::int64_t since_1970;
    char const* expected;
  };
  Case const table[] = {{0, "1970-01-01 00:00:00+00"},
                        {-1, "1969-12-31 23:59:59.999+00"},
                        {1'710'000'000'123, "2024-03-09 16:00:00.123+00"},
                        {9'224'318'015'999'999, "294276-12-31 23:59:59.999+00"},
                        {9'224'318'016'000'000, "infinity"},
                        {-999'999'999'999'999, "-infinity"},
                        {std::numeric_limits<std::int64_t>::max(), "infinity"},
                        {std::numeric_limits<std::int64_t>::min(), "-infinity"},
                        {-210'866'803'200'000, "4714-11-24 00:00:00+00 BC"},
                        {-210'866'803'200'001, "-infinity"}};
  for (Case const& row : table) {
    SCOPED_TRACE(row.expected);
    SqlText create;
    create << "CREATE TEMP TABLE sent (at timestamptz)";
    connection.run(create);
    SqlText copy;
    copy << "COPY sent FROM STDIN (FORMAT binary)";
    connection.begin_copy(copy);
    std::string bytes("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    append_16(bytes, 1);
    append_milliseconds(bytes, row.since_1970);
    append_16(bytes, 0xffff);
    connection.put(bytes);
    connection.end_copy();
    SqlText ask;
    ask << "SELECT at FROM sent";
    EXPECT_EQ(connection.run(ask).text(0, 0), row.expected);
    SqlText drop;
    drop << "DROP TABLE sent";
    connection.run(drop);
  }
}

}  // namespace
}  // namespace postgres
