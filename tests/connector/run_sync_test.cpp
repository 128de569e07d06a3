#include <landfall/connector/run_sync.hpp>

#include <any>
#include <set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

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

TEST(RunSync, WithoutStatusAndStateAnOverwriteSaysWhatTheSourceMustSend) {
  WholeSync sync(1, {"users"});
  sync.mode = DestinationSyncMode::overwrite;
  sync.source.lines({record("users", 1), record("users", 2)});
  auto const report = sync.run();
  ASSERT_TRUE(report.outcome.error);
  std::string const message = report.outcome.error->what();
  for (auto const* const part : {"users", "no STATE after its last record and no STREAM_STATUS", "2 records",
                                 "old data is kept", "needs a STATE after its last record, or the status COMPLETE"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_EQ(sync.destination.count("close users incomplete"), 1U);
}

struct PlainDestination : Destination {
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override { co_return nullptr; }
};

TEST(RunSync, OptionsAreCheckedAgainstThemselvesAndTheDisk) {
  PlainDestination const destination;
  EXPECT_NO_THROW(blocking_check_options(SyncOptions(), destination));
  SyncOptions no_range;
  no_range.load_concurrency = LoadRange(3, 2, std::nullopt);
  EXPECT_THROW(blocking_check_options(no_range, destination), Error);
  SyncOptions no_records;
  no_records.batch.records = 0;
  EXPECT_THROW(blocking_check_options(no_records, destination), Error);
  SyncOptions nowhere;
  nowhere.spill.directory = "/nowhere";
  EXPECT_THROW(blocking_check_options(nowhere, destination), Error);
  nowhere.spill.policy = SpillPolicy::never;  // acknowledged batches of an earlier sync may lie there all the same
  EXPECT_THROW(blocking_check_options(nowhere, destination), Error);
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

/// Each call of the destination fails for good: the sync ends, with every promise about the life-cycle kept.
TEST(RunSync, AFailureAtAnyCallEndsInOrder) {
  for (std::string const failing : {"setup", "open users", "start users", "process_records users",
                                    "process_batch users", "close users", "teardown"}) {
    SCOPED_TRACE(failing);
    for_each_seed([&](std::uint64_t seed) {
      WholeSync sync(seed);
      sync.destination.answers = {BatchState::staged, BatchState::complete};
      sync.hook = [&](std::string call) -> awaitable<void> {
        if (call == failing) throw config_error("broken on purpose");
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

/// Each call of the destination fails twice and then works: nobody notices. W2.
TEST(RunSync, W2AFailureThatPassesAtAnyCallIsHealed) {
  for (std::string const failing : {"setup", "open users", "start users", "process_records users",
                                    "process_batch users", "close users", "teardown"}) {
    SCOPED_TRACE(failing);
    for_each_seed([&](std::uint64_t seed) {
      WholeSync sync(seed);
      sync.destination.answers = {BatchState::staged, BatchState::complete};
      int failures = 0;
      sync.hook = [&](std::string call) -> awaitable<void> {
        if (call == failing && ++failures <= 2) throw transient_error("not yet");
        co_return;
      };
      int told = 0;
      sync.options.on_retry = [&told](RetryNotice const&) { ++told; };
      for (int n = 0; n < 10; ++n) sync.source.lines({record("users", n), record("orders", n)});
      sync.source.lines({stream_state("users", 1), stream_state("orders", 2)});
      auto const report = sync.run();
      ASSERT_TRUE(report.succeeded()) << report.outcome.error->what();
      EXPECT_EQ(told, 2);
      EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")).size(), 10U);
      EXPECT_EQ(sync.answered().size(), 2U);
      EXPECT_EQ(report.totals.memory_bytes, 0U);
    });
  }
}

/// W5, W18: a call that never answers is cancelled, joined, and fails what it belongs to.
TEST(RunSync, W5ACallThatNeverAnswersEndsAtItsDeadline) {
  for (std::string const hanging : {"setup", "open users", "start users", "process_records users",
                                    "process_batch users", "close users", "teardown"}) {
    SCOPED_TRACE(hanging);
    for_each_seed([&](std::uint64_t seed) {
      WholeSync sync(seed);
      sync.destination.answers = {BatchState::staged, BatchState::complete};
      sync.hook = [&](std::string call) -> awaitable<void> {
        if (call == hanging) co_await sync.simulation.sleep_for(std::chrono::hours(10000));
      };
      sync.options.heartbeat_interval = std::chrono::minutes(5);
      for (int n = 0; n < 10; ++n) sync.source.lines({record("users", n), record("orders", n)});
      auto const report = sync.run();
      ASSERT_FALSE(report.succeeded());
      EXPECT_NE(std::string(report.outcome.error->what()).find("gave no answer within"), std::string::npos);
      EXPECT_EQ(sync.destination.count("teardown"), 1U);
      EXPECT_EQ(sync.destination.count("close orders complete"), hanging == "setup" ? 0U : 1U);
      EXPECT_TRUE(report.unjoined_tasks.empty());
      EXPECT_LE(sync.simulation.now().time_since_epoch(), std::chrono::hours(7));
    });
  }
}

struct CollectingRejects final : RejectSink {
  awaitable<void> write(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected) override {
    for (Record const record : batch) {
      for (RejectedRecord const& one : rejected) {
        if (one.number == record.number()) written.push_back(fmt::format("{}: {}", record.data(), one.reason));
      }
    }
    co_return;
  }
  std::vector<std::string> written;
};

/// Takes what it can and says which records it cannot take, or only that it cannot.
class PickyDestination final : public Destination {
 public:
  enum class Manner { throws_with_numbers, throws_without, answers };
  explicit PickyDestination(Manner m) : manner(m) {}
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
    co_return std::make_unique<Loader>(*this);
  }
  Manner manner;
  std::vector<std::string> loaded;

 private:
  struct Loader final : StreamLoader {
    explicit Loader(PickyDestination& d) : destination(d) {}
    awaitable<Batch> process_records(RecordBatch records) override {
      std::vector<RejectedRecord> bad;
      std::vector<std::string> good;
      for (Record const record : records) {
        bool const odd = record.data().find('7') != std::string_view::npos;
        if (odd) {
          bad.emplace_back(record.number(), "no sevens");
        } else {
          good.emplace_back(record.data());
        }
      }
      if (!bad.empty() && destination.manner == Manner::throws_with_numbers) throw RejectedRecords("bad", bad);
      if (!bad.empty() && destination.manner == Manner::throws_without) throw RejectedRecords("no sevens");
      destination.loaded.insert(destination.loaded.end(), good.begin(), good.end());
      co_return Batch::complete().rejecting(std::move(bad));
    }
    PickyDestination& destination;
  };
};

TEST(RunSync, RecordsThatCannotBeLoadedGoToTheRejectFileAndAreAccountedFor) {
  using Manner = PickyDestination::Manner;
  for (Manner const manner : {Manner::throws_with_numbers, Manner::throws_without, Manner::answers}) {
    SCOPED_TRACE(static_cast<int>(manner));
    for_each_seed([&](std::uint64_t seed) {
      WholeSync sync(seed, {"users"});
      PickyDestination destination(manner);
      CollectingRejects rejects;
      sync.options.reject_sink = &rejects;
      sync.options.batch.records = 8;
      for (int n = 0; n < 20; ++n) sync.source.lines({record("users", n)});
      sync.source.lines({stream_state("users", 1)});
      auto const report = sync.simulation.run_coroutine(
          run_sync(destination, sync.source, sync.sink, sync.simulation, sync.catalog(), sync.options));
      ASSERT_TRUE(report.succeeded()) << report.outcome.error->what();
      EXPECT_EQ(rejects.written, (std::vector<std::string>{R"({"n":7}: no sevens)", R"({"n":17}: no sevens)"}));
      EXPECT_EQ(destination.loaded.size(), 18U);
      ASSERT_EQ(sync.sink.lines().size(), 1U);
      EXPECT_NE(sync.sink.lines()[0].find(R"("destinationStats":{"recordCount":18.0,"rejectedRecordCount":2.0})"),
                std::string::npos)
          << sync.sink.lines()[0];
      EXPECT_EQ(report.totals.streams[0].records_committed, 18U);
      EXPECT_EQ(report.totals.streams[0].records_rejected, 2U);
      EXPECT_EQ(report.totals.streams[0].records_failed, 0U);
      EXPECT_EQ(report.totals.memory_bytes, 0U);
    });
  }
}

TEST(RunSync, WithoutARejectFileTheStreamFails) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed, {"users"});
    PickyDestination destination(PickyDestination::Manner::throws_without);
    sync.options.batch.records = 4;
    for (int n = 0; n < 20; ++n) sync.source.lines({record("users", n)});
    sync.source.lines({stream_state("users", 1)});
    auto const report = sync.simulation.run_coroutine(
        run_sync(destination, sync.source, sync.sink, sync.simulation, sync.catalog(), sync.options));
    EXPECT_FALSE(report.succeeded());
    EXPECT_NE(std::string(report.outcome.error->what()).find("record 7 of stream users cannot be loaded: no sevens"),
              std::string::npos)
        << report.outcome.error->what();
    EXPECT_EQ(report.outcome.error->error_class(), ErrorClass::config);
    EXPECT_TRUE(sync.sink.lines().empty());
    EXPECT_GT(report.totals.streams[0].records_failed, 0U);
  });
}

/// W25: the first failure is the cause, the second one stays attached.
TEST(RunSync, W25TwoFailuresAreBothTold) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    sync.hook = [](std::string call) -> awaitable<void> {
      if (call == "process_records users") throw config_error("users is read-only");
      if (call == "close users" || call == "close orders") throw config_error("cannot close either");
      co_return;
    };
    sync.source.lines({record("users", 1), record("orders", 1)});
    auto const report = sync.run();
    ASSERT_TRUE(report.outcome.error.has_value());
    std::string all = report.outcome.error->what();
    for (Error const& later : report.outcome.error->attached()) all += std::string(" | ") + later.what();
    EXPECT_NE(all.find("users is read-only"), std::string::npos) << all;
    EXPECT_NE(all.find("close of stream users after its failure: cannot close either"), std::string::npos) << all;
    EXPECT_NE(all.find("close of stream orders: cannot close either"), std::string::npos) << all;
  });
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
  std::set<std::vector<std::string>> courses;
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed) courses.insert(course(seed));
  EXPECT_GT(courses.size(), seed_count / 2) << "another seed, another order";
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

TEST(RunSync, ManyStreamsShareASmallBudget) {
  for_each_seed([](std::uint64_t seed) {
    std::vector<std::string> names;
    for (int i = 0; i < 60; ++i) names.push_back(fmt::format("stream_{}", i));
    WholeSync sync(seed, names);
    sync.options.batch = BatchLimits();
    sync.options.memory_budget_bytes = 4 * 4096 + 2000;
    std::vector<std::string> lines;
    for (int n = 0; n < 20; ++n) {
      for (std::string const& name : names) lines.push_back(record(name, n));
    }
    std::string text;
    for (std::string const& line : lines) text += line + "\n";
    sync.source.in_chunks_of(4000, text);
    EXPECT_TRUE(sync.run().succeeded());
    EXPECT_LT(sync.simulation.now(), TimePoint(std::chrono::seconds(1)));  // nobody had to wait for a heartbeat
  });
}

}  // namespace
}  // namespace landfall
