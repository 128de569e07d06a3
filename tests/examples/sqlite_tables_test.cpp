#include "sqlite_tables.hpp"

#include <filesystem>

#include "examples/scratch_folder.hpp"
#include "table/table_operations_contract.hpp"

namespace landfall {
namespace {

class SqliteStore final : public TableStore {
 public:
  TableOperations& operations() override { return tables_; }

  std::vector<std::string> rows(TableName const& table) override {
    sqlite::Database database(path_, 1000);
    SqlText sql;
    sql << "SELECT * FROM " << table;
    sqlite::Statement found = database.prepare(sql);
    std::vector<std::string> texts;
    while (found.step()) {
      std::string text;
      for (int column = 4; column < found.column_count(); ++column) {
        text += (text.empty() ? "" : " ") + (found.is_null(column) ? std::string("-") : found.text(column));
      }
      texts.push_back(text);
    }
    return texts;
  }

 private:
  ScratchFolder folder_;
  std::string path_ = (folder_.path() / "test.sqlite").string();
  sqlite::SqliteTables tables_{path_};
};

TEST(SqliteDatabase, ANameOfNoColumnIsAnErrorAndNoString) {
  ScratchFolder const folder;
  sqlite::Database database((folder.path() / "test.sqlite").string(), 1000);
  database.run(SqlText() << "CREATE TABLE t (a)");
  EXPECT_THROW(database.run(SqlText() << "SELECT " << Identifier("b") << " FROM t"), Error);
  EXPECT_THROW(database.run(SqlText() << "CREATE INDEX i ON t (" << Identifier("b") << ")"), Error);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, TableOperationsContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<SqliteStore>(); })));

}  // namespace
}  // namespace landfall
