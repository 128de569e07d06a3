#include <landfall/launcher/phase_runner.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <landfall/destination/rejected_records.hpp>
#include <landfall/runtime/wait_list.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall {
namespace {

using namespace std::chrono_literals;

class PhaseRunnerTest : public ::testing::Test {
 protected:
  void TearDown() override { simulation.run_coroutine(scope.kill()); }

  /// What one attempt does.
  using Script = std::vector<std::function<awaitable<int>()>>;

  static std::function<awaitable<int>()> answers(int value) {
    return [value]() -> awaitable<int> { co_return value; };
  }
  template <class Exception>
  static std::function<awaitable<int>()> throws(Exception failure) {
    return [failure]() -> awaitable<int> {
      throw failure;
      co_return 0;
    };
  }
  std::function<awaitable<int>()> hangs() {
    return [this]() -> awaitable<int> {
      co_await simulation.sleep_for(10000h);
      co_return 0;
    };
  }

  /// The attempts of `script`, one after the other; the last one again and again.
  PhaseRunner::Attempt<int> attempt() {
    return [this] {
      auto const index = std::min(calls++, script.size() - 1);
      return script[index]();
    };
  }
  int run(Phase phase) { return simulation.run_coroutine(runner().run<int>(phase, "call", attempt())); }
  std::optional<int> run_probed(ProbeResult result) {
    PhaseRunner::Probe probe = [this, result]() -> awaitable<ProbeResult> {
      ++probes;
      co_return result;
    };
    return simulation.run_coroutine(runner().run_probed<int>("call", attempt(), std::move(probe)));
  }
  Error failure_of(Phase phase) {
    try {
      run(phase);
    } catch (...) {
      return Error::from(std::current_exception());
    }
    return system_error("it answered");
  }
  PhaseRunner& runner() {
    if (!runner_) {
      auto note = [this](RetryNotice const& notice) { notices.push_back(notice); };
      runner_ = std::make_unique<PhaseRunner>(scope, simulation, policies, 30s, 1, note);
    }
    return *runner_;
  }

  testing::Simulation simulation{7};
  TaskScope scope{simulation.get_executor(), simulation, 60s};
  RetryPolicies policies;
  Script script;
  std::size_t calls = 0;
  int probes = 0;
  std::vector<RetryNotice> notices;

