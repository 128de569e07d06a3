#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <landfall/testing/simulated_disk.hpp>

#include "connector/whole_sync.hpp"
#include "pipeline/batch_spiller.hpp"

namespace landfall {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::SimulatedDisk;

TEST(GoesToDisk, Table) {
  struct Row {
    char const* name;
    SpillPolicy policy;
    std::uint64_t before, reserved;
    bool expected;
  };
  Row const rows[] = {
      {"never, whatever presses", SpillPolicy::never, 9, 100, false},
      {"always, whatever is free", SpillPolicy::always, 0, 0, true},
      {"much memory, but it is its turn", SpillPolicy::over_budget, 0, 100, false},
      {"it is the next one, and memory is nearly full", SpillPolicy::over_budget, 1, 84, true},
      {"it is the next one", SpillPolicy::over_budget, 1, 83, false},
      {"it waits, and memory is half full", SpillPolicy::over_budget, 2, 50, true},
      {"it waits, but memory is free", SpillPolicy::over_budget, 2, 49, false},
  };
  for (Row const& row : rows)
    EXPECT_EQ(goes_to_disk(row.policy, row.before, row.reserved, 100), row.expected) << row.name;
}

TEST(BytesForReadingBack, ArePartOfTheBudget) {
  EXPECT_EQ(bytes_for_reading_back(SpillPolicy::never, 48, 4), 0U);
  EXPECT_EQ(bytes_for_reading_back(SpillPolicy::over_budget, 48, 4), 8U);
  EXPECT_EQ(bytes_for_reading_back(SpillPolicy::over_budget, 48, 1), 4U);  // as many batches as are of use
  EXPECT_EQ(bytes_for_reading_back(SpillPolicy::always, 48, 4), 24U);
}

/// With so much data that it is not copied out of its block.
std::string long_record(std::string const& stream, int number) {
  return fmt::format(R"({{"type":"RECORD","record":{{"stream":"{}","data":{{"n":{},"text":"{}"}},"emitted_at":{}}}}})",
                     stream, number, std::string(500, 'x'), number);
}

/// A sync over a simulated disk.
struct SpillingSync : WholeSync {
  explicit SpillingSync(std::uint64_t seed, SpillPolicy policy, std::vector<std::string> streams = {"users", "orders"})
      : WholeSync(seed, std::move(streams)) {
    options.spill.policy = policy;
    options.spill.directory = "/spill";
    options.spill_storage = disk;
    options.spill.full_deadline = minutes(2);
  }

  /// The numbers that were loaded, in order.
  std::vector<int> loaded(std::string const& stream) const {
    std::vector<int> numbers;
    for (std::string const& data : destination.durable(StreamDescriptor(stream))) {
      numbers.push_back(static_cast<int>(boost::json::parse(data).at("n").to_number<std::int64_t>()));
    }
    return numbers;
  }

  std::shared_ptr<SimulatedDisk> disk = std::make_shared<SimulatedDisk>();
};

std::vector<int> numbers_until(int end) {
  std::vector<int> numbers;
  for (int n = 0; n < end; ++n) numbers.push_back(n);
  return numbers;
}

TEST(Spill, EveryBatchComesBackFromDiskAsItWasAndInOrder) {
  for (SpillSync const group : {SpillSync::none, SpillSync::group}) {
    for_each_seed([group](std::uint64_t seed) {
      SpillingSync sync(seed, SpillPolicy::always);
      sync.options.spill.sync = group;
      for (int n = 0; n < 20; ++n) {
        sync.source.lines({record("users", n), long_record("orders", n), stream_state("users", n)});
      }
      SyncReport const report = sync.run();
      EXPECT_TRUE(report.succeeded());
      EXPECT_EQ(sync.loaded("users"), numbers_until(20));
      EXPECT_EQ(sync.loaded("orders"), numbers_until(20));

      EXPECT_EQ(sync.answered().size(), 20U);
      EXPECT_GE(report.totals.batches_spilled, 14U);
      EXPECT_TRUE(sync.disk->file_names().empty());  // nothing stays
      EXPECT_EQ(group == SpillSync::group, sync.disk->syncs() > 0);
    });
  }
}

TEST(Spill, WhatNeverHasToWaitNeverTouchesTheDisk) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::over_budget);
    for (int n = 0; n < 50; ++n) sync.source.lines({record("users", n), record("orders", n)});
    SyncReport const report = sync.run();
    EXPECT_TRUE(report.succeeded());
    EXPECT_EQ(report.totals.batches_spilled, 0U);
    EXPECT_EQ(sync.disk->steps(), 0U);
  });
}

