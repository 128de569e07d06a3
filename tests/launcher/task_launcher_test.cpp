#include "launcher/launcher_fixture.hpp"

#include <array>
#include <ostream>
#include <tuple>

namespace landfall {
namespace {

// ---- start ----

TEST_F(LauncherTest, RunStartsEveryTaskOnceAndTheReaderIsLaunchedBeforeSetup) {
  make({"users", "orders"});
  start();
  for (auto const* name :
       {"input", "setup", "open", "spill users", "spill orders", "heartbeat", "stats", "checkpoints"}) {
    EXPECT_EQ(times(name), 1) << name;
  }
  EXPECT_EQ(events.size(), 8U);
  EXPECT_FALSE(outcome.has_value());
}

TEST_F(LauncherTest, OptionalTasksMayBeAbsent) {
  make({"users"}, [](LauncherParts& parts) {
    parts.input_consumer.reset();
    parts.heartbeat.reset();
    parts.stats_emitter.reset();
  });
  start();
  EXPECT_EQ(times("input") + times("heartbeat") + times("stats"), 0);
  EXPECT_EQ(times("setup"), 1);
}

TEST_F(LauncherTest, AsManyOpenStreamWorkersAsConfigured) {
  make({"users"}, [](LauncherParts& parts) { parts.configuration.open_stream_workers = 3; });
  start();
  EXPECT_EQ(times("open"), 3);
  EXPECT_EQ(open_stream_queue.queued_bytes(), 0U);  // run() itself publishes no stream
}

TEST_F(LauncherTest, WithoutAWayToLoadItCannotBeMade) {
  auto without = [](LauncherParts& parts) { parts.process_batch.reset(); };
  EXPECT_THROW(make({"users"}, without), Error);
}

// ---- setup and open ----

TEST_F(LauncherTest, SetupCompleteAsksForEachStreamOnce) {
  make({"users", "orders"});
  start();
  EXPECT_EQ(open_stream_queue.queued_bytes(), 0U);
  setup_done();
  setup_done();
  EXPECT_EQ(open_stream_queue.queued_bytes(), 2U);
}

TEST_F(LauncherTest, ASecondStartOfAStreamChangesNothing) {
  make({"users"});
  start();
  setup_done();
  opened("users");
  end_of_stream("users", 0);
  report(launcher->handle_stream_started(stream("users"), std::make_shared<NullLoader>()));
  EXPECT_EQ(times("close users"), 1);
}

// ---- records and batches ----

TEST_F(LauncherTest, ABatchWaitsUntilItsStreamIsOpen) {
  make({"users"});
  start();
  records("users", 1, 0, 10);
  EXPECT_EQ(times_starting_with("process_records"), 0);
  setup_done();
  opened("users");
  EXPECT_EQ(times("process_records users 1"), 1);
}

TEST_F(LauncherTest, AccumulationGoesOnUntilTheLastFileOfTheStream) {
  make({"users"});
  start();
  records("users", 1, 0, 10);
  EXPECT_EQ(times("spill users"), 2);
  records("users", 2, 10, 20, true);
  EXPECT_EQ(times("spill users"), 2);
}

TEST_F(LauncherTest, BatchesOfAStreamAreProcessedOneAfterTheOtherInOrder) {
  make({"users"});
  MessageQueue<int> gate(1);
  when_run("process_records users 1", [&]() -> awaitable<void> { (void)co_await gate.pop(); });
  start();
  setup_done();
  opened("users");
  records("users", 1, 0, 10);
  records("users", 2, 10, 20);
  EXPECT_EQ(times("process_records users 2"), 0);
  gate.close();
  simulation.run();
  EXPECT_EQ(times("process_records users 2"), 1);
}

TEST_F(LauncherTest, StreamsDoNotWaitForEachOther) {
  make({"users", "orders"});
  MessageQueue<int> gate(1);
  when_run("process_records users 1", [&]() -> awaitable<void> { (void)co_await gate.pop(); });
  start();
  setup_done();
  opened("users");
  opened("orders");
  records("users", 1, 0, 10);
  records("orders", 2, 0, 10);
  EXPECT_EQ(times("process_records orders 2"), 1);
  gate.close();
  simulation.run();
}

TEST_F(LauncherTest, ABatchThatIsNotCompleteIsTakenFurtherUntilItIs) {
  make({"users"});
  start();
  setup_done();
  opened("users");
  records("users", 1, 0, 10, true);
  for (BatchState const state :
       {BatchState::processed, BatchState::staged, BatchState::loaded, BatchState::persisted}) {
    auto const before = times("process_batch users 1");
    batch_is(state, "users", 1, 0, 10);
    EXPECT_EQ(times("process_batch users 1"), before + 1) << to_string(state);
  }
  EXPECT_EQ(times("close users"), 0);
  batch_is(BatchState::complete, "users", 1, 0, 10);
  EXPECT_EQ(times("process_batch users 1"), 4);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(LauncherTest, ABatchOfThePipelineIsNotGivenToTheLoader) {
  make({"users"});
  start();
  setup_done();
  opened("users");
  records("users", 1, 0, 10);
  batch_is(BatchState::staged, "users", 1, 0, 10, BatchRoute::pipeline);
  EXPECT_EQ(times_starting_with("process_batch"), 0);
}

TEST_F(LauncherTest, PersistedOrBetterHasStatesLookedAtOthersDoNot) {
  make({"users"});
  int looked = 0;
  when_run("checkpoints", [&]() -> awaitable<void> {
    while (!(co_await checkpoint_queue.pop_all()).ended) ++looked;
  });
  start();
  setup_done();
  opened("users");
  records("users", 1, 0, 10);
  struct Row {
    BatchState state;
    int looks;
  };
  for (Row const row : {Row{BatchState::processed, 0}, Row{BatchState::staged, 0}, Row{BatchState::loaded, 0},
                        Row{BatchState::persisted, 1}, Row{BatchState::complete, 1}}) {
    looked = 0;
    batch_is(row.state, "users", 1, 0, 10);
    EXPECT_EQ(looked, row.looks) << to_string(row.state);
  }
}

TEST_F(LauncherTest, HalfOfTheRecordsCompleteDoesNotCloseTheStream) {
  make({"users"});
  start();
  setup_done();
  opened("users");
  records("users", 1, 0, 10);
  records("users", 2, 10, 20, true);
  batch_is(BatchState::complete, "users", 2, 10, 20);
  EXPECT_EQ(times("close users"), 0);
  batch_is(BatchState::complete, "users", 1, 0, 10);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(LauncherTest, AReportOfRecordsThatWereNeverReadIsAnErrorOfTheReporter) {
  make({"users"});
  start();
  setup_done();
  opened("users");
  records("users", 1, 0, 10);
  EXPECT_THROW(batch_is(BatchState::complete, "users", 1, 0, 11), Error);
}

// ---- orders of arrival ----

enum class Step { setup, open, file, answer, end };

void PrintTo(Step step, std::ostream* out) {
  static constexpr std::array names{"setup", "open", "file", "answer", "end"};
  *out << names[static_cast<std::size_t>(step)];
}

/// A stream is opened after setup; an answer follows its records and the opening; the end follows the records.
bool possible(std::vector<Step> const& order) {
  auto at = [&](Step step) { return std::find(order.begin(), order.end(), step) - order.begin(); };
  return at(Step::open) > at(Step::setup) && at(Step::answer) > at(Step::file) && at(Step::answer) > at(Step::open) &&
         at(Step::end) > at(Step::file);
}

std::vector<std::vector<Step>> possible_orders() {
  std::vector<std::vector<Step>> orders;
  std::vector<Step> order{Step::setup, Step::open, Step::file, Step::answer, Step::end};
  do {
    if (possible(order)) orders.push_back(order);
  } while (std::next_permutation(order.begin(), order.end()));
  return orders;
}

/// Two streams whose steps arrive in two orders, one after the other step by step: all pairs of orders.
class ArrivalOrder : public LauncherTest,
                     public ::testing::WithParamInterface<std::tuple<std::vector<Step>, std::vector<Step>>> {
 protected:
  void play(Step step, std::string const& name, std::uint64_t id) {
    switch (step) {
      case Step::setup:
        return setup_done();  // also the second time, for the other stream
      case Step::open:
        return opened(name);
      case Step::file:
        return records(name, id, 0, 10);
      case Step::answer:
        return batch_is(BatchState::complete, name, id, 0, 10);
      case Step::end:
        return end_of_stream(name, 10);
    }
  }
};

TEST_P(ArrivalOrder, EachStreamIsProcessedAndClosedOnceAndTheSyncEndsWell) {
  auto const& [of_users, of_orders] = GetParam();
  make({"users", "orders"});
  start();
  for (std::size_t step = 0; step < of_users.size(); ++step) {
    play(of_users[step], "users", 1);
    play(of_orders[step], "orders", 2);
  }
  EXPECT_EQ(times("process_records users 1"), 1);
  EXPECT_EQ(times("process_records orders 2"), 1);
  EXPECT_EQ(times("close users"), 1);
  EXPECT_EQ(times("close orders"), 1);
  EXPECT_EQ(times("teardown"), 0);
  closed("orders");
  input_ends();
  EXPECT_EQ(times("teardown"), 0);
  closed("users");
  EXPECT_EQ(times("teardown"), 1);
  report(launcher->handle_teardown_complete());
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->succeeded());
  EXPECT_EQ(times_starting_with("fail"), 0);
}

INSTANTIATE_TEST_SUITE_P(AllPairs, ArrivalOrder,
                         ::testing::Combine(::testing::ValuesIn(possible_orders()),
                                            ::testing::ValuesIn(possible_orders())));

// ---- the good end ----

class EndingTest : public LauncherTest {
 protected:
  /// One stream, loaded to its end; its close task has been started.
  void load(std::function<void(LauncherParts&)> change = {}) {
    make({"users"}, std::move(change));
    start();
    setup_done();
    opened("users");
    records("users", 1, 0, 10, true);
    batch_is(BatchState::complete, "users", 1, 0, 10);
  }
};

TEST_F(EndingTest, TeardownWaitsForTheClosedStreamsTheInputAndTheStates) {
  MessageQueue<int> states(1);
  when_run("checkpoints", [&]() -> awaitable<void> {
    while (!(co_await checkpoint_queue.pop_all()).ended) {
    }
    (void)co_await states.pop();
    co_await launcher->handle_checkpoints_processed();
  });
  load();
  closed("users");
  EXPECT_EQ(times("teardown"), 0);
  input_ends();
  EXPECT_EQ(times("teardown"), 0);
  states.close();
  simulation.run();
  EXPECT_EQ(times("teardown"), 1);
}

TEST_F(EndingTest, TeardownCompleteEndsTheRun) {
  load();
  closed("users");
  input_ends();
  EXPECT_FALSE(outcome.has_value());
  report(launcher->handle_teardown_complete());
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->succeeded());
  EXPECT_TRUE(scope.running().empty());
}

TEST_F(EndingTest, EveryEventMayBeRepeated) {
  load();
  report(launcher->handle_stream_complete(stream("users")));
  report(launcher->handle_stream_complete(stream("users")));
  batch_is(BatchState::complete, "users", 1, 0, 10);
  EXPECT_EQ(times("close users"), 1);
  closed("users");
  closed("users");
  input_ends();
  report(launcher->handle_input_consumed());
  report(launcher->handle_checkpoints_processed());
  EXPECT_EQ(times("teardown"), 1);
  report(launcher->handle_teardown_complete());
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->succeeded());
  EXPECT_EQ(times("fail_sync"), 0);
}

TEST_F(EndingTest, AnIncompleteStreamEndsInFailSync) {
  load();
  StreamOutcome const incomplete(StreamEnd::incomplete, 10, transient_error("the source stopped early"));
  report(launcher->handle_stream_closed(stream("users"), incomplete));
  input_ends();
  EXPECT_EQ(times("teardown"), 0);
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_FALSE(outcome->succeeded());
  EXPECT_EQ(outcome->streams.at(stream("users")).end, StreamEnd::incomplete);
}

TEST_F(EndingTest, ATeardownThatThrowsFailsTheSyncAndIsNotRepeated) {  // W28
  when_run("teardown", []() -> awaitable<void> {
    throw transient_error("no connection");
    co_return;
  });
  load();
  closed("users");
  input_ends();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_FALSE(outcome->succeeded());
  EXPECT_EQ(times("teardown"), 1);
  EXPECT_EQ(times("fail_sync"), 0);
}

TEST_F(EndingTest, AFailSyncThatThrowsEndsTheRunAllTheSame) {  // W5
  when_run("fail_sync", []() -> awaitable<void> {
    throw system_error("teardown is broken too");
    co_return;
  });
  when_run("process_records users 1", []() -> awaitable<void> {
    throw system_error("the first error");
    co_return;
  });
  make({"users"});
  start();
  setup_done();
  opened("users");
  records("users", 1, 0, 10, true);
  failed("users");
  input_ends();
  ASSERT_TRUE(outcome.has_value());
  ASSERT_TRUE(outcome->error.has_value());
  EXPECT_NE(std::string(outcome->error->what()).find("the first error"), std::string::npos);
  ASSERT_EQ(outcome->error->attached().size(), 1U);
  EXPECT_NE(std::string(outcome->error->attached()[0].what()).find("teardown is broken too"), std::string::npos);
}

// ---- failures ----

class FailureTest : public LauncherTest {
 protected:
  /// Two open streams.
  void load(std::function<void(LauncherParts&)> change = {}) {
    make({"users", "orders"}, std::move(change));
    start();
    setup_done();
    opened("users");
    opened("orders");
  }
  void complete_orders() {
    records("orders", 9, 0, 10, true);
    batch_is(BatchState::complete, "orders", 9, 0, 10);
    closed("orders");
  }
};

TEST_F(FailureTest, AFailingStreamIsFailedAloneAndTheOthersEndWell) {  // W3
  when_run("process_records users 1", []() -> awaitable<void> {
    throw transient_error("server gone");
    co_return;
  });
  load();
  records("users", 1, 0, 10);
  EXPECT_TRUE(has_thrown.load());
  EXPECT_EQ(times("fail_stream users close"), 1);
  EXPECT_EQ(times_starting_with("fail_stream orders"), 0);
  complete_orders();
  EXPECT_EQ(times("close orders"), 1);
  failed("users");
  input_ends();
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->streams.at(stream("orders")).end, StreamEnd::complete);
  EXPECT_EQ(outcome->streams.at(stream("users")).end, StreamEnd::failed);
}

