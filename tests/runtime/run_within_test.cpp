#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/task_scope.hpp>
#include <landfall/runtime/wait_list.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall {
namespace {

using namespace std::chrono_literals;

constexpr Duration deadline = 60s;
constexpr Duration patience = 5s;

class RunWithin : public ::testing::TestWithParam<int> {
 protected:
  /// Runs `body` to its end, or to where it was left alone.
  void run(awaitable<void> body) {
    simulation.run_coroutine(scope.run_within("call", std::move(body), deadline, patience));
  }

  /// What it throws.
  std::optional<Error> failure_of(awaitable<void> body) {
    try {
      run(std::move(body));
    } catch (...) {
      return Error::from(std::current_exception());
    }
    return std::nullopt;
  }

  static awaitable<void> sleeps(Clock& clock, Duration time) { co_await clock.sleep_for(time); }

  /// Ends only when it is told to.
  awaitable<void> waits_whatever_comes() {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    auto told = [this] { return told_to_end; };
    co_await waiters.wait(mutex, told);
  }
  void tell_to_end() {
    {
      std::lock_guard const lock(mutex);
      told_to_end = true;
      waiters.wake_all();
    }
    simulation.run();
  }

  testing::Simulation simulation{static_cast<std::uint64_t>(GetParam())};
  std::mutex mutex;
  WaitList waiters;
  bool told_to_end = false;
  TaskScope scope{simulation.get_executor(), simulation, 10s};
};
INSTANTIATE_TEST_SUITE_P(Seeds, RunWithin, ::testing::Range(1, 20));

TEST_P(RunWithin, AnAnswerInTimeIsAnAnswer) {
  run(sleeps(simulation, deadline - 1ns));
  EXPECT_EQ(simulation.now(), TimePoint{} + deadline - 1ns);
  EXPECT_TRUE(scope.running().empty());
}

TEST_P(RunWithin, WhatItThrowsIsThrown) {
  auto const failure = failure_of([](Clock& clock) -> awaitable<void> {
    co_await clock.sleep_for(1s);
    throw config_error("no such table");
  }(simulation));
  EXPECT_STREQ(failure.value().what(), "no such table");
  EXPECT_EQ(failure->error_class(), ErrorClass::config);
}

TEST_P(RunWithin, ABodyWithoutAnAnswerIsCancelledAndJoined) {
  auto const failure = failure_of(sleeps(simulation, 1h));
  EXPECT_STREQ(failure.value().what(), "call gave no answer within 60 s");
  EXPECT_EQ(failure->error_class(), ErrorClass::unknown_outcome);
  EXPECT_FALSE(failure->call_still_runs());
  EXPECT_EQ(simulation.now(), TimePoint{} + deadline);
  simulation.run();
  EXPECT_TRUE(scope.running().empty());
}

TEST_P(RunWithin, AnAnswerThatComesLateIsAnAnswer) {
  run([](Clock& clock) -> awaitable<void> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await clock.sleep_for(deadline + patience - 1s);
  }(simulation));
  EXPECT_EQ(simulation.now(), TimePoint{} + deadline + patience - 1s);
}

TEST_P(RunWithin, WhatACancelledBodyThrowsInsteadIsThrown) {
  auto const failure = failure_of([](Clock& clock) -> awaitable<void> {
    try {
      co_await clock.sleep_for(1h);
    } catch (...) {
    }
    throw transient_error("the connection was given back");
  }(simulation));
  EXPECT_STREQ(failure.value().what(), "the connection was given back");
}

TEST_P(RunWithin, ABodyThatIgnoresItsCancellationIsLeftAloneAndNamed) {
  auto const failure = failure_of(waits_whatever_comes());
  EXPECT_STREQ(failure.value().what(), "call still running after 65 s: it does not react to its cancellation");
  EXPECT_TRUE(failure->call_still_runs());
  EXPECT_EQ(simulation.now(), TimePoint{} + deadline + patience);
  EXPECT_EQ(scope.running(), std::vector<std::string>{"call"});
  auto const late = simulation.run_coroutine(scope.kill());
  EXPECT_EQ(late, std::vector<std::string>{"call"});
  EXPECT_EQ(simulation.now(), TimePoint{} + deadline + patience) << "nobody waits for it a second time";
  tell_to_end();
  EXPECT_TRUE(scope.running().empty());
}

