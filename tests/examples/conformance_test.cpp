#include <landfall/testing/conformance.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "file_names.hpp"
#include "jsonl_destination.hpp"

namespace {

using landfall::DestinationSyncMode;
using landfall::testing::ConformanceOptions;
using landfall::testing::ConformanceTarget;
using landfall::testing::run_conformance;

namespace fs = std::filesystem;

/// A folder of its own for each store.
class JsonlTarget : public ConformanceTarget {
 public:
  explicit JsonlTarget(std::uint64_t number)
      : folder_(fs::path(::testing::TempDir()) / fmt::format("conformance_{}_{}", ::getpid(), number)) {}
  ~JsonlTarget() override { fs::remove_all(folder_); }

  std::unique_ptr<landfall::Destination> make() override {
    boost::json::object members{{"destination_path", folder_.string()}, {"format", "data"}};
    return std::make_unique<jsonl::JsonlDestination>(landfall::Configuration(std::move(members)));
  }

  std::optional<std::vector<std::string>> rows(landfall::DestinationStream const& stream) override {
    std::vector<std::string> rows;
    std::ifstream file(folder_ / jsonl::stream_path(stream.descriptor).text());
    for (std::string line; std::getline(file, line);) rows.push_back(line);
    return rows;
  }

 private:
  fs::path folder_;
};

TEST(Conformance, DestinationJsonlKeepsEveryPromise) {
  ConformanceOptions options;
  options.scenarios.modes = {DestinationSyncMode::append, DestinationSyncMode::overwrite};
  options.seeds = 60;
  auto const report =
      run_conformance([](std::uint64_t number) { return std::make_unique<JsonlTarget>(number); }, options);
  EXPECT_TRUE(report.passed()) << report.text();
}

}  // namespace