TEST_F(FailureTest, FailFastFailsEveryStreamAndStopsTheReader) {
  load([](LauncherParts& parts) { parts.configuration.on_stream_failure = OnStreamFailure::fail_fast; });
  throws("users");
  EXPECT_EQ(times("fail_stream users close"), 1);
  EXPECT_EQ(times("fail_stream orders close"), 1);
  EXPECT_TRUE(sync->input_consumed());  // the reader was cancelled
}

TEST_F(FailureTest, ASecondFailureOfAStreamIsKeptButStartsNothing) {
  load();
  throws("users", "first");
  throws("users", "second");
  EXPECT_EQ(times_starting_with("fail_stream users"), 1);
  ASSERT_TRUE(sync->error().has_value());
  EXPECT_EQ(sync->error()->message(), "first");
  ASSERT_EQ(sync->error()->attached().size(), 1U);  // W25
  EXPECT_EQ(sync->error()->attached()[0].message(), "second");
}

TEST_F(FailureTest, AStreamWhoseCloseIsRunningIsNotClosedAgain) {
  when_run("close users", []() -> awaitable<void> {
    throw system_error("rename failed");
    co_return;
  });
  load();
  end_of_stream("users", 0);
  EXPECT_EQ(times("close users"), 1);
  EXPECT_EQ(times("fail_stream users -"), 1);
  EXPECT_EQ(times("fail_stream users close"), 0);
}