 private:
  std::unique_ptr<PhaseRunner> runner_;
};

// W2: setup, start, flush, close and teardown are made again where that helps.
TEST_F(PhaseRunnerTest, W2TransientFailuresAreTriedAgainInEveryPhase) {
  for (Phase const phase : all_phases) {
    SCOPED_TRACE(to_string(phase));
    calls = 0;
    script = {throws(transient_error("away")), throws(transient_error("away")), answers(7)};
    EXPECT_EQ(run(phase), 7);
    EXPECT_EQ(calls, 3U);
  }
}

TEST_F(PhaseRunnerTest, TheLastFailureIsThrownWithTheNumberOfAttempts) {
  policies[Phase::setup].attempts = 4;
  script = {throws(transient_error("away"))};
  Error const failure = failure_of(Phase::setup);
  EXPECT_STREQ(failure.what(), "after 4 attempts: away");
  EXPECT_EQ(calls, 4U);
  ASSERT_EQ(notices.size(), 3U);
  EXPECT_EQ(notices[2].call, "call");
  EXPECT_EQ(notices[2].attempts_made, 3U);
  EXPECT_STREQ(notices[2].failure.what(), "away");
  EXPECT_LE(notices[2].delay, 1s);
}

TEST_F(PhaseRunnerTest, ConfigErrorsAreNotTriedAgain) {
  script = {throws(config_error("no such table")), answers(1)};
  EXPECT_STREQ(failure_of(Phase::open).what(), "no such table");
  EXPECT_EQ(calls, 1U);
}

TEST_F(PhaseRunnerTest, RetryAfterIsHonoured) {
  Error throttled = transient_error("slow down");
  throttled.set_retry_after(75s);
  script = {throws(throttled), answers(1)};
  EXPECT_EQ(run(Phase::process), 1);
  EXPECT_EQ(simulation.now().time_since_epoch(), 75s);
}

TEST_F(PhaseRunnerTest, NothingIsTriedBeyondTheTotalDeadline) {
  policies[Phase::open] = RetryPolicy(1000, 1, 60s, 100s);
  script = {throws(transient_error("away"))};
  failure_of(Phase::open);
  EXPECT_LT(calls, 100U);
  EXPECT_LE(simulation.now().time_since_epoch(), 100s);
  EXPECT_GT(simulation.now().time_since_epoch(), 60s);
}

// W5: no wait without an end.
TEST_F(PhaseRunnerTest, W5ACallWithoutAnAnswerEndsAtItsDeadline) {
  policies[Phase::close].attempt_deadline = 5min;
  script = {hangs()};
  Error const failure = failure_of(Phase::close);
  EXPECT_STREQ(failure.what(), "call gave no answer within 300 s");
  EXPECT_EQ(failure.error_class(), ErrorClass::unknown_outcome);
  EXPECT_EQ(calls, 1U) << "it may have been applied: a close is not repeated";
  EXPECT_EQ(simulation.now().time_since_epoch(), 5min);
}

TEST_F(PhaseRunnerTest, AnUnknownOutcomeIsProbedAndRepeatedOnlyIfItWasNotApplied) {
  script = {throws(unknown_outcome_error("connection lost")), answers(3)};
  EXPECT_EQ(run_probed(ProbeResult::not_applied), 3);
  EXPECT_EQ(calls, 2U);
  EXPECT_EQ(probes, 1);
}

TEST_F(PhaseRunnerTest, WhatWasAppliedIsNotRepeated) {
  script = {hangs(), answers(3)};
  EXPECT_EQ(run_probed(ProbeResult::applied), std::nullopt);
  EXPECT_EQ(calls, 1U);
}

TEST_F(PhaseRunnerTest, WhatNobodyKnowsFails) {
  script = {throws(unknown_outcome_error("connection lost")), answers(3)};
  EXPECT_THROW(run_probed(ProbeResult::unknown), Error);
  EXPECT_EQ(calls, 1U);
}

TEST_F(PhaseRunnerTest, AnExceptionOfAnyKindMayHaveBeenAppliedToo) {
  script = {throws(std::runtime_error("?")), answers(3)};
  EXPECT_EQ(run_probed(ProbeResult::not_applied), 3);
  EXPECT_EQ(probes, 1);
}

// A lost connection is no word about what was done before it was lost.
TEST_F(PhaseRunnerTest, OnlyAnErrorIsBelievedThatNothingWasApplied) {
  boost::system::system_error const lost(boost::asio::error::connection_reset);
  script = {throws(lost), answers(3)};
  EXPECT_EQ(run_probed(ProbeResult::applied), std::nullopt);
  EXPECT_EQ(probes, 1);
  for (Phase const phase : {Phase::close, Phase::teardown}) {
    calls = 0;
    failure_of(phase);
    EXPECT_EQ(calls, 1U);
  }
  calls = 0;
  EXPECT_EQ(run(Phase::open), 3) << "an open may be repeated";
}

TEST_F(PhaseRunnerTest, HurryEndsTheWaitForTheNextAttempt) {
  Error throttled = transient_error("slow down");
  throttled.set_retry_after(600s);
  script = {throws(throttled), answers(1)};
  auto hurry = [](testing::Simulation& s, TaskScope& called) -> awaitable<void> {
    co_await s.sleep_for(5s);
    called.hurry(2s);
  };
  scope.launch("hurry", TerminalCondition::self_terminating, hurry(simulation, scope));
  EXPECT_STREQ(failure_of(Phase::open).what(), "slow down");
  EXPECT_EQ(calls, 1U);
  EXPECT_EQ(simulation.now().time_since_epoch(), 5s);
}

TEST_F(PhaseRunnerTest, WhatIsNotWantedAnyMoreIsNotTriedAgain) {
  script = {throws(transient_error("away")), answers(1)};
  PhaseRunner::Probe probe = []() -> awaitable<ProbeResult> { co_return ProbeResult::unknown; };
  PhaseRunner::StillWanted wanted = []() -> awaitable<bool> { co_return false; };
  EXPECT_THROW(
      simulation.run_coroutine(runner().run_probed<int>("call", attempt(), std::move(probe), std::move(wanted))),
      Error);
  EXPECT_EQ(calls, 1U);
}

TEST_F(PhaseRunnerTest, AProbeThatIgnoresItsCancellationIsACallThatStillRuns) {
  script = {throws(std::runtime_error("?"))};
  WaitList waiters;
  std::mutex mutex;
  bool told = false;
  auto stuck = [&]() -> awaitable<ProbeResult> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    auto was_told = [&] { return told; };
    co_await waiters.wait(mutex, was_told);
    co_return ProbeResult::unknown;
  };
  PhaseRunner::Probe probe = stuck;
  try {
    simulation.run_coroutine(runner().run_probed<int>("call", attempt(), std::move(probe)));
    FAIL();
  } catch (Error const& error) {
    EXPECT_TRUE(error.call_still_runs());
    EXPECT_STREQ(error.what(), "?");
  }
  std::unique_lock lock(mutex);
  told = true;
  waiters.wake_all();
  lock.unlock();
  simulation.run();
}

