// Whole syncs into a loader that finishes several batches at once (Batch::in_group).
#include <any>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

/// Four batches to an upload. The fourth one finishes it; an upload with fewer is finished when its batches are asked
/// and no other one has come in between.
class UploadingDestination final : public Destination {
 public:
  explicit UploadingDestination(Simulation& clock) : clock_(clock) {}
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
    co_return std::make_unique<Loader>(*this);
  }

  bool needs_order = true;
  bool ever_finishes = true;
  std::size_t batches = 0;
  std::size_t process_batch_calls = 0;

 private:
  struct Part {
    std::string upload;
    std::size_t batches_then;
  };

  class Loader final : public StreamLoader {
   public:
    explicit Loader(UploadingDestination& destination) : destination_(destination) {}
    bool needs_order() const override { return destination_.needs_order; }

    awaitable<Batch> process_records(RecordBatch) override {
      std::size_t const number = destination_.batches++;
      std::string const upload = fmt::format("upload {}", number / 4);
      co_await destination_.clock_.sleep_for(std::chrono::milliseconds(100));
      bool const finishes = destination_.ever_finishes && number % 4 == 3;
      Part part{upload, 0};
      co_return Batch(finishes ? BatchState::complete : BatchState::staged, std::move(part)).in_group(upload);
    }

    awaitable<Batch> process_batch(Batch batch) override {
      if (++destination_.process_batch_calls > 10'000) throw config_error("it is asked for ever");
      co_await destination_.clock_.sleep_for(std::chrono::milliseconds(10));
      Part part = std::any_cast<Part>(batch.payload());
      bool const is_quiet = std::exchange(part.batches_then, destination_.batches) == destination_.batches;
      bool const finishes = destination_.ever_finishes && is_quiet;
      std::string const upload = part.upload;
      co_return Batch(finishes ? BatchState::complete : BatchState::staged, std::move(part)).in_group(upload);
    }

   private:
    UploadingDestination& destination_;
  };

  Simulation& clock_;
};

SyncReport run(WholeSync& sync, UploadingDestination& destination, int records) {
  sync.options.batch.records = 1;
  for (int n = 0; n < records; ++n) sync.source.lines({record("users", n), stream_state("users", n + 1)});
  return sync.simulation.run_coroutine(
      run_sync(destination, sync.source, sync.sink, sync.simulation, sync.catalog(), sync.options));
}

TEST(GroupedBatches, AreAskedAFewTimesAndAllAreAnswered) {
  for (bool const needs_order : {true, false}) {
    for (int const count : {1, 4, 10}) {
      for_each_seed([&](std::uint64_t seed) {
        WholeSync sync(seed, {"users"});
        UploadingDestination destination(sync.simulation);
        destination.needs_order = needs_order;
        auto const report = run(sync, destination, count);
        EXPECT_TRUE(report.succeeded()) << report.outcome.error->what();
        EXPECT_EQ(sync.answered().size(), static_cast<std::size_t>(count));
        EXPECT_LE(destination.process_batch_calls, 4U * static_cast<std::size_t>(count));
      });
    }
  }
}

TEST(GroupedBatches, ThatNobodyFinishesFailTheirStream) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    UploadingDestination destination(sync.simulation);
    destination.ever_finishes = false;
    auto const report = run(sync, destination, 10);
    ASSERT_FALSE(report.succeeded());
    EXPECT_THAT(report.outcome.error->what(), ::testing::HasSubstr("one batch of its group 'upload "));
    EXPECT_LE(destination.process_batch_calls, 40U);
    EXPECT_TRUE(sync.answered().empty());
  });
}

}  // namespace
}  // namespace landfall
