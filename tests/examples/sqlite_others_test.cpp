#include "sqlite_others.hpp"

#include <gmock/gmock.h>
#include <boost/json/parse.hpp>

#include <landfall/destination/rejected_records.hpp>
#include <landfall/runtime/error.hpp>

#include "examples/sqlite_fixture.hpp"
#include "table/record_batches.hpp"

namespace landfall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// Tables to which others have added something.
class SqliteOthers : public SqliteTables {
 protected:
  SqliteOthers() { make("users", schema_with({"id"}, {Identifier("id")}), 1); }

  static TableSchema with_text_id(std::vector<Identifier> key = {Identifier("id")}) {
    TableSchema schema = schema_with({"id"}, std::move(key));
    schema.columns.back().type = ColumnType::text;
    return schema;
  }

  /// Users 1 and 2, of which the second one replaces an older one.
  void upsert_two() {
    TableSchema waiting = schema_with({"id"});
    waiting.columns.emplace_back(Identifier(std::string(MetaColumns::read_order)), ColumnType::integer);
    run(tables.create(named("work"), waiting, {}));
    database().run(SqlText() << "INSERT INTO work VALUES ('new', '', '', NULL, 1, 1), ('new', '', '', NULL, 2, 2)");
    UpsertRule rule;
    rule.primary_key = {Identifier("id")};
    run(tables.upsert(named("work"), named("users"), schema_with({"id"}, {Identifier("id")}), rule,
                      TableOperations::Source::is_dropped));
  }

  /// Statements as a user writes them.
  void by_user(char const* sql) {
    sqlite3* opened = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &opened), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(opened, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(opened);
    sqlite3_close(opened);
  }

  void replace() {
    make("new", schema_with({"id"}, {Identifier("id")}), 2);
    run(tables.replace(named("users"), named("new"), std::nullopt));
  }

  /// Which records of a batch for `users` are rejected: from 0.
  std::vector<RecordNumber> rejected(std::vector<SentRecord> const& sent) {
    DestinationStream stream;
    stream.json_schema = boost::json::parse(R"({"properties":{"id":{"type":"integer"}}})").as_object();
    CopyIn rows;
    rows.table = named("users");
    rows.schema = std::make_shared<TableSchema const>(schema_with({"id"}));
    rows.rows = std::make_shared<TableRows>(stream, TableLayout::typed, sqlite::value_limits(), std::nullopt);
    rows.records = batch_of(sent, std::make_shared<DestinationStream const>(stream), BatchId(1), 0);
    rows.mark = BatchMark("users", "run", 1);
    std::vector<RecordNumber> numbers;
    try {
      run(tables.copy_in(std::move(rows)));
    } catch (RejectedRecords const& error) {
      EXPECT_THAT(error.message(), ::testing::HasSubstr("constraint"));
      for (RejectedRecord const& record : error.records) numbers.push_back(record.number);
    }
    return numbers;
  }

  std::vector<std::string> names_of(SqlText const& kind_is) {
    return texts(SqlText() << "SELECT name FROM sqlite_master WHERE name NOT LIKE '%landfall%' AND " << kind_is);
  }
};

struct RuleOfUsers {
  char const* name;
  char const* sql;
  std::vector<RecordNumber> rejected;  // of the ids 1 (which is there), 2, null, 2
};

TEST_F(SqliteOthers, RecordsThatARuleOfTheUsersDoesNotTakeAreRejectedAllAtOnce) {
  RuleOfUsers const rules[] = {
      {"unique", "CREATE UNIQUE INDEX rule ON users (id)", {0, 3}},
      {"a trigger",
       "CREATE TRIGGER rule BEFORE INSERT ON users WHEN new.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END",
       {1, 3}},
      {"the transaction ends",
       "CREATE TRIGGER rule BEFORE INSERT ON users WHEN new.id = 2 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
       {1}},
      {"not null",
       "ALTER TABLE users RENAME TO old; CREATE TABLE users (_airbyte_raw_id TEXT NOT NULL, "
       "_airbyte_extracted_at TIMESTAMPTZ_TEXT NOT NULL, _airbyte_meta JSON_TEXT NOT NULL, "
       "_airbyte_generation_id BIGINT, id BIGINT NOT NULL CHECK (id <> 2))",
       {1, 2, 3}},
      {"what would be left out in silence",
       "DROP TABLE users; CREATE TABLE users (_airbyte_raw_id TEXT NOT NULL, _airbyte_extracted_at TIMESTAMPTZ_TEXT "
       "NOT "
       "NULL, _airbyte_meta JSON_TEXT NOT NULL, _airbyte_generation_id BIGINT, id BIGINT UNIQUE ON CONFLICT IGNORE)",
       {3}},
      {"what would replace another row in silence",
       "DROP TABLE users; CREATE TABLE users (_airbyte_raw_id TEXT NOT NULL, _airbyte_extracted_at TIMESTAMPTZ_TEXT "
       "NOT "
       "NULL, _airbyte_meta JSON_TEXT NOT NULL, _airbyte_generation_id BIGINT, id BIGINT UNIQUE ON CONFLICT REPLACE)",
       {3}},
  };
  for (RuleOfUsers const& rule : rules) {
    SCOPED_TRACE(rule.name);
    by_user(rule.sql);
    EXPECT_EQ(rejected({{R"({"id":1})"}, {R"({"id":2})"}, {R"({"id":null})"}, {R"({"id":2})"}}), rule.rejected);
    EXPECT_EQ(numbers(SqlText() << "SELECT count(*) FROM users WHERE id IS NOT 1"), Numbers{0}) << "nothing is loaded";
    by_user("DROP INDEX IF EXISTS rule; DROP TRIGGER IF EXISTS rule");
  }
}

