#include "postgres_tables.hpp"

#include "examples/scratch_database.hpp"
#include "table/table_sync_contract.hpp"

namespace landfall {
namespace {

using postgres::ScratchDatabase;

class PostgresStore final : public TableStore {
 public:
  TableOperations& operations() override { return tables_; }
  NameRules names() override { return postgres::name_rules(); }
  ValueLimits limits() override { return postgres::value_limits(); }

  std::vector<std::string> rows(TableName const& table) override {
    SqlText sql;
    sql << "SELECT * FROM " << table;
    postgres::Result const found = database_.run(sql);
    std::vector<std::string> texts;
    for (int row = 0; row < found.rows(); ++row) {
      std::string text;
      for (int column = 4; column < PQnfields(found.get()); ++column) {
        text += (text.empty() ? "" : " ") + value_of(found, row, column);
      }
      texts.push_back(text);
    }
    return texts;
  }

  static std::string value_of(postgres::Result const& found, int row, int column) {
    if (found.is_null(row, column)) return "-";
    constexpr Oid boolean = 16;
    if (PQftype(found.get(), column) == boolean) return found.text(row, column) == "t" ? "true" : "false";
    return found.text(row, column);
  }

  std::vector<std::string> metas(TableName const& table) override {
    postgres::Result const found = database_.run(SqlText() << "SELECT _airbyte_meta FROM " << table);
    std::vector<std::string> metas;
    for (int row = 0; row < found.rows(); ++row) metas.push_back(found.text(row, 0));
    return metas;
  }

  void leave_out_rows(TableName const& table) override {
    SqlText sql;
    sql << "CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id = 2 THEN RETURN NULL; "
           "END "
           "IF; RETURN NEW; END$$; CREATE TRIGGER leave_out BEFORE INSERT OR UPDATE ON "
        << table << " FOR EACH ROW EXECUTE FUNCTION leave_out()";
    database_.run(sql);
  }

  // Names of system columns are NameRules' business: no table can have them.
  std::vector<std::string> words() override {
    return texts(SqlText() << "SELECT word FROM pg_get_keywords() UNION SELECT 'column1' ORDER BY 1");
  }
  std::vector<std::string> reserved_words() override {
    return texts(SqlText() << "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T') ORDER BY 1");
  }

 private:
  std::vector<std::string> texts(SqlText const& sql) {
    postgres::Result const found = database_.run(sql);
    std::vector<std::string> texts;
    for (int row = 0; row < found.rows(); ++row) texts.push_back(found.text(row, 0));
    return texts;
  }

  ScratchDatabase database_;
  postgres::PostgresTables tables_{database_.settings()};
};

// ---- what this store alone has ----

struct PostgresTablesTest : ::testing::Test {
  template <class T>
  T run(awaitable<T> call) {
    return simulation.run_coroutine(std::move(call));
  }
  void sql(SqlLiteral text) {
    SqlText statement;
    statement << text;
    database.run(statement);
  }
  static TableName named(std::string name) { return TableName(Identifier("public"), Identifier(std::move(name))); }

  testing::Simulation simulation;
  ScratchDatabase database;
  postgres::PostgresTables tables{database.settings()};
};

TEST_F(PostgresTablesTest, WhatIsNoPlainTableIsSaid) {
  sql("CREATE TABLE plain (a bigint)");
  sql("CREATE VIEW a_view AS SELECT * FROM plain");
  sql("CREATE MATERIALIZED VIEW a_materialized_view AS SELECT * FROM plain");
  sql("CREATE SEQUENCE a_sequence");
  sql("CREATE INDEX an_index ON plain (a)");
  sql("CREATE TABLE partitioned (a bigint) PARTITION BY RANGE (a)");
  EXPECT_EQ(run(tables.find(named("plain")))->other_kind, "");
  EXPECT_EQ(run(tables.find(named("a_view")))->other_kind, "view");
  EXPECT_EQ(run(tables.find(named("a_materialized_view")))->other_kind, "materialized view");
  EXPECT_EQ(run(tables.find(named("a_sequence")))->other_kind, "sequence");
  EXPECT_EQ(run(tables.find(named("an_index")))->other_kind, "index");
  EXPECT_EQ(run(tables.find(named("partitioned")))->other_kind, "partitioned table");
}

// Places of rows are not unique over tables that inherit.
TEST_F(PostgresTablesTest, AnUpsertLeavesTablesThatInheritAlone) {
  TableSchema schema;
  schema.columns = {TableColumn(Identifier("_airbyte_extracted_at"), ColumnType::timestamp_with_timezone),
                    TableColumn(Identifier("id"), ColumnType::integer)};
  schema.primary_key = {Identifier("id")};
  run(tables.create(named("people"), schema, {}));
  sql("CREATE TABLE heirs () INHERITS (people)");
  sql("INSERT INTO people VALUES ('2024-01-01', 1)");
  sql("INSERT INTO heirs VALUES ('2024-01-01', 7)");
  sql("CREATE TABLE waiting AS SELECT *, 1::bigint AS _landfall_read_order FROM ONLY people");
  UpsertRule rule;
  rule.primary_key = schema.primary_key;
  run(tables.upsert(named("waiting"), named("people"), schema, rule, TableOperations::Source::is_dropped));
  SqlText ask;
  ask << "SELECT id FROM people ORDER BY id";
  auto const found = database.run(ask);
  ASSERT_EQ(found.rows(), 2);
  EXPECT_EQ(found.integer(0, 0), 1);
  EXPECT_EQ(found.integer(1, 0), 7);
}

INSTANTIATE_TEST_SUITE_P(Postgres, TableChangesContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<PostgresStore>(); })));
INSTANTIATE_TEST_SUITE_P(Postgres, TableSyncContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<PostgresStore>(); })));
INSTANTIATE_TEST_SUITE_P(Postgres, TableMeetingContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<PostgresStore>(); })));
INSTANTIATE_TEST_SUITE_P(Postgres, TableValuesContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<PostgresStore>(); })));
INSTANTIATE_TEST_SUITE_P(Postgres, TableOperationsContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<PostgresStore>(); })));

}  // namespace
}  // namespace landfall
