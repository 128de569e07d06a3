#include <landfall/runtime/blocking.hpp>

#include <array>
#include <atomic>
#include <latch>
#include <memory>
#include <set>
#include <stdexcept>
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