TEST_F(FailureTest, AFailedStreamIsNotClosedByALateCompletion) {
  load();
  records("users", 1, 0, 10, true);
  throws("users");
  batch_is(BatchState::complete, "users", 1, 0, 10);
  report(launcher->handle_stream_complete(stream("users")));
  EXPECT_EQ(times("close users"), 0);
}

TEST_F(FailureTest, AStreamThatEndedWellStaysComplete) {
  load();
  end_of_stream("users", 0);
  closed("users");
  throws("users", "too late");
  EXPECT_EQ(times_starting_with("fail_stream users"), 0);
  EXPECT_EQ(sync->stream_manager(stream("users")).result()->end, StreamEnd::complete);
}

TEST_F(FailureTest, ALoaderIsClosedOnlyWhenNothingOfItsStreamRuns) {
  MessageQueue<int> gate(1);
  when_run("process_records users 1", [&]() -> awaitable<void> {
    try {
      (void)co_await gate.pop();
    } catch (...) {
      events.push_back("cancelled");
      throw;
    }
  });
  load();
  records("users", 1, 0, 10);
  throws("users");
  auto const cancelled = std::find(events.begin(), events.end(), "cancelled");
  auto const failing = std::find(events.begin(), events.end(), "fail_stream users close");
  ASSERT_NE(cancelled, events.end());
  ASSERT_NE(failing, events.end());
  EXPECT_LT(cancelled, failing);
}