TEST_F(SqliteOthers, AColumnStaysWhateverIsDoneToTheTable) {
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN note TEXT DEFAULT 'mine'");
  database().run(SqlText() << "UPDATE users SET note = 'kept'");
  alter("users", schema_with({"id", "more"}, {Identifier("id")}));
  EXPECT_THAT(texts(SqlText() << "SELECT id, note, more FROM users"), ElementsAre("1 kept -"));
  alter("users", with_text_id());
  EXPECT_THAT(texts(SqlText() << "SELECT id, note FROM users"), ElementsAre("1 kept"));
  alter("users", schema_with({"id"}, {Identifier("id")}));
  upsert_two();
  EXPECT_THAT(texts(SqlText() << "SELECT id, note, _airbyte_raw_id FROM users ORDER BY id"),
              ElementsAre("1 kept new", "2 mine new"));
  replace();
  EXPECT_THAT(texts(SqlText() << "SELECT id, note FROM users"), ElementsAre("2 mine"));
}

TEST_F(SqliteOthers, ColumnsOfAnyDefinitionGoAlongWhenATableIsReplaced) {
  database().run(SqlText() << "CREATE TABLE all_of_them (\"_airbyte_raw_id\" TEXT NOT NULL, \"_airbyte_extracted_at\" "
                              "TIMESTAMPTZ_TEXT NOT NULL, \"_airbyte_meta\" JSON_TEXT NOT NULL, "
                              "\"_airbyte_generation_id\" BIGINT, \"id\" BIGINT, a VARCHAR(20) COLLATE NOCASE, b, "
                              "\"c\"\"d\" INTEGER NOT NULL DEFAULT (1 + 1), e TEXT NOT NULL DEFAULT 'it''s', f "
                              "TEXT DEFAULT CURRENT_TIMESTAMP)");
  make("new", schema_with({"id"}, {Identifier("id")}), 2);
  run(tables.replace(named("all_of_them"), named("new"), std::nullopt));
  EXPECT_THAT(texts(SqlText() << "SELECT id, a, b, \"c\"\"d\", e, length(f) FROM all_of_them"),
              ElementsAre("2 - - 2 it's 19"));
  database().run(SqlText() << "UPDATE all_of_them SET a = 'X'");
  EXPECT_THAT(numbers(SqlText() << "SELECT count(*) FROM all_of_them WHERE a = 'x'"), ElementsAre(1));
  EXPECT_EQ(run(tables.find(named("all_of_them")))->schema.primary_key, std::vector{Identifier("id")});
}

TEST_F(SqliteOthers, AnIndexAndATriggerStay) {
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN note TEXT");
  database().run(SqlText() << "CREATE UNIQUE INDEX by_note ON users (note, id) WHERE note <> ''");
  database().run(SqlText() << "CREATE TABLE log (id)");
  database().run(SqlText() << "CREATE TRIGGER logged AFTER UPDATE ON users BEGIN INSERT INTO log VALUES (new.id); END");
  auto const expect_both = [&] {
    EXPECT_THAT(names_of(SqlText() << "tbl_name = 'users' AND type <> 'table'"),
                UnorderedElementsAre("by_note", "logged"));
  };
  alter("users", with_text_id());
  expect_both();
  EXPECT_THAT(texts(SqlText() << "SELECT * FROM log"), IsEmpty()) << "nobody has updated a row";
  alter("users", schema_with({"id"}, {Identifier("id")}));
  replace();
  expect_both();
  database().run(SqlText() << "UPDATE users SET note = 'x'");
  EXPECT_THAT(texts(SqlText() << "SELECT * FROM log"), ElementsAre("2"));
}

