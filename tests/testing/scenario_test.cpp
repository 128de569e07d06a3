#include <landfall/testing/scenario.hpp>

#include <algorithm>

#include <gtest/gtest.h>

#include <landfall/testing/scenario_run.hpp>

namespace landfall::testing {
namespace {

TEST(Scenario, TheSameSeedMakesTheSameScenario) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    EXPECT_EQ(to_string(make_scenario(seed)), to_string(make_scenario(seed)));
  }
  EXPECT_NE(to_string(make_scenario(1)), to_string(make_scenario(2)));
}

TEST(Scenario, LimitsAreKept) {
  ScenarioLimits limits;
  limits.modes = {DestinationSyncMode::overwrite};
  limits.most_streams = 2;
  limits.with_faults = limits.with_crash = limits.with_stop = limits.with_generations = false;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Scenario const scenario = make_scenario(seed, limits);
    EXPECT_LE(scenario.streams.size(), 2U);
    for (StreamPlan const& stream : scenario.streams) {
      EXPECT_EQ(stream.mode, DestinationSyncMode::overwrite);
      EXPECT_FALSE(stream.generation.has_value());
    }
    EXPECT_TRUE(scenario.faults.empty());
    EXPECT_FALSE(scenario.crash_at.has_value());
    EXPECT_FALSE(scenario.stop_at.has_value());
  }
}

TEST(Scenario, EveryKindOfStepAndFaultComesUp) {
  std::vector<bool> steps(8), calls(call_kind_count), faults(fault_kind_count), damages(4);
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Scenario const scenario = make_scenario(seed);
    for (InputStep const& step : scenario.input) {
      steps.at(static_cast<std::size_t>(step.kind)) = true;
      damages.at(static_cast<std::size_t>(step.damage)) = true;
    }
    for (Fault const& fault : scenario.faults) {
      calls.at(static_cast<std::size_t>(fault.call)) = true;
      faults.at(static_cast<std::size_t>(fault.what)) = true;
    }
  }
  EXPECT_EQ(std::count(steps.begin(), steps.end(), false), 0);
  EXPECT_EQ(std::count(damages.begin(), damages.end(), false), 0);
  EXPECT_EQ(std::count(calls.begin(), calls.end(), false), 0);
  EXPECT_EQ(std::count(faults.begin(), faults.end(), false), 0);
}

TEST(Scenario, ARepeatedSourceSendsWhatWasNotAcknowledged) {
  Scenario scenario;
  scenario.streams.resize(2);
  scenario.streams[0].descriptor = StreamDescriptor("users");
  scenario.streams[1].descriptor = StreamDescriptor("orders");
  scenario.streams[1].mode = DestinationSyncMode::overwrite;
  auto const record = [&](std::size_t stream, std::uint64_t row) {
    InputStep& step = scenario.input.emplace_back();
    step.stream = stream;
    step.number = first_row + row;
  };
  auto const state = [&](std::size_t stream, std::uint64_t id) {
    InputStep& step = scenario.input.emplace_back();
    step.kind = StepKind::state;
    step.stream = stream;
    step.number = id;
  };
  record(0, 0);
  record(1, 0);
  state(0, 1);
  state(1, 2);
  record(0, 1);
  std::vector<std::uint64_t> rows_of_users, rows_of_orders;
  for (InputStep const& step : repeated_input(scenario, {1, 2})) {
    if (step.kind != StepKind::record) continue;
    (step.stream == 0 ? rows_of_users : rows_of_orders).push_back(step.number);
  }
  EXPECT_EQ(rows_of_users, (std::vector<std::uint64_t>{first_row + 1}));
  EXPECT_EQ(rows_of_orders, (std::vector<std::uint64_t>{first_row}));  // it starts anew, so it comes whole
}

TEST(Scenario, ADamagedLineGoesToTheRejectFileWhereItSaysWhoseItIs) {
  struct Row {
    char const* name;
    std::vector<StreamDescriptor> streams;  // the first one is damaged
    Damage damage;
    bool has_reject_sink;
    bool expected;
  };
  StreamDescriptor const users("users");
  StreamDescriptor const public_users("users", "public");
  Row const rows[] = {
      {"in its data", {users}, Damage::in_data, true, true},
      {"without a reject file", {users}, Damage::in_data, false, false},
      {"a namespace may have stood behind the damage", {users, public_users}, Damage::in_data, true, false},
      {"the same for one that is cut", {users, public_users}, Damage::cut, true, false},
      {"behind the record there is none", {users, public_users}, Damage::behind, true, true},
      {"the namespace was read", {public_users, users}, Damage::cut, true, true},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    Scenario scenario;
    scenario.has_reject_sink = row.has_reject_sink;
    for (StreamDescriptor const& stream : row.streams) scenario.streams.emplace_back().descriptor = stream;
    InputStep& damaged = scenario.input.emplace_back();
    damaged.number = first_row;
    damaged.damage = row.damage;
    EXPECT_EQ(may_be_rejected(scenario, damaged), row.expected);
    MemoryTarget target(scenario);
    auto const result = run_scenario(scenario, target);
    EXPECT_FALSE(result.violation) << to_string(scenario, result);
    EXPECT_EQ(rejected_rows(result.first, 0).size(), row.expected ? 1U : 0U);
    EXPECT_EQ(result.first.report->succeeded(), row.expected);
  }
}

TEST(Scenario, ARepeatedSourceSendsDamagedLinesWholeButWithResume) {
  for (bool const resume : {false, true}) {
    for (bool const has_reject_sink : {false, true}) {
      SCOPED_TRACE(resume);
      Scenario scenario;
      scenario.resume = resume;
      scenario.has_reject_sink = has_reject_sink;
      scenario.streams.emplace_back().descriptor = StreamDescriptor("users");
      scenario.input.emplace_back().damage = Damage::cut;
      bool const stays = resume && has_reject_sink;
      EXPECT_EQ(repeated_input(scenario, {}).front().damage, stays ? Damage::cut : Damage::none);
    }
  }
}

TEST(Scenario, AShrunkScenarioBreaksTheSamePromiseAndIsSmall) {
  auto const breaks = [](Scenario const& scenario) {
    MemoryTarget target(scenario, MemoryDestination::Defect::forgets_a_row);
    auto const result = run_scenario(scenario, target);
    return result.violation && result.violation->promise == 1;
  };
  std::uint64_t seed = 1;
  while (!breaks(make_scenario(seed))) ++seed;
  Scenario const smallest = shrink(make_scenario(seed), breaks);
  EXPECT_TRUE(breaks(smallest));
  EXPECT_EQ(smallest.streams.size(), 1U) << to_string(smallest);
  EXPECT_LE(smallest.input.size(), 3U) << to_string(smallest);
}

TEST(Scenario, AShrunkScenarioHasNoDamagedLineThatItDoesNotNeed) {
  Scenario scenario;
  scenario.streams.emplace_back().descriptor = StreamDescriptor("users");
  for (Damage const damage : {Damage::cut, Damage::in_data}) scenario.input.emplace_back().damage = damage;
  Scenario const smallest =
      shrink(scenario, [](Scenario const& s) { return s.input.size() == 2 && s.input[1].damage == Damage::in_data; });
  EXPECT_EQ(smallest.input[0].damage, Damage::none);
}

}  // namespace
}  // namespace landfall::testing
