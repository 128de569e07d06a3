#include "sqlite_tables.hpp"

#include <filesystem>
#include <utility>

#include <gmock/gmock.h>

#include <landfall/testing/simulation.hpp>

#include "database.hpp"
#include "examples/scratch_folder.hpp"
#include "examples/sqlite_fixture.hpp"
#include "sqlite_catalog.hpp"
#include "table/table_sync_contract.hpp"

namespace landfall {
namespace {

class SqliteStore final : public TableStore {
 public:
  TableOperations& operations() override { return tables_; }
  NameRules names() override { return sqlite::name_rules(); }
  ValueLimits limits() override { return sqlite::value_limits(); }

  std::vector<std::string> rows(TableName const& table) override {
    sqlite::Database database(path_, 1000);
    SqlText sql;
    sql << "SELECT * FROM " << table;
    sqlite::Statement found = database.prepare(sql);
    auto const columns = sqlite::schema_of(database, table).columns;
    std::vector<std::string> texts;
    while (found.step()) {
      std::string text;
      for (int column = 4; column < found.column_count(); ++column) {
        bool const is_boolean = columns.at(static_cast<std::size_t>(column)).type == ColumnType::boolean;
        text += (text.empty() ? "" : " ") + value_of(found, column, is_boolean);
      }
      texts.push_back(text);
    }
    return texts;
  }

  static std::string value_of(sqlite::Statement const& found, int column, bool is_boolean) {
    if (found.is_null(column)) return "-";
    if (is_boolean) return found.integer(column) != 0 ? "true" : "false";
    return found.text(column);
  }

  std::vector<std::string> metas(TableName const& table) override {
    sqlite::Database database(path_, 1000);
    sqlite::Statement found = database.prepare(SqlText() << "SELECT _airbyte_meta FROM " << table);
    std::vector<std::string> metas;
    while (found.step()) metas.push_back(found.text(0));
    return metas;
  }

  void leave_out_rows(TableName const& table) override {
    sqlite::Database database(path_, 1000);
    for (SqlLiteral const event : {SqlLiteral("INSERT"), SqlLiteral("UPDATE")}) {
      database.run(SqlText() << "CREATE TRIGGER leave_out_" << event << " BEFORE " << event << " ON " << table
                             << " WHEN NEW.id = 2 BEGIN SELECT RAISE(IGNORE); END");
    }
  }

  std::vector<std::string> words() override {
    std::vector<std::string> words = {"true", "false", "rowid", "oid", "column1", "column2", "main"};
    for (int i = 0; i < ::sqlite3_keyword_count(); ++i) {
      char const* word = nullptr;
      int size = 0;
      ::sqlite3_keyword_name(i, &word, &size);
      words.emplace_back(word, static_cast<std::size_t>(size));
    }
    return words;
  }

 private:
  ScratchFolder folder_;
  std::string path_ = (folder_.path() / "test.sqlite").string();
  sqlite::SqliteTables tables_{path_};
};

TEST_F(SqliteTables, ViewsOfOthersReadOnWhenTheirTableIsReplacedOrChanged) {
  make("users", schema_with({"id"}), 1);
  database().run(SqlText() << "CREATE VIEW ids AS SELECT id FROM users");
  database().run(SqlText() << "CREATE VIEW lost AS SELECT id FROM no_such_table");
  make("new", schema_with({"id"}), 2);
  run(tables.replace(named("users"), named("new"), std::nullopt));
  EXPECT_EQ(numbers(SqlText() << "SELECT id FROM ids"), Numbers{2});
  alter("users", schema_with({"id", "more"}));
  EXPECT_EQ(numbers(SqlText() << "SELECT id FROM ids"), Numbers{2});
  TableSchema retyped = schema_with({"id"});
  retyped.columns.back().type = ColumnType::text;
  alter("users", retyped);
  EXPECT_EQ(numbers(SqlText() << "SELECT id FROM ids"), Numbers{2});
  EXPECT_EQ(run(tables.find(named("ids")))->other_kind, "view");
}

TEST_F(SqliteTables, TheKeyOfATableIsChangedWithoutWritingItAnew) {
  make("users", schema_with({"id", "other"}, {Identifier("id")}), 1);
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN note INTEGER DEFAULT 7");
  alter("users", schema_with({"id", "other"}, {Identifier("other"), Identifier("id")}));
  EXPECT_EQ(run(tables.find(named("users")))->schema.primary_key, (std::vector{Identifier("other"), Identifier("id")}));
  alter("users", schema_with({"id", "other"}));
  EXPECT_TRUE(run(tables.find(named("users")))->schema.primary_key.empty());
  EXPECT_EQ(numbers(SqlText() << "SELECT note FROM users"), Numbers{7});
}

TEST_F(SqliteTables, WhatAUserIsToldToRunTakesANotNullAwayAndKeepsTheValues) {
  make("users", schema_with({"id"}), 1);
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN \"a note\" BIGINT NOT NULL DEFAULT 7");
  TableColumn const theirs(Identifier("a note"), ColumnType::integer, false);
  std::string const statements = tables.allow_null_statement(named("users"), theirs);
  sqlite3* handle = nullptr;
  ASSERT_EQ(::sqlite3_open(path.c_str(), &handle), SQLITE_OK);
  EXPECT_EQ(::sqlite3_exec(handle, statements.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << statements;
  ::sqlite3_close(handle);
  auto const found = run(tables.find(named("users")));
  EXPECT_TRUE(found->schema.find(Identifier("a note"))->nullable);
  EXPECT_EQ(found->schema.find(Identifier("a note"))->foreign_type, "");
  EXPECT_EQ(found->schema.find(Identifier("a note_old")), nullptr);
  EXPECT_EQ(numbers(SqlText() << "SELECT \"a note\" FROM users"), Numbers{7});
}

/// Counts, in hundreds, what SQLite's virtual machine does on all databases that are opened meanwhile.
class StepCounter {
 public:
  StepCounter() { ::sqlite3_auto_extension(reinterpret_cast<void (*)()>(&on_open)); }
  ~StepCounter() { ::sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&on_open)); }

