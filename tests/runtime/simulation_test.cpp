#include <landfall/testing/simulation.hpp>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <landfall/runtime/wait_list.hpp>
#include "runtime/spawned.hpp"

namespace landfall::testing {
namespace {

using namespace std::chrono_literals;

awaitable<void> note_times(Simulation& simulation, std::string name, Duration pause, std::string& trace) {
  for (int i = 0; i < 3; ++i) {
    co_await simulation.sleep_for(pause);
    trace += name + std::to_string((simulation.now() - TimePoint{}) / 1ms) + " ";
    co_await asio::post(asio::use_awaitable);
    trace += name;
  }
}

std::string trace_of(std::uint64_t seed) {
  Simulation simulation(seed);
  std::string trace;
  Spawned const a(simulation.get_executor(), note_times(simulation, "a", 2ms, trace));
  Spawned const b(simulation.get_executor(), note_times(simulation, "b", 2ms, trace));
  Spawned const c(simulation.get_executor(), note_times(simulation, "c", 3ms, trace));
  EXPECT_EQ(simulation.run(), 0u);
  EXPECT_TRUE(a.succeeded() && b.succeeded() && c.succeeded());
  EXPECT_EQ(simulation.now(), TimePoint{} + 9ms);
  return trace;
}

awaitable<void> sleep(Simulation& simulation, Duration time) { co_await simulation.sleep_for(time); }

awaitable<int> answer() {
  co_await asio::post(asio::use_awaitable);
  co_return 42;
}

awaitable<int> fail() {
  co_await asio::post(asio::use_awaitable);
  throw std::logic_error("wrong");
}

class Nobody {
 public:
  awaitable<void> wait() {
    auto never = [] { return false; };
    co_await list_.wait(mutex_, never);
  }

 private:
  std::mutex mutex_;
  WaitList list_;
};

awaitable<void> sleep_for_ever(Simulation& simulation) {
  for (;;) co_await simulation.sleep_for(1s);
}

TEST(Simulation, TheSameSeedGivesTheSameOrder) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) EXPECT_EQ(trace_of(seed), trace_of(seed));
}

TEST(Simulation, OtherSeedsGiveOtherOrders) {
  std::set<std::string> traces;
  for (std::uint64_t seed = 0; seed < 50; ++seed) traces.insert(trace_of(seed));
  EXPECT_GT(traces.size(), 10u);
}

TEST(Simulation, TimeJumpsToTheNextSleeper) {
  Simulation simulation;
  simulation.run_coroutine(sleep(simulation, 24h));
  EXPECT_EQ(simulation.now(), TimePoint{} + 24h);
  EXPECT_LT(simulation.events(), 20u);
}

TEST(Simulation, TimeOfDayFollowsTheVirtualTime) {
  Simulation simulation;
  auto const begin = simulation.wall_now();
  EXPECT_EQ(begin, std::chrono::sys_days(std::chrono::year(2024) / 1 / 1));
  simulation.run_coroutine(sleep(simulation, 90s));
  EXPECT_EQ(simulation.wall_now(), begin + 90s);
}

TEST(Simulation, SleepingUntilThePastDoesNotMoveTheTime) {
  Simulation simulation;
  simulation.run_for(1h);
  simulation.run_coroutine(simulation.sleep_until(TimePoint{}));
  EXPECT_EQ(simulation.now(), TimePoint{} + 1h);
}

TEST(Simulation, ASleeperThatIsCancelledWakesAtOnce) {
  Simulation simulation;
  Spawned const sleeper(simulation.get_executor(), sleep(simulation, 24h));
  simulation.run_for(1s);
  sleeper.cancel();
  EXPECT_EQ(simulation.run(), 0u);
  EXPECT_TRUE(sleeper.was_cancelled());
  EXPECT_EQ(simulation.now(), TimePoint{} + 1s);
}

TEST(Simulation, OperatorsOfAwaitablesWorkOnIt) {
  using namespace asio::experimental::awaitable_operators;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Simulation simulation(seed);
    auto const first = simulation.run_coroutine(simulation.sleep_for(2s) || simulation.sleep_for(1s));
    EXPECT_EQ(first.index(), 1u);
    EXPECT_EQ(simulation.now(), TimePoint{} + 1s);
    EXPECT_EQ(simulation.run(), 0u);
    EXPECT_EQ(simulation.now(), TimePoint{} + 1s);
  }
}

TEST(Simulation, RunCoroutineReturnsTheResult) {
  Simulation simulation;
  EXPECT_EQ(simulation.run_coroutine(answer()), 42);
}

TEST(Simulation, RunCoroutineRethrows) {
  Simulation simulation;
  EXPECT_THROW(simulation.run_coroutine(fail()), std::logic_error);
}

TEST(Simulation, RunCoroutineLeavesOtherWorkWhereItIs) {
  Simulation simulation;
  Spawned const endless(simulation.get_executor(), sleep_for_ever(simulation));
  EXPECT_EQ(simulation.run_coroutine(answer()), 42);
  EXPECT_FALSE(endless.ended());
}

TEST(Simulation, ADeadlockIsSeen) {
  Simulation simulation;
  Nobody nobody;
  Spawned const stuck(simulation.get_executor(), nobody.wait());
  EXPECT_GT(simulation.run(), 0u);
  EXPECT_FALSE(stuck.ended());
  try {
    simulation.run_coroutine(nobody.wait());
    ADD_FAILURE() << "a deadlock was taken for an end";
  } catch (std::runtime_error const& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("deadlock: ")) << error.what();
  }
}

TEST(Simulation, ADeadlockBesideAnEndlessTaskIsSeenAtTheLimit) {
  Simulation simulation;
  Nobody nobody;
  Spawned const endless(simulation.get_executor(), sleep_for_ever(simulation));
  EXPECT_THROW(simulation.run_coroutine(nobody.wait(), 1h), std::runtime_error);
  EXPECT_LE(simulation.now(), TimePoint{} + 1h);
}

TEST(Simulation, RunUntilStopsAtTheLimit) {
  Simulation simulation;
  Spawned const sleeper(simulation.get_executor(), sleep(simulation, 10s));
  EXPECT_GT(simulation.run_until(TimePoint{} + 4s), 0u);
  EXPECT_EQ(simulation.now(), TimePoint{} + 4s);
  EXPECT_FALSE(sleeper.ended());
  EXPECT_EQ(simulation.run_for(6s), 0u);
  EXPECT_TRUE(sleeper.succeeded());
}

TEST(Simulation, WhatIsParkedDiesWithIt) {
  auto const alive = std::make_shared<int>();
  auto const hold = [](Simulation& simulation, std::shared_ptr<int>) -> awaitable<void> {
    co_await simulation.sleep_for(1h);
  };
  {
    Simulation simulation;
    Spawned const sleeper(simulation.get_executor(), hold(simulation, alive));
    simulation.run_for(1s);
    EXPECT_GT(alive.use_count(), 1);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace landfall::testing
