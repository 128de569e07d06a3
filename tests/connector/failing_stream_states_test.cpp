// Whole syncs in which a stream fails: the STATEs that its loader has earned are answered, whatever comes first.
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ids = std::vector<std::int64_t>;

std::string global_state(int number) {
  return fmt::format(R"({{"type":"STATE","state":{{"type":"GLOBAL","global":{{"at":{}}},"id":{}}}}})", number, number);
}

/// The STATEs behind records of which each is durable, as STATE n stands behind n records of the stream.
Ids earned(WholeSync const& sync, std::string const& stream) {
  Ids ids;
  std::vector<std::string> const durable = sync.destination.durable(StreamDescriptor(stream));
  for (std::size_t number = 0; number < durable.size(); ++number) {
    if (durable[number] != fmt::format(R"({{"n":{}}})", number)) break;
    ids.push_back(static_cast<std::int64_t>(number) + 1);
  }
  return ids;
}

/// Records 0, 1, ... of "users", a STATE behind each, in batches of one record that are loaded side by side.
void read_users(WholeSync& sync, int count, bool global = false) {
  sync.options.batch.records = 1;
  sync.destination.needs_order = false;
  for (int n = 0; n < count; ++n) {
    sync.source.lines({record("users", n), global ? global_state(n + 1) : stream_state("users", n + 1)});
  }
}

TEST(FailingStreamStates, ACallThatReturnsTogetherWithAFailureCounts) {
  std::size_t answered_seeds = 0;
  for (bool const global : {false, true}) {
    for_each_seed([&](std::uint64_t seed) {
      WholeSync sync(seed, {"users"});
      read_users(sync, 4, global);
      int calls = 0;
      sync.hook = [&](std::string call) -> awaitable<void> {
        if (call != "process_records users") co_return;
        bool const fails = ++calls == 3;
        co_await sync.simulation.sleep_for(std::chrono::seconds(1));  // all of them at the same moment
        if (fails) throw config_error("no such table");
      };
      auto const report = sync.run();
      EXPECT_FALSE(report.succeeded());
      EXPECT_EQ(sync.answered(), earned(sync, "users"));
      if (!sync.answered().empty()) ++answered_seeds;
    });
  }
  EXPECT_GT(answered_seeds, 0U);
}

TEST(FailingStreamStates, ACallThatAnswersWhenItIsCancelledCounts) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    read_users(sync, 3);
    int calls = 0;
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call != "process_records users") co_return;
      if (++calls == 2) throw config_error("no such table");
      try {
        co_await sync.simulation.sleep_for(std::chrono::hours(1));
      } catch (...) {  // too late to stop it
      }
    };
    sync.run();
    EXPECT_EQ(sync.answered(), earned(sync, "users"));
  });
}

TEST(FailingStreamStates, OneStreamThatStopsTheOthersDoesNotLoseWhatTheyHaveLoaded) {
  std::size_t answered_seeds = 0;
  for_each_seed([&](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.options.launcher.on_stream_failure = OnStreamFailure::fail_fast;
    sync.options.batch.records = 1;
    sync.source.lines({record("users", 0), stream_state("users", 1), record("orders", 0)});
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (!call.starts_with("process_records")) co_return;
      co_await sync.simulation.sleep_for(std::chrono::seconds(1));
      if (call == "process_records orders") throw config_error("no such table");
    };
    sync.run();
    EXPECT_EQ(sync.answered(), earned(sync, "users"));
    if (!sync.answered().empty()) ++answered_seeds;
  });
  EXPECT_GT(answered_seeds, 0U);
}

TEST(FailingStreamStates, AStopDoesNotLoseWhatCallsHaveLoaded) {
  std::size_t answered_seeds = 0;
  for_each_seed([&](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    read_users(sync, 2);
    sync.options.launcher.on_stop = OnStop::cancel;
    bool stopped = false;
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call != "process_records users") co_return;
      co_await sync.simulation.sleep_for(std::chrono::seconds(1));
      if (!std::exchange(stopped, true)) sync.stop.request_stop(transient_error("stopped by SIGTERM"));
    };
    sync.run();
    EXPECT_EQ(sync.answered(), earned(sync, "users"));
    if (!sync.answered().empty()) ++answered_seeds;
  });
  EXPECT_GT(answered_seeds, 0U);
}

TEST(FailingStreamStates, WhatIsPersistedWhenALaterStepFailsCounts) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    read_users(sync, 2);
    sync.destination.answers = {BatchState::persisted, BatchState::complete};
    int steps = 0;
    sync.hook = [&](std::string call) -> awaitable<void> {
      co_await sync.simulation.sleep_for(std::chrono::seconds(1));
      if (call == "process_batch users" && ++steps == 1) throw config_error("no such table");
    };
    sync.run();
    EXPECT_EQ(sync.answered(), earned(sync, "users"));
    EXPECT_FALSE(sync.answered().empty());
  });
}