TEST_F(FailureTest, RecordsOfAFailedStreamAreTakenAndDropped) {
  load();
  throws("users");
  auto const before = times("spill users");
  records("users", 1, 0, 10);
  EXPECT_EQ(times("spill users"), before + 1);
  EXPECT_EQ(times_starting_with("process_records users"), 0);
}

TEST_F(FailureTest, AFailedSetupFailsEveryStreamWithoutClosingAndEndsInFailSync) {
  when_run("setup", []() -> awaitable<void> {
    throw config_error("wrong password");
    co_return;
  });
  make({"users", "orders"});
  start();
  EXPECT_EQ(times("fail_stream users -"), 1);
  EXPECT_EQ(times("fail_stream orders -"), 1);
  failed("users");
  EXPECT_EQ(times("fail_sync"), 0);
  failed("orders");
  EXPECT_EQ(times("fail_sync"), 1);
  failed("orders");
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->error->error_class(), ErrorClass::config);
}

TEST_F(FailureTest, AStreamThatCannotBeOpenedFailsAlone) {
  make({"users", "orders"});
  start();
  setup_done();
  bool wanted = false;
  report([](TaskLauncher& l, StreamDescriptor s, bool& w) -> awaitable<void> {
    w = co_await l.handle_open_requested(std::move(s));
  }(*launcher, stream("users"), wanted));
  EXPECT_TRUE(wanted);
  report(launcher->handle_open_failure(stream("users"), transient_error("no such table")));
  EXPECT_EQ(times("fail_stream users -"), 1);
  opened("orders");
  complete_orders();
  EXPECT_EQ(times("close orders"), 1);
}

