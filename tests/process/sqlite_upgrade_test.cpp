// A file that an earlier version of destination-sqlite has written: before there were notes of who owns a table, and
// before values had one spelling.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "database.hpp"
#include "program_test.hpp"

namespace {

using landfall::SqlText;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SqliteUpgrade : public ProgramTest {
 protected:
  SqliteUpgrade() {
    write_file("config.json", json::serialize(json::object{{"destination_path", path()}}));
    std::ifstream file(SQLITE_OF_AN_EARLIER_VERSION);
    std::string const sql(std::istreambuf_iterator<char>(file), {});
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  std::string program() const override { return DESTINATION_SQLITE; }
  std::string path() const { return folder_ / "test.sqlite"; }

  std::vector<std::string> rows(SqlText const& sql) const {
    sqlite::Database database(path(), 10'000);
    auto found = database.prepare(sql);
    std::vector<std::string> rows;
    while (found.step()) {
      std::string row;
      for (int column = 0; column < found.column_count(); ++column) {
        row += (column == 0 ? "" : " ") + (found.is_null(column) ? std::string("-") : found.text(column));
      }
      rows.push_back(row);
    }
    return rows;
  }

  static json::object type(std::string name, std::string format = "", std::string airbyte_type = "") {
    json::object schema{{"type", name}};
    if (!format.empty()) schema["format"] = format;
    if (!airbyte_type.empty()) schema["airbyte_type"] = airbyte_type;
    return schema;
  }
  static json::object with_zone() { return type("string", "date-time", "timestamp_with_timezone"); }

  static Stream everything() {
    return Stream("everything")
        .fields({{"id", type("integer")},
                 {"text", type("string")},
                 {"flag", type("boolean")},
                 {"number", type("number")},
                 {"day", type("string", "date")},
                 {"time", type("string", "time", "time_without_timezone")},
                 {"time_z", type("string", "time", "time_with_timezone")},
                 {"at", type("string", "date-time", "timestamp_without_timezone")},
                 {"at_z", with_zone()},
                 {"json", type("object")}})
        .generations(1, 0);
  }
  static Stream twins() {
    return Stream("twins")
        .fields({{"id", type("integer")}, {"Name", type("string")}, {"name", type("string")}})
        .generations(1, 0);
  }
  static Stream readings() {
    Stream stream("readings");
    stream.fields({{"dev", type("string")},
                   {"at", with_zone()},
                   {"version", json::object{{"type", json::array{"string", "integer"}}}},
                   {"v", type("integer")}});
    stream.dedup("dev", "v").generations(1, 0);
    stream.members["primary_key"] = json::array{json::array{"dev"}, json::array{"at"}};
    return stream;
  }
  static Stream ledger() {
    return Stream("ledger").fields({{"id", type("integer")}, {"at", with_zone()}}).dedup("at", "id").generations(2, 2);
  }
};

TEST_F(SqliteUpgrade, EveryTableGoesOnAndNothingIsLost) {
  catalog({everything(), twins(), readings(), ledger()});
  auto const process = start();
  process->feed(record(twins(), R"({"id":2,"Name":"Upper 2","name":"lower 2"})") +
                record(readings(), R"({"dev":"b","at":"2024-01-03T00:00:00Z","version":1,"v":1})") +
                record(ledger(), R"({"id":4,"at":"2024-02-01T01:00:00+01:00"})") + status(everything()) +
                status(twins()) + status(readings()) + status(ledger()));
  auto const result = finish(*process);
  EXPECT_EQ(result.exit_code, 0) << result.failure();

  EXPECT_THAT(rows(SqlText() << "SELECT id, text, flag, number, day, time, time_z, at, at_z, json FROM everything"),
              ElementsAre("1 01 1 1.5 2024-01-31 10:00:00.5 10:00:00+02:00 2024-01-31T10:00:00.5 2024-01-31T08:00:00Z "
                          "{\"a\": [1, 2.0]}",
                          "2 - - - - - - - - -"));
  EXPECT_THAT(rows(SqlText() << "SELECT id, \"Name_580dd8ed86\", name FROM twins"),
              ElementsAre("1 Upper lower", "2 Upper 2 lower 2"));
  EXPECT_THAT(rows(SqlText() << "SELECT dev, at, v FROM readings ORDER BY dev, at"),
              ElementsAre("a 2024-01-01T00:00:00Z 5", "a 2024-01-02T00:00:00Z 2", "b - 1", "b 2024-01-03T00:00:00Z 1"))
      << "of two rows with one key, in two spellings, the one with the later cursor stays";
  EXPECT_THAT(rows(SqlText() << "SELECT id, at FROM ledger ORDER BY at"),
              ElementsAre("4 2024-02-01T00:00:00Z", "3 2024-02-02T00:00:00Z"))
      << "the refresh goes on with the rows that waited for it";
  EXPECT_THAT(rows(SqlText() << "SELECT name FROM sqlite_master WHERE name LIKE '%\\_work\\_%' ESCAPE '\\'"),
              IsEmpty());
}

TEST_F(SqliteUpgrade, OneWarningSaysHowManyRowsWentAndOnlyOnce) {
  catalog({readings()});
  for (bool const is_first : {true, false}) {
    auto const process = start();
    process->feed(status(readings()));
    auto const result = finish(*process);
    EXPECT_EQ(result.exit_code, 0) << result.failure();
    EXPECT_EQ(result.says("readings: 2 rows were removed"), is_first);
  }
}

}  // namespace