/// Loads all records of a batch but the second one, which it rejects in its answer.
class RejectingDestination final : public Destination {
 public:
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
    co_return std::make_unique<Loader>(with_steps);
  }
  bool with_steps = false;

 private:
  class Loader final : public StreamLoader {
   public:
    explicit Loader(bool with_steps) : with_steps_(with_steps) {}
    awaitable<Batch> process_records(RecordBatch) override {
      std::vector<RejectedRecord> rejected{RejectedRecord(1, "too long")};
      co_return (with_steps_ ? Batch::persisted() : Batch::complete()).rejecting(std::move(rejected));
    }
    awaitable<Batch> process_batch(Batch) override { co_return Batch::complete(); }

   private:
    bool with_steps_;
  };
};

/// Takes a while.
struct SlowRejects final : RejectSink {
  explicit SlowRejects(Simulation& clock) : simulation(clock) {}
  awaitable<void> write(RecordBatch const&, std::vector<RejectedRecord> const&) override {
    co_await simulation.sleep_for(std::chrono::seconds(2));
  }
  Simulation& simulation;
};

TEST(FailingStreamStates, TheRestOfARefusedBatchIsNotOfferedWhenItsStreamHasFailed) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    read_users(sync, 4);
    sync.options.batch.records = 2;
    SlowRejects rejects(sync.simulation);
    sync.options.reject_sink = &rejects;
    int calls = 0;
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call != "process_records users") co_return;
      std::vector<RejectedRecord> const first{RejectedRecord(0, "too long")};
      if (++calls == 1) throw RejectedRecords("too long", first);
      co_await sync.simulation.sleep_for(std::chrono::seconds(1));  // its line is being written
      throw config_error("no such table");
    };
    EXPECT_FALSE(sync.run().succeeded());
    EXPECT_EQ(calls, 2);
  });
}

TEST(FailingStreamStates, ACallForAPartOfARefusedBatchIsCancelledWhenItsStreamFails) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    read_users(sync, 4);
    sync.options.batch.records = 2;
    int calls = 0;
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call != "process_records users") co_return;
      int const number = ++calls;
      if (number == 1) throw RejectedRecords("one of them is too long");
      co_await sync.simulation.sleep_for(std::chrono::seconds(number == 2 ? 1 : 20));
      if (number == 2) throw config_error("no such table");
    };
    TimePoint const began = sync.simulation.now();
    EXPECT_FALSE(sync.run().succeeded());
    EXPECT_EQ(calls, 3);
    EXPECT_LT(sync.simulation.now() - began, std::chrono::seconds(5));
  });
}

TEST(FailingStreamStates, BeforeARejectedRecordThatNobodyTakesWhatIsLoadedCounts) {
  for (bool const with_steps : {false, true}) {
    for_each_seed([with_steps](std::uint64_t seed) {
      WholeSync sync(seed, {"users"});
      RejectingDestination destination;
      destination.with_steps = with_steps;
      sync.source.lines({record("users", 0), stream_state("users", 1), record("users", 1), stream_state("users", 2),
                         record("users", 2), stream_state("users", 3)});
      auto const report = sync.simulation.run_coroutine(
          run_sync(destination, sync.source, sync.sink, sync.simulation, sync.catalog(), sync.options));
      EXPECT_FALSE(report.succeeded());
      EXPECT_THAT(sync.answered(), ElementsAre(1));
      EXPECT_EQ(report.totals.streams[0].records_committed, 2U);
    });
  }
}

TEST(FailingStreamStates, OfAStreamThatCannotBeOpenedWhatStandsBeforeItsRecordsIsAnswered) {
  for (std::string const failing : {"open users", "start users"}) {
    for_each_seed([&failing](std::uint64_t seed) {
      WholeSync sync(seed);
      sync.hook = [&failing](std::string call) -> awaitable<void> {
        if (call == failing) throw config_error("no such table");
        co_return;
      };
      sync.source.lines({global_state(1), record("orders", 0), global_state(2), record("users", 0), global_state(3)});
      sync.run();
      EXPECT_THAT(sync.answered(), ElementsAre(1, 2));
    });
  }
}

TEST(FailingStreamStates, WithoutASetupNothingIsAnsweredThatHasRecordsBeforeIt) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.hook = [](std::string call) -> awaitable<void> {
      if (call == "setup") throw config_error("no such database");
      co_return;
    };
    sync.source.lines({record("users", 0), stream_state("users", 1)});
    sync.run();
    EXPECT_THAT(sync.answered(), IsEmpty());
  });
}

TEST(FailingStreamStates, OfAStreamThatReplacesItsOldDataNothingIsAnsweredWhenItFails) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    read_users(sync, 3);
    int calls = 0;
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call == "process_records users" && ++calls == 3) throw config_error("no such table");
      co_return;
    };
    DestinationStream users;
    users.descriptor = StreamDescriptor("users");
    users.destination_sync_mode = DestinationSyncMode::overwrite;
    std::vector<DestinationStream> streams{users};
    sync.simulation.run_coroutine(run_sync(sync.destination, sync.source, sync.sink, sync.simulation,
                                           DestinationCatalog(std::move(streams)), sync.options, sync.stop));
    EXPECT_THAT(sync.answered(), IsEmpty());
  });
}

}  // namespace
}  // namespace landfall
