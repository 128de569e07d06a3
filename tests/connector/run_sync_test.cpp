#include <landfall/connector/run_sync.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/testing/recording_destination.hpp>
#include <landfall/testing/scripted_source.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall {
namespace {

using testing::CollectingSink;
using testing::RecordingDestination;
using testing::ScriptedSource;
using testing::Simulation;

constexpr std::uint64_t seed_count = 50;

std::string record(std::string const& stream, int number) {
  return fmt::format(R"({{"type":"RECORD","record":{{"stream":"{}","data":{{"n":{}}},"emitted_at":1}}}})", stream,
                     number);
}
std::string stream_state(std::string const& stream, int number) {
  return fmt::format(
      R"({{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{{"name":"{}"}},"stream_state":{{"at":{}}}}},"id":{}}}}})",
      stream, number, number);
}
std::string status(std::string const& stream, std::string const& word) {
  return fmt::format(
      R"({{"type":"TRACE","trace":{{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{{"stream_descriptor":{{"name":"{}"}},"status":"{}"}}}}}})",
      stream, word);
}

/// One whole sync in virtual time; the seed orders what is ready.
class WholeSync {
 public:
  explicit WholeSync(std::uint64_t seed, std::vector<std::string> streams = {"users", "orders"})
      : simulation(seed), source(simulation), names(std::move(streams)) {
    options.batch.records = 3;
    options.block_bytes = 4096;
    options.longest_line_bytes = 1 << 16;
    options.memory_budget_bytes = 1 << 20;
  }

  DestinationCatalog catalog() const {
    std::vector<DestinationStream> streams;
    for (auto const& name : names) {
      DestinationStream stream;
      stream.descriptor = StreamDescriptor(name);
      if (with_generations) stream.generation_id = stream.minimum_generation_id = 1;
      streams.push_back(std::move(stream));
    }
    return DestinationCatalog(std::move(streams));
  }

  SyncReport run() {
    return simulation.run_coroutine(run_sync(destination, source, sink, simulation, catalog(), options, stop));
  }

  /// The STATEs answered, by their id, in order.
  std::vector<std::int64_t> answered() const {
    std::vector<std::int64_t> ids;
    for (auto const& line : sink.lines())
      ids.push_back(boost::json::parse(line).at("state").at("id").to_number<std::int64_t>());
    return ids;
  }

  Simulation simulation;
  ScriptedSource source;
  CollectingSink sink;
  RecordingDestination::Hook hook;
  RecordingDestination destination{[this](std::string call) -> awaitable<void> {
    if (hook) co_await hook(std::move(call));
  }};
  SyncOptions options;
  StopHandle stop;
  bool with_generations = false;
  std::vector<std::string> names;
};

template <class Test>
void for_each_seed(Test test) {
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    test(seed);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(RunSync, LoadsEveryRecordInOrderAndAnswersEveryState) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    for (int n = 0; n < 20; ++n) {
      sync.source.lines({record("users", n), record("orders", 100 + n)});
      if (n % 5 == 4) sync.source.lines({stream_state("users", n), stream_state("orders", 100 + n)});
    }
    sync.source.lines({status("users", "COMPLETE"), status("orders", "COMPLETE")});
    auto const report = sync.run();
    ASSERT_TRUE(report.succeeded()) << report.outcome.error->what();
    auto const users = sync.destination.durable(StreamDescriptor("users"));
    ASSERT_EQ(users.size(), 20U);
    for (std::size_t n = 0; n < users.size(); ++n) EXPECT_EQ(users[n], fmt::format(R"({{"n":{}}})", n));
    EXPECT_EQ(sync.answered().size(), 8U);
    std::vector<std::int64_t> of_users;
    for (auto const id : sync.answered()) {
      if (id < 100) of_users.push_back(id);
    }
    EXPECT_EQ(of_users, (std::vector<std::int64_t>{4, 9, 14, 19}));
    EXPECT_EQ(sync.destination.count("setup"), 1U);
    EXPECT_EQ(sync.destination.count("close users complete"), 1U);
    EXPECT_EQ(sync.destination.count("close orders complete"), 1U);
    EXPECT_EQ(sync.destination.count("teardown complete"), 1U);
    EXPECT_EQ(report.totals.memory_bytes, 0U);
  });
}

