#include <landfall/runtime/blocking.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/thread_pool.hpp>

#include <landfall/testing/simulation.hpp>
#include "runtime/spawned.hpp"

namespace landfall {
namespace {

TEST(RunBlocking, ReturnsTheResultInSimulation) {
  testing::Simulation simulation;
  auto const make = [] { return std::make_unique<int>(7); };
  EXPECT_EQ(*simulation.run_coroutine(run_blocking(make)), 7);
}

TEST(RunBlocking, RethrowsToTheCaller) {
  testing::Simulation simulation;
  auto const fail = [] { throw std::logic_error("wrong"); };
  EXPECT_THROW(simulation.run_coroutine(run_blocking(fail)), std::logic_error);
}

TEST(RunBlocking, RunsOnTheThreadOfTheSimulation) {
  testing::Simulation simulation;
  auto const thread = [] { return std::this_thread::get_id(); };
  EXPECT_EQ(simulation.run_coroutine(run_blocking(thread)), std::this_thread::get_id());
}

TEST(RunBlocking, IsDrawnAmongTheOtherWorkOfTheSimulation) {
  auto const trace_of = [](std::uint64_t seed) {
    auto const note = [](std::vector<int>& trace, int id) -> awaitable<void> {
      auto call = [&] { trace.push_back(id); };
      co_await run_blocking(call);
    };
    testing::Simulation simulation(seed);
    std::vector<int> trace;
    for (int id = 0; id < 4; ++id) Spawned(simulation.get_executor(), note(trace, id));
    EXPECT_EQ(simulation.run(), 0u);
    return trace;
  };
  std::set<std::vector<int>> traces;
  for (std::uint64_t seed = 0; seed < 20; ++seed) traces.insert(trace_of(seed));
  EXPECT_GT(traces.size(), 5u);
  EXPECT_EQ(trace_of(3), trace_of(3));
}

awaitable<void> call_twice(int& calls, bool& resumed) {
  auto call = [&] { ++calls; };
  co_await run_blocking(call);
  resumed = true;
  co_await run_blocking(call);
}

TEST(RunBlocking, ACallThatWasBegunIsAwaitedAlsoWhenCancelled) {
  for (std::uint64_t point = 0; point < 12; ++point) {
    SCOPED_TRACE(::testing::Message() << "cancelled after event " << point);
    testing::Simulation simulation;
    int calls = 0;
    bool resumed = false;
    Spawned const caller(simulation.get_executor(), call_twice(calls, resumed));
    while (simulation.events() < point && simulation.run_one()) continue;
    caller.cancel();
    EXPECT_EQ(simulation.run(), 0u);
    EXPECT_TRUE(caller.succeeded() ? calls == 2 : caller.was_cancelled() && calls == (resumed ? 1 : 0));
  }
}

// ---- with real threads ----

struct Threads {
  std::thread::id before;
  std::thread::id there;
  bool back_on_pool = false;
};

awaitable<void> look_where(asio::thread_pool& pool, Threads& threads) {
  auto call = [&] { threads.there = std::this_thread::get_id(); };
  co_await run_blocking(call);
  threads.back_on_pool = pool.get_executor().running_in_this_thread();
}

TEST(BlockingPool, RunsTheCallElsewhereAndResumesTheCallerOnItsPool) {
  asio::thread_pool pool(1);
  Threads threads;
  Spawned const caller(pool.get_executor(), look_where(pool, threads));
  pool.join();
  EXPECT_TRUE(caller.succeeded());
  EXPECT_TRUE(threads.back_on_pool);
  EXPECT_NE(threads.there, std::thread::id());
  EXPECT_NE(threads.there, std::this_thread::get_id());
}

awaitable<void> meet(std::latch& all_here) {
  auto call = [&] { all_here.arrive_and_wait(); };
  co_await run_blocking(call);
}

TEST(BlockingPool, CallsRunAtTheSameTimeAndDoNotHoldThePool) {
  asio::thread_pool pool(1);
  std::latch all_here(16);  // as many as there are threads
  std::vector<Spawned> callers;
  for (int i = 0; i < 16; ++i) callers.emplace_back(pool.get_executor(), meet(all_here));
  pool.join();
  for (auto const& caller : callers) EXPECT_TRUE(caller.succeeded());
}

awaitable<void> add_one(std::atomic<int>& sum) {
  auto call = [&] { ++sum; };
  for (int i = 0; i < 20; ++i) co_await run_blocking(call);
}

// ---- a call that can be interrupted ----

/// A call that runs until it is interrupted, and what is seen of it.
struct Interruptible {
  std::latch begun{1};
  std::latch interrupted{1};
  std::atomic<int> interruptions = 0;
  std::atomic<bool> on_strand = false;
};

awaitable<void> run_until_interrupted(asio::thread_pool& pool, Interruptible& call) {
  auto run = [&call] {
    call.begun.count_down();
    call.interrupted.wait();
  };
  std::function<void()> interrupt = [&] {
    call.on_strand = pool.get_executor().running_in_this_thread();
    if (++call.interruptions == 1) call.interrupted.count_down();
  };
  co_await run_blocking(std::move(run), std::move(interrupt));
}

TEST(RunBlocking, ACancellationInterruptsTheCallOnTheCallersExecutor) {
  asio::thread_pool pool(2);
  Interruptible call;
  Spawned const caller(pool.get_executor(), run_until_interrupted(pool, call));
  call.begun.wait();
  EXPECT_EQ(call.interruptions, 0);
  caller.cancel();
  caller.cancel();  // the call may end between the two: never more than one interruption each, and no harm
  pool.join();
  EXPECT_TRUE(caller.ended());
  EXPECT_GE(call.interruptions, 1);
  EXPECT_LE(call.interruptions, 2);
  EXPECT_TRUE(call.on_strand);
}

awaitable<void> call_with_interrupt(std::shared_ptr<int> owned, std::atomic<int>& interruptions, std::latch& called,
                                    std::latch& go_on) {
  std::function<void()> interrupt = [&interruptions, owned] { ++interruptions; };
  auto nothing = [owned] {};
  co_await run_blocking(std::move(nothing), std::move(interrupt));
  called.count_down();
  auto wait = [&go_on] { go_on.wait(); };
  co_await run_blocking(std::move(wait));
}

TEST(RunBlocking, NothingIsInterruptedWithoutACancellationOrAfterTheCall) {
  auto const owned = std::make_shared<int>();
  for (bool const is_cancelled : {false, true}) {
    SCOPED_TRACE(is_cancelled ? "cancelled after the call" : "not cancelled");
    std::atomic<int> interruptions = 0;
    asio::thread_pool pool(2);
    std::latch called(1), go_on(1);
    Spawned const caller(pool.get_executor(), call_with_interrupt(owned, interruptions, called, go_on));
    called.wait();
    if (is_cancelled) caller.cancel();
    go_on.count_down();
    pool.join();
    EXPECT_TRUE(caller.ended());
    EXPECT_EQ(interruptions, 0);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

/// Cancellation and the end of the call at the same moment, again and again: ThreadSanitizer looks on.
TEST(RunBlocking, AnInterruptionMayMeetTheEndOfTheCall) {
  auto const call = [](std::atomic<int>& interruptions) -> awaitable<void> {
    auto nothing = [] {};
    std::function<void()> interrupt = [&interruptions] { ++interruptions; };
    co_await run_blocking(std::move(nothing), std::move(interrupt));
  };
  std::atomic<int> interruptions = 0;
  for (int round = 0; round < 200; ++round) {
    asio::thread_pool pool(2);
    Spawned const caller(pool.get_executor(), call(interruptions));
    caller.cancel();
    pool.join();
    EXPECT_TRUE(caller.ended());
  }
  EXPECT_LE(interruptions, 200);
}

TEST(RunBlocking, ACallThatFailsWhenItIsInterruptedSaysSo) {
  auto const body = [](std::latch& begun, std::string& said) -> awaitable<void> {
    std::latch interrupted(1);
    auto run = [&] {
      begun.count_down();
      interrupted.wait();
      throw std::runtime_error("interrupted");
    };
    std::function<void()> interrupt = [&interrupted] { interrupted.count_down(); };
    try {
      co_await run_blocking(std::move(run), std::move(interrupt));
    } catch (std::runtime_error const& error) {
      said = error.what();
    }
  };
  asio::thread_pool pool(2);
  std::latch begun(1);
  std::string said;
  Spawned const caller(pool.get_executor(), body(begun, said));
  begun.wait();
  caller.cancel();
  pool.join();
  EXPECT_EQ(said, "interrupted");
}

TEST(BlockingPool, MoreCallsThanThreadsAllRun) {
  asio::thread_pool pool(4);
  std::atomic<int> sum = 0;
  std::vector<Spawned> callers;
  for (int i = 0; i < 50; ++i) callers.emplace_back(pool.get_executor(), add_one(sum));
  pool.join();
  EXPECT_EQ(sum, 50 * 20);
  for (auto const& caller : callers) EXPECT_TRUE(caller.succeeded());
}

TEST(BlockingPool, StartsNoMoreThreadsThanAllowed) {
  asio::thread_pool pool(1);
  asio::add_service<BlockingPool>(pool, new BlockingPool(pool, 1));
  std::set<std::thread::id> threads;  // touched by the one thread only; ThreadSanitizer looks on
  auto const note = [](std::set<std::thread::id>& seen) -> awaitable<void> {
    auto call = [&] { seen.insert(std::this_thread::get_id()); };
    co_await run_blocking(call);
  };
  for (int i = 0; i < 10; ++i) Spawned(pool.get_executor(), note(threads));
  pool.join();
  EXPECT_EQ(threads.size(), 1u);
}

TEST(BlockingPool, NothingOfItsWorkIsLeftWhenTheContextGoes) {
  auto const owned = std::make_shared<int>();
  std::atomic<int> calls = 0;
  {
    asio::thread_pool pool(1);
    asio::add_service<BlockingPool>(pool, new BlockingPool(pool, 1));
    auto& blocking = asio::use_service<BlockingPool>(pool);
    std::latch started(1);
    blocking.submit([&] {
      started.count_down();
      ++calls;
    });
    started.wait();
    for (int i = 0; i < 3; ++i) blocking.submit([owned] {});
  }
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace landfall
