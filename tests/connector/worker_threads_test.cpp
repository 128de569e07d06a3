#include "connector/worker_threads.hpp"

#include <latch>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <landfall/runtime/blocking.hpp>

namespace landfall {
namespace {

TEST(WorkerThreads, WorkAtOnce) {
  WorkerThreads workers(3);
  std::latch all(3);
  for (int i = 0; i < 3; ++i) asio::post(workers.context(), [&all] { all.arrive_and_wait(); });
  workers.join();
  EXPECT_TRUE(all.try_wait());
}

TEST(WorkerThreads, JoinWaitsForBlockingCallsAndWhatFollowsThem) {
  WorkerThreads workers(2);
  bool done = false;
  auto const call = [](bool& is_done) -> awaitable<void> {
    co_await run_blocking([] {});
    is_done = true;
  };
  asio::co_spawn(workers.context(), call(done), [](std::exception_ptr) {});
  workers.join();
  EXPECT_TRUE(done);
}

TEST(WorkerThreads, ThreadsForBlockingCallsAreThereBeforeTheFirstOne) {
  std::latch both(2);
  WorkerThreads workers(2);
  auto& pool = asio::use_service<BlockingPool>(workers.context());
  for (int i = 0; i < 2; ++i) pool.submit([&both] { both.arrive_and_wait(); });
  both.wait();
}

}  // namespace
}  // namespace landfall
