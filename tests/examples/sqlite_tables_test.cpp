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

INSTANTIATE_TEST_SUITE_P(Sqlite, TableOperationsContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<SqliteStore>(); })));

}  // namespace
}  // namespace landfall