TEST(RunSync, ABatchMayGoThroughEveryState) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.destination.answers = {BatchState::processed, BatchState::staged, BatchState::loaded, BatchState::persisted,
                                BatchState::complete};
    for (int n = 0; n < 10; ++n) sync.source.lines({record("users", n)});
    sync.source.lines({stream_state("users", 1)});
    EXPECT_TRUE(sync.run().succeeded());
    EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")).size(), 10U);
    EXPECT_EQ(sync.answered().size(), 1U);
  });
}

TEST(RunSync, NoStateIsAnsweredBeforeItsRecordsAreDurable) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    sync.destination.answers = {BatchState::staged, BatchState::complete};
    sync.sink.before_write = [&]() -> awaitable<void> {
      // Written now: at least as many records are durable as the first STATE not yet written stands behind.
      auto const next = sync.sink.lines().size();
      EXPECT_GE(sync.destination.durable(StreamDescriptor("users")).size(), 4 * (next + 1));
      co_return;
    };
    for (int n = 0; n < 20; ++n) {
      sync.source.lines({record("users", n)});
      if (n % 4 == 3) sync.source.lines({stream_state("users", n)});
    }
    EXPECT_TRUE(sync.run().succeeded());
    EXPECT_EQ(sync.answered().size(), 5U);
  });
}

TEST(RunSync, AStateIsAnsweredWhileTheInputPauses) {  // W14
  WholeSync sync(1, {"users"});
  std::vector<std::int64_t> answered_during_pause;
  sync.source.lines({record("users", 1), stream_state("users", 7)}).pause(std::chrono::hours(1));
  bool stopped = false;
  sync.options.on_progress = [&](SyncProgress const& progress) {
    if (progress.elapsed > std::chrono::seconds(10) && !stopped) {
      stopped = true;
      answered_during_pause = sync.answered();
    }
  };
  EXPECT_TRUE(sync.run().succeeded());
  EXPECT_EQ(answered_during_pause, (std::vector<std::int64_t>{7}));
}

TEST(RunSync, AnEmptyInputOpensAndClosesEveryStream) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    EXPECT_TRUE(sync.run().succeeded());
    EXPECT_EQ(sync.destination.count("close users complete"), 1U);
    EXPECT_EQ(sync.destination.count("close orders complete"), 1U);
  });
}

TEST(RunSync, WithGenerationsAMissingStatusLeavesTheStreamIncomplete) {  // W4
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.with_generations = true;
    sync.source.lines(
        {record("users", 1), stream_state("users", 5), record("orders", 1), status("orders", "COMPLETE")});
    auto const report = sync.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_EQ(sync.destination.count("close users incomplete"), 1U);
    EXPECT_EQ(sync.destination.count("close orders complete"), 1U);
    EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{5}));
    EXPECT_EQ(sync.destination.count("teardown failed"), 1U);
  });
}

TEST(RunSync, ABrokenLineLoadsAndAcknowledgesWhatStoodBeforeIt) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.source.lines({record("users", 1), stream_state("users", 5),
                       R"({"type":"RECORD","record":{"stream":"users","data":{"a":nul}}})", record("users", 2)});
    auto const report = sync.run();
    ASSERT_FALSE(report.succeeded());
    EXPECT_NE(std::string(report.outcome.error->what()).find("line 3"), std::string::npos)
        << report.outcome.error->what();
    EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")).size(), 1U);
    EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{5}));
    EXPECT_EQ(sync.destination.count("close users incomplete"), 1U);
  });
}

TEST(RunSync, ADestinationThatDecodesEveryValueGetsRecordsUnchecked) {
  struct Decoding final : Destination {
    struct Loader final : StreamLoader {
      awaitable<Batch> process_records(RecordBatch records) override {
        EXPECT_EQ((*records.begin()).data(), R"({"a":nul})");
        co_return Batch::complete();
      }
    };
    bool decodes_every_value() const override { return true; }
    awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
      co_return std::make_unique<Loader>();
    }
  } destination;
  WholeSync sync(1);
  sync.source.lines({R"({"type":"RECORD","record":{"stream":"users","data":{"a":nul},"emitted_at":1}})"});
  auto const report = sync.simulation.run_coroutine(
      run_sync(destination, sync.source, sync.sink, sync.simulation, sync.catalog(), sync.options));
  EXPECT_TRUE(report.succeeded());
}