// The loader of one stream does not answer until all the others are closed. Without a disk, what it is sent would fill
// the memory that the others need.
TEST(Spill, AStreamThatIsStuckDoesNotHoldTheOthers) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::over_budget, {"users", "orders", "stuck"});
    sync.options.batch.bytes = 8192;
    sync.options.batch.records = 1000;
    sync.options.memory_budget_bytes = 128 << 10;
    sync.options.retry[Phase::process].attempt_deadline = hours(2);
    sync.options.retry[Phase::process].total_deadline = hours(3);
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call != "process_records stuck") co_return;
      for (std::string const other : {"close users complete", "close orders complete"}) {
        while (sync.destination.count(other) == 0) co_await sync.simulation.sleep_for(seconds(1));
      }
    };
    std::vector<std::string> lines;
    for (int n = 0; n < 400; ++n) {
      for (std::string const name : {"users", "orders", "stuck"}) lines.push_back(long_record(name, n));
    }
    for (std::string const name : {"users", "orders", "stuck"}) lines.push_back(status(name, "COMPLETE"));
    std::string text;
    for (std::string const& line : lines) text += line + "\n";
    sync.source.in_chunks_of(4096, text);
    TimePoint const began = sync.simulation.now();
    SyncReport const report = sync.run();
    EXPECT_TRUE(report.succeeded()) << (report.outcome.error ? report.outcome.error->what() : "");
    for (std::string const name : {"users", "orders", "stuck"}) EXPECT_EQ(sync.loaded(name), numbers_until(400));
    EXPECT_GT(report.totals.batches_spilled, 10U);
    EXPECT_LE(sync.simulation.now() - began, seconds(4));  // patience ends once, not for each batch
    EXPECT_LE(report.peak_memory_bytes, sync.options.memory_budget_bytes + (16 << 10));
    EXPECT_TRUE(sync.disk->file_names().empty());
  });
}

// Much more than memory holds, for a loader that is slower than the reader but never stands still.
TEST(Spill, AStreamThatMovesSlowsTheReaderAndNothingGoesToDisk) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::over_budget);
    sync.options.batch.bytes = 8192;
    sync.options.batch.records = 1000;
    sync.options.memory_budget_bytes = 128 << 10;
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (!call.starts_with("process_records")) co_return;
      co_await sync.simulation.sleep_for(BatchSpiller::patience - std::chrono::milliseconds(100));
    };
    std::string text;
    for (int n = 0; n < 400; ++n) text += long_record("users", n) + "\n" + long_record("orders", n) + "\n";
    sync.source.in_chunks_of(4096, text + status("users", "COMPLETE") + "\n" + status("orders", "COMPLETE") + "\n");
    SyncReport const report = sync.run();
    EXPECT_TRUE(report.succeeded());
    EXPECT_EQ(sync.loaded("users"), numbers_until(400));
    EXPECT_EQ(sync.loaded("orders"), numbers_until(400));
    EXPECT_EQ(report.totals.batches_spilled, 0U);
    EXPECT_LE(report.peak_memory_bytes, sync.options.memory_budget_bytes + (16 << 10));
  });
}

// Eight calls at once, of which each takes a while: none of them waits for another, and memory has room.
TEST(Spill, ALoaderThatNeedsNoOrderIsNotHeldUp) {
  for_each_seed([](std::uint64_t seed) {
    Duration took[2];
    for (SpillPolicy const policy : {SpillPolicy::over_budget, SpillPolicy::never}) {
      SpillingSync sync(seed, policy, {"users"});
      sync.destination.needs_order = false;
      sync.options.batch.bytes = 4096;
      sync.options.batch.records = 1000;
      sync.options.memory_budget_bytes = 256 << 10;
      sync.options.load_concurrency = LoadRange::fixed(8);
      sync.hook = [&](std::string call) -> awaitable<void> {
        if (call.starts_with("process_records")) co_await sync.simulation.sleep_for(std::chrono::milliseconds(400));
      };
      std::string text;
      for (int n = 0; n < 600; ++n) text += long_record("users", n) + "\n";
      sync.source.in_chunks_of(4096, text + status("users", "COMPLETE") + "\n");
      TimePoint const began = sync.simulation.now();
      SyncReport const report = sync.run();
      EXPECT_TRUE(report.succeeded());
      EXPECT_EQ(report.totals.batches_spilled, 0U);
      took[policy == SpillPolicy::never ? 1 : 0] = sync.simulation.now() - began;
    }
    EXPECT_LE(took[0], 2 * took[1]);
  });
}

TEST(Spill, ADiskThatFailsIsNoHarmWhereMemoryDoes) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::over_budget);
    sync.options.batch.bytes = 4096;
    sync.options.memory_budget_bytes = 64 << 10;
    sync.disk->set_capacity(0);
    int told = 0;
    sync.options.on_spill_failure = [&told](Error const&) { ++told; };
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call == "process_records users") co_await sync.simulation.sleep_for(seconds(1));
    };
    for (int n = 0; n < 100; ++n) sync.source.lines({long_record("users", n), stream_state("users", n)});
    SyncReport const report = sync.run();
    EXPECT_TRUE(report.succeeded());
    EXPECT_EQ(sync.loaded("users"), numbers_until(100));
    EXPECT_EQ(sync.answered().size(), 100U);
    EXPECT_EQ(told, 1);
  });
}