TEST_F(FailureTest, ALoaderThatIsOpenedAfterTheFailureIsClosed) {
  make({"users", "orders"});
  start();
  setup_done();
  bool wanted = false;
  report([](TaskLauncher& l, StreamDescriptor s, bool& w) -> awaitable<void> {
    w = co_await l.handle_open_requested(std::move(s));
  }(*launcher, stream("users"), wanted));
  throws("users");
  EXPECT_EQ(times_starting_with("fail_stream users"), 0);  // open() is still running
  report(launcher->handle_stream_started(stream("users"), std::make_shared<NullLoader>()));
  EXPECT_EQ(times("fail_stream users close"), 1);
}

TEST_F(FailureTest, AStreamThatFailedWhileItWasOpenedAndThenCannotBeOpenedEnds) {
  make({"users", "orders"},
       [](LauncherParts& parts) { parts.configuration.on_stream_failure = OnStreamFailure::fail_fast; });
  start();
  setup_done();
  for (auto const* name : {"users", "orders"}) {
    bool wanted = false;
    report([](TaskLauncher& l, StreamDescriptor s, bool& w) -> awaitable<void> {
      w = co_await l.handle_open_requested(std::move(s));
    }(*launcher, stream(name), wanted));
    EXPECT_TRUE(wanted);
  }
  report(launcher->handle_open_failure(stream("users"), transient_error("database gone")));
  EXPECT_EQ(times_starting_with("fail_stream orders"), 0);  // its open() is still running
  report(launcher->handle_open_failure(stream("orders"), transient_error("database gone")));
  EXPECT_EQ(times("fail_stream users -"), 1);
  EXPECT_EQ(times("fail_stream orders -"), 1);
  failed("users");
  failed("orders");
  EXPECT_EQ(times("fail_sync"), 1);
}