TEST_F(SqliteOthers, AnIndexThatCannotBeKeptFailsTheReplacement) {
  database().run(SqlText() << "CREATE UNIQUE INDEX one_generation ON users (_airbyte_raw_id)");
  make("new", schema_with({"id"}, {Identifier("id")}), 2);
  database().run(SqlText() << "INSERT INTO new SELECT * FROM new");
  try {
    run(tables.replace(named("users"), named("new"), std::nullopt));
    FAIL() << "rows are equal in it";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("the index one_generation, which somebody has made, cannot be kept"));
  }
  EXPECT_THAT(numbers(SqlText() << "SELECT id FROM users"), ElementsAre(1));
}

TEST_F(SqliteOthers, ConstraintsAndGeneratedColumnsStayWhenAColumnGetsAnotherType) {
  database().run(SqlText() << "CREATE TABLE strange (\"_airbyte_raw_id\" TEXT NOT NULL, \"_airbyte_extracted_at\" "
                              "TIMESTAMPTZ_TEXT NOT NULL, \"_airbyte_meta\" JSON_TEXT NOT NULL, "
                              "\"_airbyte_generation_id\" BIGINT, \"id\" BIGINT, n INTEGER CHECK (n > 0) UNIQUE, "
                              "twice AS (n * 2))");
  database().run(SqlText() << "INSERT INTO strange VALUES ('', '', '', NULL, 1, 21)");
  alter("strange", with_text_id({}));
  EXPECT_THAT(texts(SqlText() << "SELECT id, n, twice FROM strange"), ElementsAre("1 21 42"));
  EXPECT_THROW(database().run(SqlText() << "UPDATE strange SET n = 0"), Error);
}

TEST_F(SqliteOthers, WhatDependsOnAColumnKeepsItsType) {
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN twice AS (id * 2)");
  try {
    alter("users", with_text_id());
    FAIL() << "a column is computed from it";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("users: the column id cannot get another type (text instead of "
                                                   "integer), since something depends on it"));
  }
  EXPECT_THAT(texts(SqlText() << "SELECT id, twice FROM users"), ElementsAre("1 2"));
}

TEST_F(SqliteOthers, AColumnWithANotNullOfSomebodyElseKeepsItsType) {
  database().run(SqlText() << "CREATE TABLE strict_ones (\"_airbyte_raw_id\" TEXT NOT NULL, \"_airbyte_extracted_at\" "
                              "TIMESTAMPTZ_TEXT NOT NULL, \"_airbyte_meta\" JSON_TEXT NOT NULL, "
                              "\"_airbyte_generation_id\" BIGINT, \"id\" BIGINT NOT NULL)");
  try {
    alter("strict_ones", with_text_id({}));
    FAIL() << "the NOT NULL would be lost";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.what(),
                ::testing::HasSubstr("strict_ones: the column id gets another type (text instead of integer), "
                                     "and somebody has given it a NOT NULL"));
  }
}

TEST_F(SqliteOthers, WhatAnotherTableCannotHaveIsToldBefore) {
  EXPECT_THAT(run(tables.find(named("users")))->immovable, IsEmpty());
  database().run(
      SqlText() << "CREATE TABLE strange (a INTEGER PRIMARY KEY, b TEXT REFERENCES users (id), \"check\" TEXT, "
                   "c INTEGER AS (a + 1), d INTEGER, e TEXT DEFAULT ' CHECK (x) ', UNIQUE (d, b)) STRICT");
  EXPECT_THAT(run(tables.find(named("strange")))->immovable,
              ElementsAre("the generated column c", "the primary key (a)", "the constraint UNIQUE (d, b)",
                          "the foreign key to users", "the option STRICT"));
  database().run(
      SqlText() << "CREATE TABLE others (a TEXT PRIMARY KEY, b /* CHECK */ TEXT Check (b <> '')) WITHOUT ROWID");
  EXPECT_THAT(run(tables.find(named("others")))->immovable,
              ElementsAre("the primary key (a)", "a CHECK constraint", "the option WITHOUT ROWID"));
}

TEST_F(SqliteOthers, AColumnCalledRowidIsAColumn) {
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN rowid TEXT DEFAULT 'x'");
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN oid TEXT DEFAULT 'x'");
  upsert_two();
  EXPECT_THAT(texts(SqlText() << "SELECT id, rowid FROM users ORDER BY id"), ElementsAre("1 x", "2 x"));
  alter("users", with_text_id());
  EXPECT_THAT(texts(SqlText() << "SELECT id, rowid FROM users ORDER BY id"), ElementsAre("1 x", "2 x"));
}

TEST_F(SqliteOthers, OfRowsWithOneKeyTheNewestKeepsItsColumn) {
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN note TEXT");
  database().run(SqlText() << "UPDATE users SET note = 'first'");
  database().run(
      SqlText() << "INSERT INTO users VALUES ('', 'later', '', NULL, 1, 'second'), ('', '', '', NULL, 3, 'third')");
  upsert_two();
  EXPECT_THAT(texts(SqlText() << "SELECT id, note FROM users ORDER BY id"), ElementsAre("1 second", "2 -", "3 third"));
}

}  // namespace
}  // namespace landfall
