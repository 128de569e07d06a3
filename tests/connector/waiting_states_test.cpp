// Whole syncs with STATEs that cannot be answered yet, or never: what they hold in memory, and that nothing hangs.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t memory_bytes = 1 << 20;
constexpr std::size_t state_bytes = 20'000;
// What one block may bring beyond the budget: the line it holds, as a STATE.
constexpr std::uint64_t beyond = 4 * state_bytes;

std::string large_state(std::string const& stream, int number, std::size_t bytes = state_bytes) {
  return fmt::format(
      R"({{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{{"name":"{}"}},"stream_state":{{"at":"{}"}}}},"id":{}}}}})",
      stream, std::string(bytes, 'x'), number);
}

std::string large_global_state(int number) {
  return fmt::format(R"({{"type":"STATE","state":{{"type":"GLOBAL","global":{{"shared_state":"{}"}},"id":{}}}}})",
                     std::string(state_bytes, 'x'), number);
}

DestinationCatalog overwrite_of(std::vector<std::string> const& names) {
  std::vector<DestinationStream> streams;
  for (auto const& name : names) {
    DestinationStream stream;
    stream.descriptor = StreamDescriptor(name);
    stream.destination_sync_mode = DestinationSyncMode::overwrite;
    streams.push_back(std::move(stream));
  }
  return DestinationCatalog(std::move(streams));
}

SyncReport run(WholeSync& sync, DestinationCatalog catalog) {
  return sync.simulation.run_coroutine(
      run_sync(sync.destination, sync.source, sync.sink, sync.simulation, std::move(catalog), sync.options, sync.stop));
}

TEST(WaitingStates, BehindASlowLoaderSlowTheReaderAndNotTheMemory) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call == "process_records users") co_await sync.simulation.sleep_for(std::chrono::seconds(1));
    };
    constexpr int count = 300;  // six times the memory
    for (int n = 0; n < count; ++n) sync.source.lines({record("users", n), large_state("users", n)});
    auto const report = sync.run();
    EXPECT_TRUE(report.succeeded());
    EXPECT_EQ(sync.answered().size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(std::ranges::is_sorted(sync.answered()));
    EXPECT_GE(report.peak_memory_bytes, memory_bytes / 2) << "they wait";
    EXPECT_LE(report.peak_memory_bytes, memory_bytes + beyond);
  });
}

TEST(WaitingStates, OfAStreamThatFailedHoldNoMemory) {
  for (bool const is_global : {false, true}) {
    for_each_seed([is_global](std::uint64_t seed) {
      WholeSync sync(seed);
      sync.hook = [&](std::string call) -> awaitable<void> {
        if (call == "process_records users") throw config_error("broken on purpose");
        co_return;
      };
      constexpr int count = 200;
      for (int n = 0; n < count; ++n) {
        std::string const state = is_global ? large_global_state(n) : large_state("users", n);
        sync.source.lines({record("users", n), record("orders", n), state});
      }
      if (!is_global) sync.source.lines({large_state("orders", count)});
      auto const report = sync.run();
      EXPECT_FALSE(report.succeeded());
      EXPECT_EQ(report.totals.streams[1].records_committed, static_cast<std::uint64_t>(count)) << "of orders";
      EXPECT_EQ(sync.answered(), is_global ? std::vector<std::int64_t>() : std::vector<std::int64_t>{count});
      EXPECT_LE(report.peak_memory_bytes, memory_bytes + beyond);
    });
  }
}

TEST(WaitingStates, ForACloseAreAnsweredWhenItWentWell) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    sync.options.longest_line_bytes = 4 << 20;
    for (int n = 0; n < 10; ++n) sync.source.lines({record("users", n), large_state("users", n)});
    // It needs more than what they leave of the memory, and they stay.
    sync.source.lines(
        {fmt::format(R"({{"type":"RECORD","record":{{"stream":"users","data":{{"x":"{}"}},"emitted_at":1}}}})",
                     std::string(900'000, 'x'))});
    sync.source.lines({large_state("users", 10)});
    auto const report = run(sync, overwrite_of({"users"}));
    EXPECT_TRUE(report.succeeded());
    EXPECT_EQ(sync.answered().size(), 11U);
  });
}

TEST(WaitingStates, ForACloseThatHoldTooMuchFailTheSyncInsteadOfHangingIt) {
  for (bool const is_global : {false, true}) {
    for_each_seed([is_global](std::uint64_t seed) {
      WholeSync sync(seed, {"users"});
      for (int n = 0; n < 300; ++n) {
        sync.source.lines({record("users", n), is_global ? large_global_state(n) : large_state("users", n)});
      }
      auto const report = run(sync, overwrite_of({"users"}));
      ASSERT_FALSE(report.succeeded());
      EXPECT_EQ(report.outcome.error->error_class(), ErrorClass::config);
      EXPECT_THAT(report.outcome.error->what(),
                  HasSubstr("cannot be kept until stream users has replaced its old data"));
      EXPECT_THAT(report.outcome.error->what(), HasSubstr("memory_bytes"));
      EXPECT_TRUE(sync.answered().empty());
      EXPECT_EQ(report.outcome.streams.at(StreamDescriptor("users")).end, StreamEnd::incomplete) << "old data stays";
      EXPECT_LE(report.peak_memory_bytes, memory_bytes + beyond);
    });
  }
}

TEST(LargeRecords, AreToldAndLoaded) {
  WholeSync sync(1, {"users"});
  sync.options.longest_line_bytes = 4 << 20;
  std::vector<LargeRecord> told;
  sync.options.on_large_record = [&](LargeRecord const& one) { told.push_back(one); };
  sync.source.lines(
      {record("users", 1),
       fmt::format(R"({{"type":"RECORD","record":{{"stream":"users","data":{{"x":"{}"}},"emitted_at":1}}}})",
                   std::string(2'000'000, 'x')),
       record("users", 2), stream_state("users", 1)});
  auto const report = sync.run();
  EXPECT_TRUE(report.succeeded());
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].stream, StreamDescriptor("users"));
  EXPECT_EQ(sync.answered(), std::vector<std::int64_t>{1});
}

TEST(ManyStreams, ThanAreAllowedAreRefusedBeforeAnythingIsDone) {
  WholeSync sync(1, {"a", "b", "c"});
  sync.options.max_streams = 2;
  try {
    sync.run();
    ADD_FAILURE() << "no error";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_STREQ(error.what(),
                 "the catalog has 3 streams, and 2 are allowed (max_streams): select fewer, or allow more");
  }
  EXPECT_TRUE(sync.destination.calls().empty());
  sync.options.max_streams = 3;
  EXPECT_TRUE(sync.run().succeeded());
}

}  // namespace
}  // namespace landfall