TEST_P(RunWithin, ACancelledCallerCancelsTheBodyAndJoinsIt) {
  bool body_ended = false;
  std::exception_ptr seen;
  auto body = [](Clock& clock, bool& ended) -> awaitable<void> {
    struct Ending {
      explicit Ending(bool& e) : ended(e) {}
      ~Ending() { ended = true; }
      bool& ended;
    } const ending(ended);
    co_await clock.sleep_for(1h);
  };
  auto caller = [](TaskScope& s, awaitable<void> called, std::exception_ptr& thrown) -> awaitable<void> {
    try {
      co_await s.run_within("call", std::move(called), deadline, patience);
    } catch (...) {
      thrown = std::current_exception();
    }
  };
  auto const handle =
      scope.launch("caller", TerminalCondition::self_terminating, caller(scope, body(simulation, body_ended), seen));
  simulation.run_for(1s);
  handle.cancel();
  simulation.run_for(0s);
  EXPECT_TRUE(body_ended);
  EXPECT_TRUE(is_cancellation(seen));
  EXPECT_TRUE(scope.running().empty());
  EXPECT_EQ(simulation.now(), TimePoint{} + 1s);
}

TEST_P(RunWithin, ACallerThatWasCancelledBeforehandDoesNotWaitForTheDeadline) {
  auto caller = [](TaskScope& s, Clock& clock) -> awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    try {
      co_await clock.sleep_for(1h);
    } catch (boost::system::system_error const&) {
    }
    try {
      co_await s.run_within("call", sleeps(clock, 1h), deadline, patience);
    } catch (boost::system::system_error const&) {
    }
  };
  auto const handle = scope.launch("caller", TerminalCondition::self_terminating, caller(scope, simulation));
  simulation.run_for(1s);
  handle.cancel();
  simulation.run_for(0s);
  EXPECT_TRUE(scope.running().empty());
}

TEST_P(RunWithin, HurryEndsWhatRunsAndShortensWhatFollows) {
  std::optional<Error> seen;
  auto caller = [](TaskScope& s, Clock& clock, std::optional<Error>& thrown) -> awaitable<void> {
    try {
      co_await s.run_within("call", sleeps(clock, 1h), deadline, patience);
    } catch (Error const& error) {
      thrown = error;
    }
  };
  scope.launch("caller", TerminalCondition::self_terminating, caller(scope, simulation, seen));
  simulation.run_for(1s);
  EXPECT_FALSE(scope.is_hurried());
  scope.hurry(2s);
  EXPECT_TRUE(scope.is_hurried());
  simulation.run_for(0s);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->error_class(), ErrorClass::unknown_outcome);
  EXPECT_EQ(simulation.now(), TimePoint{} + 1s);

  auto const failure = failure_of(sleeps(simulation, 1h));
  EXPECT_STREQ(failure.value().what(), "call gave no answer within 2 s");
  EXPECT_EQ(simulation.now(), TimePoint{} + 3s);
}

TEST_P(RunWithin, HurryDoesNotTakeThePatienceFromWhatIsCancelled) {
  std::optional<Error> seen;
  auto caller = [](TaskScope& s, awaitable<void> body, std::optional<Error>& thrown) -> awaitable<void> {
    try {
      co_await s.run_within("call", std::move(body), deadline, patience);
    } catch (Error const& error) {
      thrown = error;
    }
  };
  scope.launch("caller", TerminalCondition::self_terminating, caller(scope, waits_whatever_comes(), seen));
  simulation.run_for(deadline + 1s);
  scope.hurry(2s);
  simulation.run_for(0s);
  EXPECT_FALSE(seen.has_value());
  tell_to_end();
  EXPECT_FALSE(seen.has_value()) << "it answered within its patience";
  EXPECT_TRUE(scope.running().empty());
}

TEST_P(RunWithin, ABlockingCallIsAwaited) {
  bool called = false;
  auto body = [](bool& was_called) -> awaitable<void> { co_await run_blocking([&was_called] { was_called = true; }); };
  run(body(called));
  EXPECT_TRUE(called);
}

}  // namespace
}  // namespace landfall
