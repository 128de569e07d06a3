#include <landfall/runtime/task_scope.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <landfall/runtime/error.hpp>
#include <landfall/testing/simulation.hpp>
#include "runtime/spawned.hpp"

namespace landfall {
namespace {

using namespace std::chrono_literals;
using enum TerminalCondition;
using Names = std::vector<std::string>;

awaitable<void> sleep(Clock& clock, Duration time) { co_await clock.sleep_for(time); }

awaitable<void> loop(Clock& clock) {
  for (;;) co_await clock.sleep_for(1s);
}

/// Cannot be cancelled: each wait is ended by a cancellation, the body goes on.
awaitable<void> hang(Clock& clock, Duration time) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto const end = clock.now() + time;
  while (clock.now() < end) {
    try {
      co_await clock.sleep_until(end);
    } catch (boost::system::system_error const&) {
    }
  }
}

awaitable<void> leave_by_exception(Clock& clock) {
  co_await clock.sleep_for(1s);
  throw config_error("no such table");
}

awaitable<void> end_scope(TaskScope& scope, bool good) {
  if (good) {
    co_await scope.close();
  } else {
    auto const late = co_await scope.kill();
    EXPECT_TRUE(late.empty());
  }
  EXPECT_TRUE(scope.running().empty());
  co_await asio::post(asio::use_awaitable);  // here the cancellation shows
  ADD_FAILURE() << "the cancellation was lost";
}

class TaskScopeTest : public ::testing::Test {
 protected:
  ~TaskScopeTest() override {  // a test that failed ends as well
    for (auto const& handle : handles) handle.cancel();
    simulation.run_for(200s);
  }

  TaskHandle launch(std::string name, TerminalCondition condition, awaitable<void> body) {
    handles.push_back(scope.launch(std::move(name), condition, std::move(body)));
    return handles.back();
  }
  void close() { simulation.run_coroutine(scope.close()); }
  Names kill() { return simulation.run_coroutine(scope.kill()); }
  Duration elapsed() const { return simulation.now() - TimePoint{}; }

  testing::Simulation simulation{7};
  TaskScope scope{simulation.get_executor(), simulation, 10s};
  std::vector<TaskHandle> handles;
};

TEST_F(TaskScopeTest, AnEmptyScopeClosesAtOnce) {
  close();
  EXPECT_EQ(kill(), Names());
  EXPECT_EQ(elapsed(), 0s);
}

TEST_F(TaskScopeTest, CloseWaitsForASelfTerminatingTask) {
  launch("sleeper", self_terminating, sleep(simulation, 3s));
  close();
  EXPECT_EQ(elapsed(), 3s);
  EXPECT_TRUE(scope.running().empty());
}

TEST_F(TaskScopeTest, CloseNamesTheTasksThatAreLate) {
  launch("in time", self_terminating, sleep(simulation, 3s));
  launch("first", self_terminating, sleep(simulation, 20s));
  launch("second", self_terminating, sleep(simulation, 20s));
  try {
    close();
    ADD_FAILURE() << "late tasks were not noticed";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::system);
    EXPECT_STREQ(error.what(), "tasks have not ended in time: first, second");
  }
  EXPECT_EQ(elapsed(), 10s);
  simulation.run();
}

TEST_F(TaskScopeTest, CloseCancelsOnEndOfSync) {
  launch("heartbeat", on_end_of_sync, loop(simulation));
  simulation.run_for(5s);
  close();
  EXPECT_EQ(elapsed(), 5s);
}

TEST_F(TaskScopeTest, CloseDoesNotCancelOnSyncFailure) {
  auto const reader = launch("reader", on_sync_failure, loop(simulation));
  EXPECT_THROW(close(), Error);
  EXPECT_EQ(elapsed(), 10s);
  EXPECT_EQ(scope.running(), Names{"reader"});
  reader.cancel();
}

TEST_F(TaskScopeTest, CloseWaitsForAReaderThatEndsByItself) {
  launch("reader", on_sync_failure, sleep(simulation, 4s));
  close();
  EXPECT_EQ(elapsed(), 4s);
}

TEST_F(TaskScopeTest, KillCancelsOnSyncFailureAndOnEndOfSync) {
  launch("reader", on_sync_failure, loop(simulation));
  launch("heartbeat", on_end_of_sync, loop(simulation));
  EXPECT_EQ(kill(), Names());
  EXPECT_EQ(elapsed(), 0s);
}

