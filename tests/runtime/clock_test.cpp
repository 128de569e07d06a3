#include <landfall/runtime/clock.hpp>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "runtime/spawned.hpp"

namespace landfall {
namespace {

using namespace std::chrono_literals;

awaitable<void> sleep(Clock& clock, Duration time) { co_await clock.sleep_for(time); }

TEST(SystemClock, NeverGoesBack) {
  SystemClock const clock;
  auto const earlier = clock.now();
  EXPECT_LE(earlier, clock.now());
  EXPECT_GT(clock.wall_now(), std::chrono::sys_days(std::chrono::year(2024) / 1 / 1));
}

TEST(SystemClock, SleepingUntilThePastEnds) {
  asio::io_context context;
  SystemClock clock;
  Spawned const sleeper(context.get_executor(), sleep(clock, -1h));
  context.run();
  EXPECT_TRUE(sleeper.succeeded());
}

TEST(SystemClock, ASleeperThatIsCancelledThrowsOperationAborted) {
  asio::io_context context;
  SystemClock clock;
  Spawned const sleeper(context.get_executor(), sleep(clock, 24h));
  sleeper.cancel();
  context.run();
  EXPECT_TRUE(sleeper.was_cancelled());
}

}  // namespace
}  // namespace landfall
