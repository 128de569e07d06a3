// Columns that get another type, with the values in them.

#include <gmock/gmock.h>

#include "examples/postgres_fixture.hpp"

namespace postgres {
namespace {

using landfall::ErrorClass;
using landfall::SqlText;
using ::testing::HasSubstr;

class PostgresRetype : public PostgresFixture {
 protected:
  static TableSchema one_column(ColumnType type, bool is_key = false) {
    return schema_with({TableColumn(Identifier("v"), type)},
                       is_key ? std::vector<std::string>{"v"} : std::vector<std::string>{});
  }

  landfall::awaitable<void> retype(ColumnType type, bool is_key = false) {
    auto const wanted = one_column(type, is_key);
    auto const actual = run(tables.find(users))->schema;
    return tables.alter(users, change_between(users, actual, wanted), wanted, std::nullopt);
  }

  void insert(std::string const& value) {
    SqlText statement;
    statement << "INSERT INTO users SELECT 'x', now(), '{\"changes\": [], \"sync_id\": 7}', 1, ";
    statement.string(value);
    database.run(statement);
  }
};

struct Row {
  char const* name;
  landfall::ColumnType from, to;
  char const* before;
  char const* after;  // "-": lost
};

TEST_F(PostgresRetype, WhatFitsIsKeptAndWhatDoesNotIsNoted) {
  using enum landfall::ColumnType;
  Row const table[] = {
      {"text as integer", text, integer, "0123", "123"},
      {"whole number in text as integer", text, integer, "123", "123"},
      {"text as number", text, number, "1.50", "1.50"},
      {"text as boolean", text, boolean, "true", "true"},
      {"another text as boolean", text, boolean, "yes", "-"},
      {"text as date", text, date, "2024-02-29", "2024-02-29"},
      {"text as timestamp with zone", text, timestamp_with_timezone, "2024-01-01T10:00:00+02:00",
       "2024-01-01T08:00:00+00:00"},
      {"another text as timestamp", text, timestamp, "soon", "-"},
      {"text as JSON", text, json, "a\"b", R"("a\"b")"},
      {"number as integer", number, integer, "12", "12"},
      {"a fraction as integer", number, integer, "12.5", "-"},
      {"a large number as integer", number, integer, "9223372036854775808", "-"},
      {"integer as number", integer, number, "12", "12"},
      {"integer as text", integer, text, "12", "12"},
      {"boolean as text", boolean, text, "true", "true"},
      {"date as timestamp", date, timestamp, "2024-02-29", "2024-02-29T00:00:00"},
      {"date as timestamp with zone", date, timestamp_with_timezone, "2024-02-29", "2024-02-29T00:00:00+00:00"},
      {"timestamp with zone as date", timestamp_with_timezone, date, "2024-02-29 23:30:00+00", "2024-02-29"},
      {"timestamp as date", timestamp, date, "2024-02-29 23:30:00", "2024-02-29"},
      {"timestamp gets a zone", timestamp, timestamp_with_timezone, "2024-02-29 23:30:00.123456",
       "2024-02-29T23:30:00.123456+00:00"},
      {"timestamp loses its zone", timestamp_with_timezone, timestamp, "2024-02-29 23:30:00+02", "2024-02-29T21:30:00"},
      {"time loses its zone", time_with_timezone, time, "10:00:00+02", "08:00:00"},
      {"time gets a zone", time, time_with_timezone, "10:00:00", "10:00:00+00"},
      {"a year before Christ", date, timestamp, "0044-03-15 BC", "0044-03-15T00:00:00 BC"},
      {"a year of five digits", timestamp, timestamp_with_timezone, "20240-03-15 00:00:00",
       "20240-03-15T00:00:00+00:00"},
      {"infinity", date, timestamp, "infinity", "-"},
      {"JSON text as number", json, number, R"("1.5")", "1.5"},
      {"JSON number as integer", json, integer, "15", "15"},
      {"JSON text as text", json, text, R"("a\"b")", "a\"b"},
      {"JSON object as text", json, text, R"({"a": 1})", R"({"a": 1})"},
      {"JSON text as date", json, date, R"("2024-02-29")", "2024-02-29"},
      {"JSON as boolean", json, boolean, "true", "true"},
      {"an object as boolean", json, boolean, "{}", "-"},
  };
  for (Row const& row : table) {
    SCOPED_TRACE(row.name);
    run(tables.drop(users));
    make(users, one_column(row.from));
    SqlText statement;
    statement << "INSERT INTO users SELECT 'x', now(), '{\"changes\": [{\"field\": \"w\"}], \"sync_id\": 7}', 1, ";
    statement.string(row.before);
    statement << "; INSERT INTO users SELECT 'y', now(), '{\"changes\": []}', 1, NULL";
    database.run(statement);
    run(retype(row.to));
    EXPECT_EQ(run(tables.find(users))->schema, one_column(row.to));
    EXPECT_EQ(
        ask("SELECT COALESCE(CASE jsonb_typeof(to_jsonb(v)) WHEN 'string' THEN CASE pg_typeof(v)::text WHEN 'jsonb' "
            "THEN to_jsonb(v)::text ELSE to_jsonb(v) #>> '{}' END ELSE to_jsonb(v)::text END, '-') FROM users ORDER "
            "BY _airbyte_raw_id"),
        (Rows{row.after, "-"}));
    bool const is_lost = std::string(row.after) == "-";
    EXPECT_EQ(ask("SELECT jsonb_array_length(_airbyte_meta -> 'changes'), _airbyte_meta #>> '{changes,1,field}', "
                  "_airbyte_meta #>> '{changes,1,change}' FROM users ORDER BY _airbyte_raw_id"),
              is_lost ? (Rows{"2 v NULLED", "0 - -"}) : (Rows{"1 - -", "0 - -"}));
  }
}

TEST_F(PostgresRetype, AKeyThatWouldLoseValuesChangesNothing) {
  make(users, one_column(ColumnType::text, true));
  for (char const* const value : {"1", "two", "three"}) insert(value);
  auto const error = failure_of(retype(ColumnType::integer, true));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error_class(), ErrorClass::config);
  EXPECT_THAT(error->message(),
              HasSubstr("public.users: rows are compared by the column v, which is to become integer, and 2 of its"));
  EXPECT_EQ(ask("SELECT v FROM users ORDER BY v"), (Rows{"1", "three", "two"}));
  EXPECT_EQ(run(tables.find(users))->schema, one_column(ColumnType::text, true));
  sql("DELETE FROM users WHERE v > '1'");
  run(retype(ColumnType::integer, true));
  EXPECT_EQ(run(tables.find(users))->schema, one_column(ColumnType::integer, true));
}

TEST_F(PostgresRetype, APublishedTableIsChanged) {
  make(users, one_column(ColumnType::text));
  insert("x");
  sql("CREATE PUBLICATION p FOR ALL TABLES");
  run(retype(ColumnType::integer));
  EXPECT_EQ(ask("SELECT v FROM users"), Rows{"-"});
}

TEST_F(PostgresRetype, ManyRowsAreReadInPieces) {
  make(users, one_column(ColumnType::text));
  sql("INSERT INTO users SELECT 'x', now(), '{}', 1, CASE WHEN i % 1000 = 0 THEN 'none' ELSE i || '.0' END FROM "
      "generate_series(1, 25000) AS i");
  run(retype(ColumnType::number));
  EXPECT_EQ(ask("SELECT count(v), sum(v::bigint), count(_airbyte_meta #> '{changes,0}') FROM users"),
            Rows{"24975 312187500 25"});
}

}  // namespace
}  // namespace postgres
