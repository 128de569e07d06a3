#include <landfall/runtime/run_on.hpp>

#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <landfall/testing/simulation.hpp>
#include "runtime/spawned.hpp"

namespace landfall {
namespace {

using Strand = asio::strand<asio::any_io_executor>;

class RunOnTest : public ::testing::Test {
 protected:
  testing::Simulation simulation;
  Strand control = asio::make_strand(asio::any_io_executor(simulation.get_executor()));
};

awaitable<void> look_where(Strand control, bool& there, bool& back) {
  auto const own = co_await asio::this_coro::executor;
  auto look = [&] { there = control.running_in_this_thread(); };
  co_await run_on(control, look);
  back = !control.running_in_this_thread() && own == co_await asio::this_coro::executor;
}

TEST_F(RunOnTest, RunsThereAndResumesTheCallerOnItsOwnExecutor) {
  bool there = false;
  bool back = false;
  simulation.run_coroutine(look_where(control, there, back));
  EXPECT_TRUE(there);
  EXPECT_TRUE(back);
}

TEST_F(RunOnTest, ReturnsTheResult) {
  auto const make = [] { return std::make_unique<int>(7); };
  EXPECT_EQ(*simulation.run_coroutine(run_on(control, make)), 7);
}

TEST_F(RunOnTest, RethrowsToTheCaller) {
  auto const fail = [] { throw std::logic_error("wrong"); };
  EXPECT_THROW(simulation.run_coroutine(run_on(control, fail)), std::logic_error);
}

awaitable<void> call_once(Strand control, int& calls, int& returns) {
  auto call = [&] { ++calls; };
  co_await run_on(control, call);
  ++returns;
  co_await run_on(control, call);
}

TEST(RunOn, ACallThatWasBegunIsAwaitedAlsoWhenCancelled) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t point = 0; point < 12; ++point) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", cancelled after event " << point);
      testing::Simulation simulation(seed);
      auto const control = asio::make_strand(asio::any_io_executor(simulation.get_executor()));
      int calls = 0;
      int returns = 0;
      Spawned const caller(simulation.get_executor(), call_once(control, calls, returns));
      while (simulation.events() < point && simulation.run_one()) continue;
      caller.cancel();
      EXPECT_EQ(simulation.run(), 0u);
      EXPECT_TRUE(caller.succeeded() ? calls == 2 : caller.was_cancelled() && calls == returns) << calls << returns;
    }
  }
}

}  // namespace
}  // namespace landfall