TEST_F(TaskScopeTest, KillLetsASelfTerminatingTaskEnd) {
  launch("close", self_terminating, sleep(simulation, 9s));
  EXPECT_EQ(kill(), Names());
  EXPECT_EQ(elapsed(), 9s);
}

TEST_F(TaskScopeTest, KillCancelsASelfTerminatingTaskAtTheDeadline) {
  launch("slow", self_terminating, loop(simulation));
  EXPECT_EQ(kill(), Names());
  EXPECT_EQ(elapsed(), 10s);
}

TEST_F(TaskScopeTest, KillNamesWhatHangsAndDoesNotThrow) {
  launch("hung", self_terminating, hang(simulation, 100s));
  launch("slow", self_terminating, loop(simulation));
  launch("hung reader", on_sync_failure, hang(simulation, 100s));
  EXPECT_EQ(kill(), (Names{"hung", "hung reader"}));
  EXPECT_EQ(elapsed(), 20s);
  simulation.run();
  EXPECT_TRUE(scope.running().empty());
}

TEST_F(TaskScopeTest, NoTimerIsLeftBehind) {
  launch("sleeper", self_terminating, sleep(simulation, 3s));
  close();
  EXPECT_EQ(simulation.run(), 0u);
  EXPECT_EQ(elapsed(), 3s);
}

TEST_F(TaskScopeTest, NamesTheRunningTasksInTheOrderOfTheirStart) {
  launch("b", self_terminating, sleep(simulation, 1s));
  launch("a", self_terminating, sleep(simulation, 3s));
  launch("c", self_terminating, sleep(simulation, 2s));
  EXPECT_EQ(scope.running(), (Names{"b", "a", "c"}));
  simulation.run_for(1s);
  EXPECT_EQ(scope.running(), (Names{"a", "c"}));
}

TEST_F(TaskScopeTest, AHandleCancelsItsTaskAlone) {
  auto const one = launch("one", self_terminating, loop(simulation));
  launch("other", self_terminating, sleep(simulation, 5s));
  one.cancel();
  simulation.run_for(0s);
  EXPECT_EQ(scope.running(), Names{"other"});
}

TEST_F(TaskScopeTest, AHandleOfAnEndedTaskDoesNothing) {
  TaskHandle const none;
  none.cancel();
  auto const ended = launch("short", self_terminating, sleep(simulation, 1s));
  close();
  ended.cancel();
  ended.cancel();
  EXPECT_EQ(simulation.run(), 0u);
}

TEST(TaskHandle, MayOutliveItsScope) {
  testing::Simulation simulation;
  TaskHandle handle;
  {
    TaskScope scope(simulation.get_executor(), simulation, 1s);
    handle = scope.launch("short", self_terminating, sleep(simulation, 1ms));
    simulation.run_coroutine(scope.close());
  }
  handle.cancel();
  EXPECT_EQ(simulation.run(), 0u);
}

TEST_F(TaskScopeTest, ATaskMayStartAnother) {
  auto const parent = [](TaskScope& in, Clock& clock) -> awaitable<void> {
    co_await clock.sleep_for(1s);
    in.launch("child", self_terminating, sleep(clock, 2s));
  };
  launch("parent", self_terminating, parent(scope, simulation));
  close();
  EXPECT_EQ(elapsed(), 3s);
}

TEST_F(TaskScopeTest, WhatIsStartedAfterItsKindWasCancelledIsCancelledToo) {
  auto const parent = [](TaskScope& in, Clock& clock) -> awaitable<void> {
    co_await clock.sleep_for(1s);
    in.launch("child", on_end_of_sync, loop(clock));
  };
  launch("parent", self_terminating, parent(scope, simulation));
  close();
  EXPECT_EQ(elapsed(), 1s);
}

TEST_F(TaskScopeTest, TheBodyIsGoneBeforeItsTaskIsReportedAsEnded) {
  auto const owned = std::make_shared<int>();
  auto const body = [](Clock& clock, std::shared_ptr<int>) -> awaitable<void> { co_await clock.sleep_for(1s); };
  launch("owner", self_terminating, body(simulation, owned));
  close();
  EXPECT_EQ(owned.use_count(), 1);
}

TEST_F(TaskScopeTest, ABodyThatEndsAtOnceIsATaskToo) {
  auto const nothing = []() -> awaitable<void> { co_return; };
  launch("nothing", self_terminating, nothing()).cancel();
  close();
  EXPECT_EQ(elapsed(), 0s);
}