TEST(RunSync, StatesOfTwoKindsEndTheReadingAndTheFirstKindIsAnswered) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.source.lines({record("users", 1), stream_state("users", 5),
                       R"({"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{}},"id":6}})"});
    auto const report = sync.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{5}));
  });
}

/// Each call of the destination fails once: the sync ends, with every promise about the life-cycle kept.
TEST(RunSync, AFailureAtAnyCallEndsInOrder) {
  for (std::string const failing : {"setup", "open users", "start users", "process_records users",
                                    "process_batch users", "close users", "teardown"}) {
    SCOPED_TRACE(failing);
    for_each_seed([&](std::uint64_t seed) {
      WholeSync sync(seed);
      sync.destination.answers = {BatchState::staged, BatchState::complete};
      sync.hook = [&](std::string call) -> awaitable<void> {
        if (call == failing) throw transient_error("broken on purpose");
        co_return;
      };
      for (int n = 0; n < 10; ++n) sync.source.lines({record("users", n), record("orders", n)});
      sync.source.lines({stream_state("users", 1), stream_state("orders", 2)});
      auto const report = sync.run();
      ASSERT_FALSE(report.succeeded());
      EXPECT_NE(std::string(report.outcome.error->what()).find("broken on purpose"), std::string::npos);
      EXPECT_EQ(sync.destination.count("setup"), 1U);
      EXPECT_EQ(sync.destination.count("teardown"), 1U);
      bool const users_started = failing != "setup" && failing != "open users" && failing != "start users";
      EXPECT_EQ(sync.destination.count("close users"), users_started ? 1U : 0U);
      bool const orders_fine = failing != "setup";
      EXPECT_EQ(sync.destination.count("close orders complete"), orders_fine ? 1U : 0U);
      auto const orders = sync.destination.durable(StreamDescriptor("orders")).size();
      EXPECT_EQ(orders, orders_fine ? 10U : 0U);  // W3: the other stream is loaded whole
      EXPECT_EQ(report.totals.memory_bytes, 0U);
    });
  }
}

TEST(RunSync, AClosedOutputFailsTheSyncAndItStillEnds) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.sink.before_write = []() -> awaitable<void> {
      throw transient_error("stdout was closed");
      co_return;
    };
    sync.source.lines({record("users", 1), stream_state("users", 5)});
    auto const report = sync.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_TRUE(sync.answered().empty());
    EXPECT_EQ(report.totals.states_received, 1U);
    EXPECT_EQ(report.totals.states_emitted, 0U);  // only what was written counts
    EXPECT_EQ(sync.destination.count("teardown"), 1U);
  });
}

TEST(RunSync, AStopLoadsAndAcknowledgesWhatWasRead) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.source.lines({record("users", 1), stream_state("users", 5)}).pause(std::chrono::hours(10));
    sync.options.on_progress = [&](SyncProgress const& progress) {
      if (progress.elapsed >= std::chrono::seconds(10)) sync.stop.request_stop(transient_error("stopped by SIGTERM"));
    };
    auto const report = sync.run();
    ASSERT_FALSE(report.succeeded());
    EXPECT_NE(std::string(report.outcome.error->what()).find("SIGTERM"), std::string::npos);
    EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{5}));
    EXPECT_EQ(sync.destination.count("close users incomplete"), 1U);
    EXPECT_LT(report.totals.elapsed, std::chrono::minutes(1));
  });
}

TEST(RunSync, AStopBeforeTheStartStopsItAtOnce) {
  WholeSync sync(1);
  sync.source.pause(std::chrono::hours(10)).lines({record("users", 1)});
  sync.stop.request_stop(transient_error("too early"));
  auto const report = sync.run();
  EXPECT_FALSE(report.succeeded());
  EXPECT_EQ(sync.destination.count("teardown"), 1U);
}

TEST(RunSync, ASlowLoaderSlowsTheReaderNotTheMemory) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    WholeSync sync(seed);
    sync.options.batch.records = 100'000;
    sync.options.memory_budget_bytes = 64 << 10;
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call.starts_with("process_records")) co_await sync.simulation.sleep_for(std::chrono::seconds(1));
    };
    for (int n = 0; n < 4000; ++n) sync.source.lines({record("users", n), record("orders", n)});
    auto const report = sync.run();
    EXPECT_TRUE(report.succeeded());
    EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")).size(), 4000U);
    EXPECT_LE(report.peak_memory_bytes, 2U * (64 << 10));
  }
}

