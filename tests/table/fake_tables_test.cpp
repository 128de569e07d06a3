#include "table/fake_tables.hpp"

#include "table/table_sync_contract.hpp"

namespace landfall {
namespace {

struct FakeStore final : TableStore {
  TableOperations& operations() override { return tables; }
  std::vector<std::string> rows(TableName const& table) override {
    std::vector<std::string> texts;
    FakeTables::Table const& there = tables.tables.at(table);
    for (auto const& row : there.rows) {
      std::string text;
      for (std::size_t i = 4; i < there.schema.columns.size(); ++i) {
        auto const value = row.values.find(there.schema.columns[i].name);
        if (value == row.values.end()) continue;  // of waiting rows
        text += (text.empty() ? "" : " ") + value->second.value_or("-");
      }
      texts.push_back(text);
    }
    return texts;
  }
  void leave_out_rows(TableName const& table) override {
    tables.leaves_out = [table](TableName const& into, FakeTables::StoredRow const& row) {
      return into == table && row.values.at(Identifier("id")) == "2";
    };
  }
  std::vector<std::string> metas(TableName const& table) override {
    std::vector<std::string> metas;
    for (auto const& row : tables.tables.at(table).rows) metas.push_back(row.meta);
    return metas;
  }
  FakeTables tables;
};

INSTANTIATE_TEST_SUITE_P(Fake, TableOperationsContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<FakeStore>(); })));

INSTANTIATE_TEST_SUITE_P(Fake, TableValuesContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<FakeStore>(); })));
INSTANTIATE_TEST_SUITE_P(Fake, TableSyncContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<FakeStore>(); })));
INSTANTIATE_TEST_SUITE_P(Fake, TableMeetingContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<FakeStore>(); })));
INSTANTIATE_TEST_SUITE_P(Fake, TableChangesContract,
                         ::testing::Values(MakeTableStore([] { return std::make_unique<FakeStore>(); })));

}  // namespace
}  // namespace landfall