TEST_F(TaskScopeTest, ATaskMayUnwindThroughOperators) {
  using namespace asio::experimental::awaitable_operators;
  auto const body = [](Clock& clock) -> awaitable<void> {
    for (;;) co_await (clock.sleep_for(1s) || clock.sleep_for(2s));
  };
  launch("both", on_end_of_sync, body(simulation));
  simulation.run_for(3s);
  close();
  EXPECT_EQ(elapsed(), 3s);
}

TEST_F(TaskScopeTest, TwoMayWaitForTheSameTasks) {
  launch("sleeper", self_terminating, sleep(simulation, 3s));
  Spawned const closing(simulation.get_executor(), scope.close());
  EXPECT_EQ(kill(), Names());
  simulation.run();
  EXPECT_TRUE(closing.succeeded());
}

TEST_F(TaskScopeTest, CloseAndKillJoinAlsoWhenTheirCallerIsCancelled) {
  for (bool const good : {true, false}) {
    launch("sleeper", self_terminating, sleep(simulation, 5s));
    Spawned const caller(simulation.get_executor(), end_scope(scope, good));
    simulation.run_for(1s);
    caller.cancel();
    simulation.run_for(1s);
    EXPECT_FALSE(caller.ended());
    simulation.run();
    EXPECT_TRUE(caller.was_cancelled());
  }
}

TEST(TaskScope, WithoutAGracefulTimeoutNobodyIsWaitedFor) {
  testing::Simulation simulation;
  TaskScope scope(simulation.get_executor(), simulation, 0s);
  scope.launch("late", self_terminating, sleep(simulation, 1s));
  EXPECT_THROW(simulation.run_coroutine(scope.close()), Error);
  EXPECT_EQ(simulation.now(), TimePoint{});
  simulation.run();
}

TEST(TaskScope, AnEndlessGracefulTimeoutIsFine) {
  testing::Simulation simulation;
  TaskScope scope(simulation.get_executor(), simulation, Duration::max());
  simulation.run_for(1h);
  scope.launch("long", self_terminating, sleep(simulation, 24h));
  simulation.run_coroutine(scope.close());
  EXPECT_EQ(simulation.now(), TimePoint{} + 25h);
}

// A cancellation after each event, in many orders: it never overtakes a start, and all are joined.
TEST(TaskScope, EndsWellWhereverItIsCancelled) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t point = 0; point < 40; ++point) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", cancelled after event " << point);
      testing::Simulation simulation(seed);
      TaskScope scope(simulation.get_executor(), simulation, 10s);
      auto const worker = scope.launch("worker", self_terminating, loop(simulation));
      scope.launch("reader", on_sync_failure, loop(simulation));
      scope.launch("heartbeat", on_end_of_sync, loop(simulation));
      while (simulation.events() < point && simulation.run_one()) continue;
      worker.cancel();
      EXPECT_EQ(simulation.run_coroutine(scope.kill()), Names());
      EXPECT_EQ(simulation.run(), 0u);
    }
  }
}

TEST(TaskScopeDeathTest, AnExceptionThatLeavesABodyEndsTheProcess) {
  EXPECT_DEATH(
      {
        testing::Simulation simulation;
        TaskScope scope(simulation.get_executor(), simulation, 1s);
        scope.launch("open users", self_terminating, leave_by_exception(simulation));
        simulation.run();
      },
      "task 'open users' was left by an exception: no such table");
}

TEST(TaskScopeDeathTest, AnAbortedOperationOfATaskThatNobodyCancelledIsAnExceptionToo) {
  EXPECT_DEATH(
      {
        auto const abort_itself = []() -> awaitable<void> {
          co_await asio::post(asio::use_awaitable);
          throw boost::system::system_error(asio::error::operation_aborted);
        };
        testing::Simulation simulation;
        TaskScope scope(simulation.get_executor(), simulation, 1s);
        scope.launch("itself", self_terminating, abort_itself());
        simulation.run();
      },
      "task 'itself' was left by an exception");
}

TEST(TaskScopeDeathTest, AScopeWithRunningTasksMustNotBeDestroyed) {
  EXPECT_DEATH(
      {
        testing::Simulation simulation;
        TaskScope scope(simulation.get_executor(), simulation, 1s);
        scope.launch("sleeper", self_terminating, sleep(simulation, 1s));
      },
      "tasks.empty");
}

}  // namespace
}  // namespace landfall