TEST(RunSync, TheSameSeedGivesTheSameCourse) {
  auto const course = [](std::uint64_t seed) {
    WholeSync sync(seed);
    for (int n = 0; n < 10; ++n) sync.source.lines({record("users", n), record("orders", n), stream_state("users", n)});
    (void)sync.run();
    auto calls = sync.destination.calls();
    for (auto const& line : sync.sink.lines()) calls.push_back(line);
    return calls;
  };
  EXPECT_EQ(course(7), course(7));
}

TEST(RunSync, TwoSyncsAtOnceShareNothing) {
  Simulation simulation(3);
  auto const play = [&](std::string name, RecordingDestination& destination, CollectingSink& sink) -> awaitable<void> {
    ScriptedSource source(simulation);
    for (int n = 0; n < 10; ++n) source.lines({record(name, n)}).pause(std::chrono::milliseconds(10));
    source.lines({stream_state(name, 1)});
    std::vector<DestinationStream> streams(1);
    streams[0].descriptor = StreamDescriptor(name);
    DestinationCatalog catalog(std::move(streams));
    auto const report = co_await run_sync(destination, source, sink, simulation, std::move(catalog));
    EXPECT_TRUE(report.succeeded());
  };
  RecordingDestination one, two;
  CollectingSink sink_one, sink_two;
  asio::co_spawn(asio::make_strand(simulation.get_executor()), play("users", one, sink_one),
                 [](std::exception_ptr e) { EXPECT_FALSE(e); });
  simulation.run_coroutine(play("orders", two, sink_two));
  simulation.run();
  EXPECT_EQ(one.durable(StreamDescriptor("users")).size(), 10U);
  EXPECT_EQ(two.durable(StreamDescriptor("orders")).size(), 10U);
  EXPECT_EQ(sink_one.lines().size(), 1U);
  EXPECT_EQ(sink_two.lines().size(), 1U);
}

/// Two steps on workers of their own: prepare, then finish.
class StepDestination final : public Destination {
 public:
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
    co_return std::make_unique<Loader>();
  }
  std::vector<std::unique_ptr<LoadStep>> load_steps() override {
    std::vector<std::unique_ptr<LoadStep>> steps;
    steps.push_back(std::make_unique<Prepare>());
    steps.push_back(std::make_unique<Finish>(*this));
    return steps;
  }
  std::size_t finished = 0;
  bool fail = false;

 private:
  struct Loader final : StreamLoader {
    awaitable<Batch> process_records(RecordBatch) override { throw system_error("the steps do the work"); }
  };
  struct Prepare final : LoadStep {
    std::string name() const override { return "prepare"; }
    std::size_t workers() const override { return 3; }
    awaitable<Batch> process(StepInput& input, std::size_t) override {
      auto const count = input.records.size();
      input.records.clear();
      co_return Batch::staged(count);
    }
  };
  struct Finish final : LoadStep {
    explicit Finish(StepDestination& d) : destination(d) {}
    std::string name() const override { return "finish"; }
    awaitable<Batch> process(StepInput& input, std::size_t) override {
      if (destination.fail) throw transient_error("upload failed");
      destination.finished += std::any_cast<std::size_t>(input.batch.payload());
      co_return Batch::complete();
    }
    StepDestination& destination;
  };
};

TEST(RunSync, BatchesMayRunThroughStepsOnWorkersOfTheirOwn) {
  for (bool const fail : {false, true}) {
    SCOPED_TRACE(fail ? "failing" : "good");
    for_each_seed([&](std::uint64_t seed) {
      WholeSync sync(seed);
      StepDestination destination;
      destination.fail = fail;
      for (int n = 0; n < 20; ++n) sync.source.lines({record("users", n), record("orders", n)});
      sync.source.lines({stream_state("users", 1), stream_state("orders", 2)});
      auto const report = sync.simulation.run_coroutine(
          run_sync(destination, sync.source, sync.sink, sync.simulation, sync.catalog(), sync.options));
      EXPECT_EQ(report.succeeded(), !fail);
      EXPECT_EQ(destination.finished, fail ? 0U : 40U);
      EXPECT_EQ(sync.answered().size(), fail ? 0U : 2U);
    });
  }
}

}  // namespace
}  // namespace landfall