TEST(Spill, AFullDiskIsWaitedForAndNothingIsLost) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::always);
    sync.options.spill.segment_bytes = 4096;
    sync.disk->set_capacity(16 << 10);  // of 100 KB
    for (int n = 0; n < 100; ++n) {
      sync.source.lines({long_record("users", n), long_record("orders", n), stream_state("users", n)});
    }
    SyncReport const report = sync.run();
    EXPECT_TRUE(report.succeeded()) << (report.outcome.error ? report.outcome.error->what() : "");
    EXPECT_EQ(sync.loaded("users"), numbers_until(100));
    EXPECT_EQ(sync.loaded("orders"), numbers_until(100));
    EXPECT_TRUE(sync.disk->file_names().empty());
  });
}

TEST(Spill, ADiskThatStaysFullFailsTheStreamAndAcknowledgesNothingThatIsNotLoaded) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::always);
    sync.disk->set_capacity(100);
    for (int n = 0; n < 10; ++n) sync.source.lines({record("users", n), stream_state("users", n)});
    SyncReport const report = sync.run();
    EXPECT_FALSE(report.succeeded());
    ASSERT_TRUE(report.outcome.error.has_value());
    EXPECT_EQ(report.outcome.error->error_class(), ErrorClass::transient);
    EXPECT_TRUE(sync.answered().empty());
    EXPECT_TRUE(sync.loaded("users").empty());
    EXPECT_TRUE(sync.disk->file_names().empty());
  });
}

TEST(Spill, BatchesOfAStreamThatFailedLeaveTheDisk) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::always);
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call == "process_records users") throw config_error("no");
      co_return;
    };
    for (int n = 0; n < 40; ++n)
      sync.source.lines({record("users", n), record("orders", n), stream_state("orders", n)});
    SyncReport const report = sync.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_EQ(sync.loaded("orders"), numbers_until(40));
    EXPECT_EQ(sync.answered().size(), 40U);
    EXPECT_TRUE(sync.disk->file_names().empty());
  });
}

TEST(Spill, NothingIsWrittenForAStreamThatHasFailed) {
  for_each_seed([](std::uint64_t seed) {
    SpillingSync sync(seed, SpillPolicy::always);
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call == "process_records users") throw config_error("no");
      co_return;
    };
    for (int n = 0; n < 3; ++n) sync.source.lines({record("users", n)});
    sync.source.pause(seconds(30));
    for (int n = 3; n < 40; ++n) sync.source.lines({record("users", n)});
    SyncReport const report = sync.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_LE(report.totals.batches_spilled, 3U);  // of three records that came each for itself
  });
}

// Whichever step of the disk fails, the stream that it was for fails alone, and its input does not fill the memory.
TEST(Spill, ADiskThatFailsOnceFailsOneStreamAndHoldsNothingUp) {
  for (std::uint64_t step = 1; step <= 40; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    SpillingSync sync(step, SpillPolicy::always);
    sync.options.memory_budget_bytes = 64 << 10;
    sync.disk->fail_step(step, testing::DiskFault::io_error);
    for (int n = 0; n < 200; ++n) {
      sync.source.lines({long_record("users", n), long_record("orders", n), stream_state("orders", n)});
    }
    SyncReport const report = sync.run();  // and does not wait for ever
    std::size_t const whole =
        static_cast<std::size_t>(std::count_if(sync.names.begin(), sync.names.end(), [&](auto const& name) {
          return sync.loaded(name) == numbers_until(200);
        }));
    EXPECT_GE(whole, report.succeeded() ? 2U : 0U);
    auto const safe = static_cast<std::int64_t>(sync.loaded("orders").size());
    for (std::int64_t const id : sync.answered()) EXPECT_LT(id, safe);
    EXPECT_LT(sync.simulation.now(), TimePoint(hours(1)));
  }
}

TEST(Spill, ADirectoryThatCannotBeUsedIsAnErrorOnlyWhereItIsNeeded) {
  struct Row {
    char const* name;
    SpillPolicy policy;
    std::string directory;
    bool fails;
  };
  Row const rows[] = {
      {"always", SpillPolicy::always, "/no/such/folder", true},
      {"over_budget, and it was named", SpillPolicy::over_budget, "/no/such/folder", true},
      {"never, but it was named", SpillPolicy::never, "/no/such/folder", true},
      {"never, and none was named", SpillPolicy::never, "", false},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    SpillingSync sync(1, row.policy);
    sync.options.spill.directory = row.directory;
    sync.options.spill_storage = nullptr;
    sync.source.lines({record("users", 1)});
    if (row.fails) {
      EXPECT_THROW(blocking_check_options(sync.options, sync.destination), Error);
    }
    try {
      EXPECT_TRUE(sync.run().succeeded());
      EXPECT_FALSE(row.fails);
    } catch (Error const& error) {
      EXPECT_TRUE(row.fails) << error.what();
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(std::string(error.what()).find(row.directory), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace landfall