TEST_F(PhaseRunnerTest, WhatNeverWorksIsNotProbedForEver) {
  policies[Phase::process].attempts = 3;
  script = {throws(unknown_outcome_error("connection lost"))};
  EXPECT_THROW(run_probed(ProbeResult::not_applied), Error);
  EXPECT_EQ(calls, 3U);
}

TEST_F(PhaseRunnerTest, AProbeThatFailsIsAttachedToTheCause) {
  script = {throws(unknown_outcome_error("connection lost"))};
  PhaseRunner::Probe probe = []() -> awaitable<ProbeResult> {
    throw config_error("no right to look");
    co_return ProbeResult::unknown;
  };
  try {
    simulation.run_coroutine(runner().run_probed<int>("call", attempt(), std::move(probe)));
    FAIL();
  } catch (Error const& error) {
    EXPECT_STREQ(error.what(), "connection lost");
    ASSERT_EQ(error.attached().size(), 1U);
    EXPECT_STREQ(error.attached()[0].what(), "no right to look");
  }
}

TEST_F(PhaseRunnerTest, RejectedRecordsKeepTheirType) {
  script = {throws(RejectedRecords("bad", {RejectedRecord(4, "too long")}))};
  try {
    run_probed(ProbeResult::unknown);
    FAIL();
  } catch (RejectedRecords const& refused) {
    ASSERT_EQ(refused.records.size(), 1U);
    EXPECT_EQ(refused.records[0].number, 4U);
  }
  EXPECT_EQ(probes, 0);
}

TEST_F(PhaseRunnerTest, InAHurryNothingIsTriedAgain) {
  script = {throws(transient_error("away")), answers(1)};
  scope.hurry(10s);
  EXPECT_STREQ(failure_of(Phase::teardown).what(), "away");
  EXPECT_EQ(calls, 1U);
}

TEST_F(PhaseRunnerTest, TheWaitsDependOnTheSeedAlone) {
  auto const delays_of = [this](std::uint64_t seed) {
    std::vector<Duration> delays;
    auto note = [&delays](RetryNotice const& notice) { delays.push_back(notice.delay); };
    PhaseRunner seeded(scope, simulation, policies, 30s, seed, note);
    script = {throws(transient_error("away"))};
    EXPECT_THROW(simulation.run_coroutine(seeded.run<int>(Phase::open, "call", attempt())), Error);
    return delays;
  };
  auto const first = delays_of(5);
  EXPECT_EQ(first, delays_of(5));
  EXPECT_NE(first, delays_of(6));
}

