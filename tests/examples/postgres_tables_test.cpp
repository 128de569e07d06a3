#include "postgres_tables.hpp"

#include "examples/scratch_database.hpp"
#include "table/table_operations_contract.hpp"

namespace landfall {
namespace {

using postgres::ScratchDatabase;

class PostgresStore final : public TableStore {
 public:
  TableOperations& operations() override { return tables_; }

  std::vector<std::string> rows(TableName const& table) override {
    SqlText sql;
    sql << "SELECT * FROM " << table;
    postgres::Result const found = database_.run(sql);
    std::vector<std::string> texts;
    for (int row = 0; row < found.rows(); ++row) {
      std::string text;
      for (int column = 4; column < PQnfields(found.get()); ++column) {
        text += (text.empty() ? "" : " ") + (found.is_null(row, column) ? std::string("-") : found.text(row, column));
      }
      texts.push_back(text);
    }
    return texts;
  }

 private:
  ScratchDatabase database_;
  postgres::PostgresTables tables_{database_.settings()};
};

INSTANTIATE_TEST_SUITE_P(Postgres, TableOperationsContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<PostgresStore>(); })));

}  // namespace
}  // namespace landfall
