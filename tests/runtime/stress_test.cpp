// The pieces under real threads, for ThreadSanitizer above all: what they promise holds on a pool as in simulation.
#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/runtime/message_queue.hpp>
#include <landfall/runtime/run_on.hpp>
#include <landfall/runtime/task_scope.hpp>
#include "runtime/spawned.hpp"

namespace landfall {
namespace {

using namespace std::chrono_literals;
using enum TerminalCondition;

constexpr int items_per_producer = 500;

awaitable<void> produce(MessageQueue<int>& queue, int first, std::atomic<int>& producing) {
  for (int i = 0; i < items_per_producer; ++i) EXPECT_TRUE(co_await queue.push(first + i, 3));
  if (--producing == 0) queue.close();
}

awaitable<void> consume(MessageQueue<int>& queue, std::vector<int>& received) {
  while (auto const item = co_await queue.pop()) received.push_back(*item);
}

awaitable<void> consume_all(MessageQueue<int>& queue, std::vector<int>& received) {
  for (bool ended = false; !ended;) {
    auto const drained = co_await queue.pop_all();
    received.insert(received.end(), drained.elements.begin(), drained.elements.end());
    ended = drained.ended;
  }
}

TEST(Stress, AMessageQueueLosesNothingAmongThreadsAndCancellations) {
  for (int round = 0; round < 5; ++round) {
    asio::thread_pool pool(4);
    MessageQueue<int> queue(10);
    std::atomic<int> producing = 4;
    std::vector<std::vector<int>> received(8);
    std::vector<Spawned> to_cancel;
    for (std::size_t i = 0; i < received.size(); ++i) {
      auto body = i % 2 == 0 ? consume(queue, received[i]) : consume_all(queue, received[i]);
      Spawned consumer(pool.get_executor(), std::move(body));
      if (i >= 4) to_cancel.push_back(std::move(consumer));
    }
    for (int i = 0; i < 4; ++i) Spawned(pool.get_executor(), produce(queue, i * items_per_producer, producing));
    for (auto const& consumer : to_cancel) {
      queue.wake();
      consumer.cancel();
    }
    pool.join();
    std::vector<int> all;
    for (auto const& part : received) all.insert(all.end(), part.begin(), part.end());
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), std::size_t{4} * items_per_producer);
    for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<int>(i));
  }
}

awaitable<void> use(MemoryBudget& budget, std::uint64_t bytes, std::atomic<std::uint64_t>& in_use) {
  for (int i = 0; i < 100; ++i) {
    auto reservation = co_await budget.reserve(bytes);
    EXPECT_LE(in_use += bytes, budget.capacity_bytes());
    in_use -= bytes;
    if (i % 2 == 0) reservation.release();
  }
}

TEST(Stress, AMemoryBudgetIsNeverExceededAmongThreadsAndCancellations) {
  for (int round = 0; round < 5; ++round) {
    asio::thread_pool pool(4);
    MemoryBudget budget(100);
    std::atomic<std::uint64_t> in_use = 0;
    std::vector<Spawned> users;
    for (std::uint64_t i = 0; i < 16; ++i) users.emplace_back(pool.get_executor(), use(budget, 20 + 5 * i, in_use));
    for (std::size_t i = 0; i < users.size(); i += 3) users[i].cancel();
    pool.join();
    for (std::size_t i = 0; i < users.size(); ++i) {
      EXPECT_TRUE(users[i].succeeded() || (i % 3 == 0 && users[i].was_cancelled()));
    }
    EXPECT_EQ(budget.reserved_bytes(), 0u);
    EXPECT_LE(budget.peak_bytes(), budget.capacity_bytes());
  }
}

awaitable<void> yield_often(int times) {
  for (int i = 0; i < times; ++i) co_await asio::post(asio::use_awaitable);
}

awaitable<void> sleep_for_ever(Clock& clock) {
  for (;;) co_await clock.sleep_for(1h);
}

awaitable<void> start_children(TaskScope& scope, Clock& clock) {
  for (int i = 0; i < 20; ++i) {
    scope.launch("child", self_terminating, yield_often(i));
    scope.launch("child on end", on_end_of_sync, sleep_for_ever(clock));
    co_await asio::post(asio::use_awaitable);
  }
}

TEST(Stress, ATaskScopeJoinsAllAmongThreadsAndCancellations) {
  for (int round = 0; round < 10; ++round) {
    asio::thread_pool pool(4);
    SystemClock clock;
    TaskScope scope(pool.get_executor(), clock, 1h);
    std::vector<TaskHandle> handles;
    for (int i = 0; i < 30; ++i) {
      handles.push_back(scope.launch("short", self_terminating, yield_often(i)));
      handles.push_back(scope.launch("reader", on_sync_failure, sleep_for_ever(clock)));
      scope.launch("heartbeat", on_end_of_sync, sleep_for_ever(clock));
    }
    for (int i = 0; i < 4; ++i) scope.launch("parent", self_terminating, start_children(scope, clock));
    std::thread canceller([handles] {
      for (auto const& handle : handles) handle.cancel();
    });
    if (round % 2 == 0) {
      auto late = asio::co_spawn(asio::make_strand(pool), scope.kill(), asio::use_future);
      EXPECT_TRUE(late.get().empty());
    } else {
      asio::co_spawn(asio::make_strand(pool), scope.close(), asio::use_future).get();
    }
    EXPECT_TRUE(scope.running().empty());
    canceller.join();
    pool.join();
  }
}

awaitable<void> count_on(asio::any_io_executor control, int& counter) {
  auto count = [&] { return ++counter; };
  for (int i = 0; i < 200; ++i) EXPECT_GT(co_await run_on(control, count), 0);
}

TEST(Stress, RunOnAStrandNeedsNoMutex) {
  asio::thread_pool pool(4);
  auto const control = asio::make_strand(asio::any_io_executor(pool.get_executor()));
  int counter = 0;
  for (int i = 0; i < 8; ++i) Spawned(pool.get_executor(), count_on(control, counter));
  pool.join();
  EXPECT_EQ(counter, 8 * 200);
}

}  // namespace
}  // namespace landfall