TEST_F(FailureTest, AnAbortThatNobodyAskedForIsAFailure) {
  when_run("process_records users 1", []() -> awaitable<void> {
    throw boost::system::system_error(asio::error::operation_aborted);  // a socket that a timeout closed
    co_return;
  });
  load();
  launcher->request_stop(transient_error("stopped by SIGTERM"));
  simulation.run();
  records("users", 1, 0, 10);
  EXPECT_EQ(times("fail_stream users close"), 1);
}

TEST_F(FailureTest, TheEndingWaitsForASetupThatStillRuns) {
  MessageQueue<int> gate(1);
  when_run("setup", [&]() -> awaitable<void> { (void)co_await gate.pop(); });
  make({"users"});
  start();
  report(launcher->handle_exception(FailureLevel::sync, std::nullopt, transient_error("stdout was closed")));
  failed("users");
  EXPECT_EQ(times("fail_sync"), 0);
  gate.close();
  simulation.run();
  EXPECT_EQ(times("fail_sync"), 1);
}

TEST_F(FailureTest, AStreamIsNotClosedWhileABatchOfItIsWithTheLoader) {
  MessageQueue<int> gate(1);
  when_run("process_batch users 1", [&]() -> awaitable<void> { (void)co_await gate.pop(); });
  load();
  records("users", 1, 0, 10);
  BatchEnvelope first(stream("users"), BatchId(1), Interval{0, 10}, Batch::staged().in_group("upload"));
  report(launcher->handle_new_batch(std::move(first)));
  records("users", 2, 10, 20, true);
  BatchEnvelope second(stream("users"), BatchId(2), Interval{10, 20}, Batch::complete().in_group("upload"));
  report(launcher->handle_new_batch(std::move(second)));  // completes the first one as well
  EXPECT_EQ(times("close users"), 0);
  gate.close();
  simulation.run();
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(FailureTest, AStopThatComesWhenEverythingIsDoneChangesNothing) {
  load();
  complete_orders();
  end_of_stream("users", 0);
  closed("users");
  input_ends();
  EXPECT_EQ(times("teardown"), 1);
  launcher->request_stop(transient_error("stopped by SIGTERM"));
  simulation.run_for(std::chrono::seconds(19));
  report(launcher->handle_teardown_complete());
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->succeeded());
}

TEST_F(FailureTest, AnEndingThatOutlastsTheStopDeadlineIsHurriedAndFails) {
  load();
  complete_orders();
  end_of_stream("users", 0);
  closed("users");
  input_ends();
  launcher->request_stop(transient_error("stopped by SIGTERM"));
  simulation.run_for(std::chrono::seconds(20));
  EXPECT_TRUE(scope.is_hurried());
  report(launcher->handle_teardown_complete());
  ASSERT_TRUE(outcome.has_value());
  EXPECT_STREQ(outcome->error.value().what(), "the sync had not ended 20 s after it was stopped");
}

