#include <landfall/launcher/latency_model.hpp>

#include <gtest/gtest.h>

namespace landfall {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t megabyte = 1'000'000;

std::vector<TimedCall> calls(std::uint64_t megabytes, Duration latency, std::size_t count = 4) {
  return std::vector<TimedCall>(count, TimedCall(megabytes * megabyte, latency));
}

/// Half a second for each call and a tenth for each megabyte.
std::vector<TimedCall> calls_of_sizes() {
  std::vector<TimedCall> all;
  for (std::uint64_t const size : {1, 2, 3, 4}) all.emplace_back(size * megabyte, 500ms + size * 100ms);
  return all;
}

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

TEST(LatencyModel, CallsOfOneSizeSayNothingOfOthersThatWouldCountAgainstThem) {
  LatencyModel model;
  EXPECT_TRUE(model.knows_nothing());
  EXPECT_EQ(model.slowness(calls(4, 1s)), 1.0);
  model.learn(calls(4, 1s));
  EXPECT_NEAR(seconds(model.expected(4 * megabyte)), 1.0, 1e-6);
  EXPECT_NEAR(seconds(model.expected(8 * megabyte)), 2.0, 1e-6) << "as if every byte cost the same";
  EXPECT_NEAR(seconds(model.expected(1 * megabyte)), 1.0, 1e-6) << "as if all were fixed cost";
  EXPECT_EQ(model.fixed_share(4 * megabyte), std::nullopt);
}

TEST(LatencyModel, TellsTheFixedCostFromThatOfTheBytes) {
  LatencyModel model;
  model.learn(calls_of_sizes());
  EXPECT_NEAR(seconds(model.expected(10 * megabyte)), 1.5, 1e-6);
  EXPECT_NEAR(seconds(model.expected(1 * megabyte)), 0.6, 1e-6);
  ASSERT_TRUE(model.fixed_share(5 * megabyte).has_value());
  EXPECT_NEAR(*model.fixed_share(5 * megabyte), 0.5, 1e-6);
}

TEST(LatencyModel, NeitherACallNorAByteCostsLessThanNothing) {
  LatencyModel model;
  std::vector<TimedCall> small_is_slow = calls(1, 3s);
  small_is_slow.emplace_back(4 * megabyte, 1s);
  model.learn(small_is_slow);
  EXPECT_EQ(*model.fixed_share(2 * megabyte), 1.0);
  EXPECT_GT(model.expected(100 * megabyte), 1s);
}

TEST(LatencyModel, LargerBatchesAreNotSlow) {
  LatencyModel model;
  model.learn(calls_of_sizes());
  EXPECT_NEAR(model.slowness(calls(8, 1300ms)), 1.0, 1e-6);
  EXPECT_NEAR(model.slowness(calls(8, 2600ms)), 2.0, 1e-6);
}

TEST(LatencyModel, OneCallThatIsOutOfLineDoesNotDecide) {
  LatencyModel model;
  model.learn(calls(4, 1s));
  auto window = calls(4, 1s, 3);
  window.emplace_back(4 * megabyte, 100s);
  EXPECT_NEAR(model.slowness(window), 1.0, 1e-6);
  model.learn(window);
  EXPECT_LT(model.expected(4 * megabyte), 1200ms);
}

TEST(LatencyModel, FollowsAQuickerStoreSoonAndASlowerOneSlowlyButDoes) {
  LatencyModel model;
  model.learn(calls(4, 1s));
  for (int i = 0; i < 10; ++i) model.learn(calls(4, 2s));
  EXPECT_LT(model.expected(4 * megabyte), 1250ms);
  for (int i = 0; i < 200; ++i) model.learn(calls(4, 2s));
  EXPECT_GT(model.expected(4 * megabyte), 1900ms);
  for (int i = 0; i < 10; ++i) model.learn(calls(4, 1s));
  EXPECT_LT(model.expected(4 * megabyte), 1050ms);
}

TEST(LatencyModel, MayBeToldThatTheStoreIsSlowerNow) {
  LatencyModel model;
  model.learn(calls_of_sizes());
  model.slow_down(3);
  EXPECT_NEAR(seconds(model.expected(10 * megabyte)), 4.5, 1e-6);
  EXPECT_NEAR(*model.fixed_share(5 * megabyte), 0.5, 1e-6);
}

}  // namespace
}  // namespace landfall
