#include <landfall/testing/conformance.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace landfall::testing {
namespace {

using Rows = std::map<StreamDescriptor, std::vector<std::string>>;

/// What an author may get wrong.
enum class Mistake { none, answers_before_it_stores, loses_every_tenth_row, stores_twice, changes_rows };

struct Store {
  Rows rows;
  Mistake mistake = Mistake::none;
  std::size_t stored = 0;
};

struct AppendingLoader : StreamLoader {
  AppendingLoader(Store& s, StreamDescriptor d) : store(s), stream(std::move(d)) {}

  awaitable<Batch> process_records(RecordBatch records) override {
    if (store.mistake == Mistake::answers_before_it_stores) keep(std::exchange(kept, {}));  // those of the last call
    for (auto const& record : records) kept.emplace_back(record.data());
    if (store.mistake != Mistake::answers_before_it_stores) keep(std::exchange(kept, {}));
    co_return Batch::complete();
  }
  awaitable<void> close(StreamOutcome) override {
    keep(std::exchange(kept, {}));
    co_return;
  }
  void keep(std::vector<std::string> rows) {
    for (auto& row : rows) {
      if (++store.stored % 10 == 0 && store.mistake == Mistake::loses_every_tenth_row) continue;
      if (store.mistake == Mistake::changes_rows) row.insert(1, R"("k2":1,)");
      if (store.mistake == Mistake::stores_twice) store.rows[stream].push_back(row);
      store.rows[stream].push_back(std::move(row));
    }
  }

  Store& store;
  StreamDescriptor stream;
  std::vector<std::string> kept;
};

struct AppendingDestination : Destination {
  explicit AppendingDestination(Store& s) : store(s) {}
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) override {
    co_return std::make_unique<AppendingLoader>(store, stream.descriptor);
  }
  Store& store;
};

struct AppendingTarget : ConformanceTarget {
  explicit AppendingTarget(Mistake mistake) { store.mistake = mistake; }
  std::unique_ptr<Destination> make() override { return std::make_unique<AppendingDestination>(store); }
  std::optional<std::vector<std::string>> rows(DestinationStream const& stream) override {
    return store.rows[stream.descriptor];
  }
  Store store;
};

ConformanceReport put_through(Mistake mistake) {
  ConformanceOptions options;
  options.scenarios.modes = {DestinationSyncMode::append};
  options.scenarios.with_generations = false;
  return run_conformance([mistake](std::uint64_t) { return std::make_unique<AppendingTarget>(mistake); }, options);
}

TEST(Conformance, AGoodDestinationPasses) {
  auto const report = put_through(Mistake::none);
  EXPECT_TRUE(report.passed()) << report.text();
  EXPECT_GE(report.syncs(), 400U);
}

TEST(Conformance, AMistakeIsFoundAndNamedWithItsSeedScenarioAndTrace) {
  struct Row {
    Mistake mistake;
    char const* named;
  };
  for (Row const& row : {Row{Mistake::answers_before_it_stores, "promise 1, a STATE never outruns its records"},
                         Row{Mistake::loses_every_tenth_row, "promise 1, a STATE never outruns its records"},
                         Row{Mistake::stores_twice, "promise 2, every record is accounted for once"},
                         Row{Mistake::changes_rows, "was sent as"}}) {
    SCOPED_TRACE(row.named);
    auto const report = put_through(row.mistake);
    ASSERT_FALSE(report.passed());
    for (std::string const part : {row.named, "seed ", "stream 0: ", "input: record", "process_records of stream"}) {
      EXPECT_NE(report.text().find(part), std::string::npos) << part << " is missing in:\n" << report.text();
    }
  }
}

TEST(Conformance, ADestinationWithoutArgumentsNeedsNoTarget) {
  struct Nowhere final : Destination {
    struct Loader final : StreamLoader {
      awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }
    };
    awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
      co_return std::make_unique<Loader>();
    }
  };
  auto const report = run_conformance<Nowhere>();
  EXPECT_TRUE(report.passed()) << report.text();
}

TEST(Conformance, ALoaderThatThrowsOnItsOwnFailsTheRepeatedSync) {
  struct Broken final : Destination {
    awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
      throw config_error("there is no such table");
      co_return nullptr;
    }
  };
  auto const report = run_conformance<Broken>();
  ASSERT_FALSE(report.passed());
  EXPECT_NE(report.text().find("there is no such table"), std::string::npos) << report.text();
}

}  // namespace
}  // namespace landfall::testing