TEST_F(FailureTest, AStopThatIsNotObeyedInTimeFailsTheStreams) {
  load();
  launcher->request_stop(transient_error("stopped by SIGTERM"));
  simulation.run_for(std::chrono::seconds(19));
  EXPECT_EQ(times_starting_with("fail_stream"), 0);
  EXPECT_FALSE(scope.is_hurried());
  simulation.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(scope.is_hurried());
  EXPECT_GT(times_starting_with("fail_stream"), 0);
  failed("users");
  failed("orders");
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_STREQ(outcome->error.value().what(), "stopped by SIGTERM");
}

TEST_F(FailureTest, AStopMayCancelAtOnce) {
  make({"users", "orders"}, [](LauncherParts& parts) { parts.configuration.on_stop = OnStop::cancel; });
  start();
  setup_done();
  opened("users");
  opened("orders");
  launcher->request_stop(transient_error("stopped by SIGTERM"));
  launcher->request_stop(transient_error("stopped again"));
  simulation.run_for(std::chrono::seconds(0));
  EXPECT_TRUE(scope.is_hurried());
  EXPECT_EQ(times("fail_stream users close"), 1);
  EXPECT_EQ(times("fail_stream orders close"), 1);
  EXPECT_STREQ(failures.at(0).what(), "stopped by SIGTERM");
}

TEST_F(FailureTest, NothingIsAskedBesideACallThatStillRuns) {
  load();
  Error stuck = unknown_outcome_error("process records still running after 95 s");
  stuck.set_call_still_runs();
  when_run("process_records users 7", [stuck]() -> awaitable<void> {
    throw stuck;
    co_return;
  });
  records("users", 7, 0, 3);
  EXPECT_EQ(times("fail_stream users close"), 0);
  EXPECT_EQ(times("fail_stream users -"), 1);
  failed("users");
  complete_orders();
  input_ends();
  EXPECT_EQ(times("fail_sync") + times("teardown"), 0);
  ASSERT_TRUE(outcome.has_value()) << "the sync ends all the same";
  EXPECT_FALSE(outcome->succeeded());
}

TEST_F(FailureTest, AHeartbeatThatThrowsFailsEveryStreamInOrder) {
  when_run("heartbeat", []() -> awaitable<void> {
    throw system_error("broken");
    co_return;
  });
  load();
  EXPECT_EQ(times_starting_with("fail_stream users"), 1);
  EXPECT_EQ(times_starting_with("fail_stream orders"), 1);
  failed("users");
  failed("orders");
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_STREQ(outcome->error.value().what(), "heartbeat: broken");
}

TEST_F(FailureTest, AFailingStreamAcknowledgesNothingMore) {
  load();
  records("users", 7, 0, 4);
  batch_is(BatchState::persisted, "users", 7, 0, 2);
  throws("users");
  batch_is(BatchState::complete, "users", 7, 0, 4);  // was on its way
  EXPECT_TRUE(sync->stream_manager(stream("users")).is_safe_until(2));
  EXPECT_FALSE(sync->stream_manager(stream("users")).is_safe_until(3));
}

TEST_F(FailureTest, ACallThatStillRunsEndsTheReading) {  // it may hold memory for good
  load();
  Error stuck = unknown_outcome_error("process records still running after 95 s");
  stuck.set_call_still_runs();
  report(launcher->handle_exception(FailureLevel::stream, stream("users"), stuck));
  EXPECT_FALSE(sync->input_consumed());
  report(launcher->handle_open_failure(stream("users"), stuck));
  EXPECT_TRUE(sync->input_consumed());
}