/// Writes down what it is told, and lets a call wait for its turn.
class NotingWatch final : public AttemptWatch {
 public:
  explicit NotingWatch(Clock& clock) : clock_(clock) {}
  awaitable<void> attempt_ended(TimePoint started_at, TimePoint ended_at, std::optional<Error> failure,
                                bool timed_out) override {
    auto const from = std::chrono::duration_cast<std::chrono::seconds>(started_at.time_since_epoch()).count();
    auto const to = std::chrono::duration_cast<std::chrono::seconds>(ended_at.time_since_epoch()).count();
    notes.push_back(fmt::format("{} to {} s: {}{}", from, to, failure ? failure->message() : std::string("answered"),
                                timed_out ? ", timed out" : ""));
    co_return;
  }
  awaitable<void> wait_begins(Duration delay) override {
    notes.push_back(fmt::format("waits {} s", std::chrono::duration_cast<std::chrono::seconds>(delay).count()));
    co_return;
  }
  awaitable<void> wait_ended() override {
    notes.emplace_back("waited");
    co_await clock_.sleep_for(turn_takes);
  }

  std::vector<std::string> notes;
  Duration turn_takes{};

 private:
  Clock& clock_;
};

class WatchedCallTest : public PhaseRunnerTest {
 protected:
  std::optional<int> run_watched() {
    PhaseRunner::Probe probe = []() -> awaitable<ProbeResult> { co_return ProbeResult::not_applied; };
    return simulation.run_coroutine(runner().run_probed<int>("call", attempt(), std::move(probe), nullptr, &watch));
  }
  static Error throttled(std::chrono::milliseconds wait) {
    Error error = transient_error("slow down");
    error.set_retry_after(wait);
    return error;
  }
  NotingWatch watch{simulation};
};

TEST_F(WatchedCallTest, EachAttemptAndEachWaitIsTold) {
  policies[Phase::process].attempt_deadline = 10s;
  policies[Phase::process].first_delay = 0s;
  script = {throws(throttled(60s)), hangs(), answers(7)};
  EXPECT_EQ(run_watched(), 7);
  ASSERT_EQ(watch.notes.size(), 7U);
  EXPECT_EQ(watch.notes[0], "0 to 0 s: slow down");
  EXPECT_EQ(watch.notes[1], "waits 60 s");
  EXPECT_EQ(watch.notes[2], "waited");
  EXPECT_EQ(watch.notes[3].rfind("60 to 70 s: ", 0), 0U) << watch.notes[3];
  EXPECT_TRUE(watch.notes[3].ends_with(", timed out")) << watch.notes[3];
  EXPECT_EQ(watch.notes[6], "70 to 70 s: answered");
}

TEST_F(WatchedCallTest, AnUnknownOutcomeBeforeTheDeadlineIsNoTimeOut) {
  script = {throws(unknown_outcome_error("connection lost")), answers(7)};
  EXPECT_EQ(run_watched(), 7);
  EXPECT_EQ(watch.notes.at(0), "0 to 0 s: connection lost");
}

TEST_F(WatchedCallTest, ATurnThatComesTooLateLeavesTheFailureAsItWas) {
  policies[Phase::process] = RetryPolicy(5, 1, 60s, 120s);
  script = {throws(throttled(30s)), answers(7)};
  watch.turn_takes = 100s;
  EXPECT_THROW(run_watched(), Error);
  EXPECT_EQ(calls, 1U) << "no time was left for an answer";
}

TEST_F(WatchedCallTest, InAHurryNoTurnIsWaitedFor) {
  script = {throws(throttled(30s)), answers(7)};
  scope.launch("hurry", TerminalCondition::self_terminating, [](Clock& clock, TaskScope& in) -> awaitable<void> {
    co_await clock.sleep_for(5s);
    in.hurry(10s);
  }(simulation, scope));
  EXPECT_THROW(run_watched(), Error);
  EXPECT_EQ(watch.notes.back(), "waits 30 s");
  EXPECT_EQ(simulation.now().time_since_epoch(), 5s);
}

}  // namespace
}  // namespace landfall
