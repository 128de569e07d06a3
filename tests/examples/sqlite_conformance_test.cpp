#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <landfall/testing/conformance.hpp>

#include "examples/scratch_folder.hpp"
#include "sqlite_destination.hpp"

namespace {

using landfall::DestinationSyncMode;
using landfall::Identifier;
using landfall::testing::ConformanceOptions;
using landfall::testing::ConformanceTarget;
using landfall::testing::run_conformance;

/// A file of its own for each store.
class SqliteTarget : public ConformanceTarget {
 public:
  std::unique_ptr<landfall::Destination> make() override {
    boost::json::object members{{"destination_path", path_}};
    return std::make_unique<sqlite::SqliteDestination>(landfall::Configuration(std::move(members)));
  }

  /// The records again, from the columns that they became.
  std::optional<std::vector<std::string>> rows(landfall::DestinationStream const& stream) override {
    landfall::DestinationCatalog const catalog({stream});
    landfall::TableNames const names(catalog, sqlite::name_rules(), "");
    sqlite::Database database(path_, 1000);
    std::vector<std::string> rows;
    landfall::SqlText exists;
    exists << "SELECT 1 FROM sqlite_master WHERE name = ";
    exists.string(names.of(stream.descriptor).final_table.table.text());
    if (!database.prepare(exists).step()) return rows;
    landfall::SqlText sql;
    sql << "SELECT n, k, p FROM " << names.of(stream.descriptor).final_table;
    sqlite::Statement found = database.prepare(sql);
    while (found.step()) {
      boost::json::object row{{"n", found.integer(0)}, {"k", found.integer(1)}};
      if (!found.is_null(2)) row["p"] = found.text(2);
      rows.push_back(boost::json::serialize(row));
    }
    return rows;
  }

 private:
  landfall::ScratchFolder folder_;
  std::string path_ = (folder_.path() / "test.sqlite").string();
};

TEST(Conformance, DestinationSqliteKeepsEveryPromise) {
  ConformanceOptions options;
  options.scenarios.modes = {DestinationSyncMode::append, DestinationSyncMode::overwrite,
                             DestinationSyncMode::append_dedup};
  options.seeds = 60;
  auto const report = run_conformance([](std::uint64_t) { return std::make_unique<SqliteTarget>(); }, options);
  EXPECT_TRUE(report.passed()) << report.text();
}

}  // namespace