  static long take() { return std::exchange(hundreds_, 0); }

 private:
  static int on_open(sqlite3* database, char const**, sqlite3_api_routines const*) {
    ::sqlite3_progress_handler(database, 100, [](void*) { return ++hundreds_, 0; }, nullptr);
    return SQLITE_OK;
  }

  inline static long hundreds_ = 0;
};

TEST_F(SqliteTables, ASecondSyncOfAStreamIsRefusedWhileTheFirstOneLives) {
  StreamRun const first("users", "first"), second("users", "second");
  auto other = std::make_unique<sqlite::SqliteTables>(path, 1000);
  run(other->begin_run(first, {}));
  try {
    run(tables.begin_run(second, {}));
    ADD_FAILURE() << "two syncs load one stream";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_NE(error.message().find("another sync of stream users"), std::string::npos) << error.message();
  }
  run(tables.begin_run(StreamRun("orders", "second"), {}));  // another stream
  run(other->end_run(first));
  run(tables.begin_run(second, {}));
  EXPECT_THROW(run(other->begin_run(first, {})), Error);
  run(tables.end_run(second));
  run(other->begin_run(first, {}));
  other.reset();  // as a process that is killed
  run(tables.begin_run(second, {}));
}

TEST_F(SqliteTables, AnUpsertCostsWhatItsBatchIsAndNotWhatTheTableIs) {
  TableSchema const schema = schema_with({"id", "part", "at"}, {Identifier("id"), Identifier("part")});
  TableSchema const waiting = schema_with({"id", "part", "at", "_landfall_read_order"});
  UpsertRule rule;
  rule.primary_key = schema.primary_key;
  rule.cursor = Identifier("at");
  StepCounter const counter;
  auto const fill = [&](std::string const& table, int count, SqlLiteral more) {
    database().run(SqlText() << "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " << count
                             << ") INSERT INTO " << named(table)
                             << " SELECT '', '', '', NULL, i, CASE i % 10 WHEN 0 THEN NULL ELSE i END, 1" << more
                             << " FROM n");
  };
  auto const steps_into = [&](int row_count) {
    run(tables.create(named("users"), schema, {}));
    run(tables.create(named("batch"), waiting, {}));
    fill("users", row_count, "");
    fill("batch", 100, ", i");
    StepCounter::take();
    run(tables.upsert(named("batch"), named("users"), schema, rule, TableOperations::Source::is_dropped));
    auto const steps = StepCounter::take();
    EXPECT_EQ(numbers(SqlText() << "SELECT count(*) FROM users"), Numbers{row_count});
    run(tables.drop(named("users")));
    return steps;
  };
  long const small = steps_into(100);
  EXPECT_GT(small, 10);
  EXPECT_NEAR(static_cast<double>(steps_into(10'000)), static_cast<double>(small), 10);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, TableSyncContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<SqliteStore>(); })));
INSTANTIATE_TEST_SUITE_P(Sqlite, TableMeetingContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<SqliteStore>(); })));
INSTANTIATE_TEST_SUITE_P(Sqlite, TableChangesContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<SqliteStore>(); })));

INSTANTIATE_TEST_SUITE_P(Sqlite, TableValuesContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<SqliteStore>(); })));

INSTANTIATE_TEST_SUITE_P(Sqlite, TableOperationsContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<SqliteStore>(); })));

}  // namespace
}  // namespace landfall