TEST_F(FailureTest, AReaderThatDoesNotReactToItsCancellationIsNotWaitedForForEver) {
  MessageQueue<int> never{1};
  when_run("input", [&never]() -> awaitable<void> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    (void)co_await never.pop();
  });
  load();
  launcher->request_stop(transient_error("stopped by SIGTERM"));
  simulation.run_for(std::chrono::seconds(19));
  EXPECT_FALSE(sync->input_consumed());
  simulation.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(sync->input_consumed());
  failed("users");
  failed("orders");
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  simulation.run_for(std::chrono::seconds(120));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(launcher->unjoined_tasks(), std::vector<std::string>{"input"});
  never.close();
  simulation.run();
}

TEST_F(FailureTest, WhenEveryStreamHasFailedNothingMoreIsRead) {
  load();
  throws("users");
  EXPECT_FALSE(sync->input_consumed());
  throws("orders");
  EXPECT_TRUE(sync->input_consumed());
}

TEST_F(FailureTest, RejectedRecordsMayBeTheLastOnesOfAStream) {
  load();
  complete_orders();
  records("users", 7, 0, 2, true);
  batch_is(BatchState::complete, "users", 7, 0, 1);
  EXPECT_EQ(times("close users"), 0);
  report(launcher->handle_records_rejected(stream("users"), {1}));
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(FailureTest, AFailedStreamIsNotOpenedAnyMore) {
  make({"users", "orders"});
  start();
  setup_done();
  throws("users");
  opened("users");
  EXPECT_EQ(sync->loader(stream("users")), nullptr);
}

TEST_F(FailureTest, AReaderThatThrowsLetsTheStreamsEndByThemselves) {
  when_run("input", []() -> awaitable<void> {
    throw system_error("line 7: broken JSON");
    co_return;
  });
  load();
  EXPECT_EQ(times_starting_with("fail_stream"), 0);
  complete_orders();
  end_of_stream("users", 0);
  closed("users");
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_NE(std::string(outcome->error->what()).find("line 7"), std::string::npos);
}

TEST_F(FailureTest, APrinterThatThrowsFailsEveryStreamAndTheSyncStillEnds) {
  when_run("checkpoints", []() -> awaitable<void> {
    throw transient_error("stdout was closed");
    co_return;
  });
  make({"users"});
  start();
  failed("users");
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  EXPECT_TRUE(outcome.has_value());
}

TEST_F(FailureTest, AStopEndsTheReadingAndTheSyncFailsInOrder) {
  load();
  launcher->request_stop(transient_error("stopped by SIGTERM"));
  simulation.run();
  EXPECT_TRUE(sync->input_consumed());
  complete_orders();
  end_of_stream("users", 0);
  closed("users");
  EXPECT_EQ(times("teardown"), 0);
  EXPECT_EQ(times("fail_sync"), 1);
}

TEST_F(FailureTest, APipelineBatchThatFailsFailsItsStreamWhenTheOthersOfItHaveLeft) {
  struct Pipeline final : LoadPipeline {
    std::vector<std::unique_ptr<Task>> make_tasks(TaskLauncher&) override { return {}; }
    void submit(StepInput input) override { submitted.push_back(input.records.id().value); }
    std::vector<std::uint64_t> submitted;
  };
  Pipeline* pipeline = nullptr;
  load([&](LauncherParts& parts) {
    auto made = std::make_unique<Pipeline>();
    pipeline = made.get();
    parts.load_pipeline = std::move(made);
  });
  records("users", 1, 0, 10);
  records("users", 2, 10, 20);
  EXPECT_EQ(pipeline->submitted, (std::vector<std::uint64_t>{1, 2}));
  BatchEnvelope first(stream("users"), BatchId(1), Interval{0, 10}, Batch::processed(), BatchRoute::pipeline);
  report(launcher->handle_batch_failure(std::move(first), transient_error("upload failed")));
  EXPECT_EQ(times_starting_with("fail_stream users"), 0);
  batch_is(BatchState::complete, "users", 2, 10, 20, BatchRoute::pipeline);
  EXPECT_EQ(times("fail_stream users close"), 1);
}

}  // namespace
}  // namespace landfall
