// destination-sqlite, killed at random moments, and started again with what a source would send then.
//
//   LANDFALL_CRASH_ROUNDS=100 LANDFALL_CRASH_SEED=7 sqlite_crash_test

#include "sqlite_catalog.hpp"
#include "table_crash_rounds.hpp"

namespace {

/// The file, while somebody else writes to it.
struct HeldFile {
  explicit HeldFile(std::string const& path) : database(path, 60'000), transaction(database) {}

  sqlite::Database database;
  sqlite::Transaction transaction;
};

class SqliteCrashStore final : public CrashStore {
 public:
  SqliteCrashStore() { fs::create_directories(folder_); }
  ~SqliteCrashStore() override { fs::remove_all(folder_); }

  std::string program() const override { return DESTINATION_SQLITE; }
  json::object configuration() const override { return {{"destination_path", path()}}; }

  void clear() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  std::vector<LoadedRow> rows(Stream const& stream) override {
    auto const name = stream.name_space ? *stream.name_space + "__" + stream.name : stream.name;
    landfall::TableName const table{landfall::Identifier(), landfall::Identifier(name)};
    sqlite::Database database(path(), 60'000);
    std::vector<LoadedRow> rows;
    if (sqlite::kind_of(database, table).empty()) return rows;
    landfall::SqlText sql;
    sql << "SELECT id, version, n, text FROM " << table;
    auto found = database.prepare(sql);
    while (found.step()) rows.push_back({found.integer(0), found.integer(1), found.integer(2), found.text(3)});
    return rows;
  }

  std::shared_ptr<void> hold() override { return std::make_shared<HeldFile>(path()); }

 private:
  std::string path() const { return folder_ / "test.sqlite"; }

  fs::path const folder_ = fs::path(::testing::TempDir()) / ("sqlite_crash_" + std::to_string(::getpid()));
};

class SqliteCrashTest : public TableCrashRounds {
 protected:
  SqliteCrashTest() : TableCrashRounds(std::make_unique<SqliteCrashStore>()) {}
};

TEST_F(SqliteCrashTest, KilledAtAnyMomentNothingAcknowledgedIsLost) { many_rounds(false); }

TEST_F(SqliteCrashTest, KilledAtAnyMomentWhatIsOnDiskIsLoadedOnce) { many_rounds(true); }

}  // namespace
