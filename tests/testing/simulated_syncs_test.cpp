#include <cstdint>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <landfall/testing/exhaustive.hpp>
#include <landfall/testing/scenario_run.hpp>

namespace landfall::testing {
namespace {

// A sanitizer makes a sync some fifteen times slower, and looks at other things than the order of calls.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t seeds = 400;
constexpr std::uint64_t most_runs = 1000;
#else
constexpr std::uint64_t seeds = 2000;
constexpr std::uint64_t most_runs = UINT64_MAX;
#endif

ScenarioResult play(Scenario const& scenario) {
  MemoryTarget target(scenario);
  return run_scenario(scenario, target);
}

TEST(SimulatedSyncs, KeepEveryPromise) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Scenario const scenario = make_scenario(seed);
    auto const result = play(scenario);
    ASSERT_FALSE(result.violation) << "landfall-sim --seed " << seed << " --trace\n" << to_string(scenario, result);
  }
}

TEST(SimulatedSyncs, TheSameSeedGivesTheSameTraceByteForByte) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Scenario const scenario = make_scenario(seed);
    EXPECT_EQ(to_string(scenario, play(scenario)), to_string(scenario, play(scenario))) << "seed " << seed;
  }
}

void play_every_order(std::vector<BatchState> answers, std::vector<FaultKind> faults) {
  ExhaustiveOptions options;
  options.scenario = small_scenario(std::move(answers));
  options.faults = std::move(faults);
  options.most_runs = most_runs;
  auto const report = run_exhaustive(options);
  EXPECT_TRUE(report.all || report.runs >= most_runs);
  EXPECT_EQ(report.failure, "");
  fmt::print("{} orders of {} calls, {} runs\n", report.orders, report.calls, report.runs);
}

TEST(SimulatedSyncs, KeepEveryPromiseInEveryOrderWithAFaultAtEveryCall) {
  play_every_order({BatchState::complete}, {FaultKind::transient, FaultKind::unknown_applied});
}

TEST(SimulatedSyncs, KeepEveryPromiseInEveryOrderOfALoaderWithTwoSteps) {
  std::vector<BatchState> answers{BatchState::staged};
  answers.push_back(BatchState::complete);
  play_every_order(std::move(answers), {});
}

}  // namespace
}  // namespace landfall::testing
