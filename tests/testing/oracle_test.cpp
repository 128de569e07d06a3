#include <landfall/testing/oracle.hpp>

#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include <landfall/testing/exhaustive.hpp>
#include <landfall/testing/scenario_run.hpp>

namespace landfall::testing {
namespace {

using Events = std::vector<TraceEvent>;

/// A good run of a small sync, which a test changes before it asks the oracle.
class OracleTest : public ::testing::Test {
 protected:
  explicit OracleTest(Scenario scenario = small_scenario()) : scenario_(std::move(scenario)) {
    MemoryTarget target(scenario_);
    result_ = run_scenario(scenario_, target);
    events_ = result_.first.trace.events();
  }

  /// The broken promise, 0 for none.
  int judge() {
    result_.first.trace = Trace(events_);
    auto const violation = check_run(scenario_, scenario_.input, false, result_.first);
    if (violation) what_ = violation->what;
    return violation ? violation->promise : 0;
  }

  Events::iterator find(EventKind kind, CallKind call, std::optional<std::size_t> stream = std::nullopt) {
    auto const found = std::find_if(events_.begin(), events_.end(), [&](TraceEvent const& event) {
      return event.kind == kind && (kind == EventKind::state || (event.call == call && event.stream == stream));
    });
    EXPECT_NE(found, events_.end());
    return found;
  }
  Events::iterator begin_of(CallKind call, std::optional<std::size_t> stream = std::nullopt) {
    return find(EventKind::call_begins, call, stream);
  }
  Events::iterator end_of(CallKind call, std::optional<std::size_t> stream = std::nullopt) {
    return find(EventKind::call_ends, call, stream);
  }
  Events::iterator first_state() { return find(EventKind::state, CallKind::write); }

  void repeat_call(CallKind call, std::optional<std::size_t> stream, Events::iterator before) {
    Events const copy{*begin_of(call, stream), *end_of(call, stream)};
    events_.insert(before, copy.begin(), copy.end());
  }

  Scenario scenario_;
  ScenarioResult result_;
  Events events_;
  std::string what_;
};

TEST_F(OracleTest, AGoodRunKeepsEveryPromise) {
  ASSERT_FALSE(result_.violation) << to_string(scenario_, result_);
  EXPECT_EQ(judge(), 0) << what_;
}

TEST_F(OracleTest, AStateBeforeItsRecordsAreDurable) {
  auto const durable = find(EventKind::durable, CallKind::setup, 0);
  events_.erase(durable);
  EXPECT_EQ(judge(), 1) << what_;
}

TEST_F(OracleTest, AStateThatIsWrittenTwice) {
  TraceEvent const state = *first_state();
  events_.insert(first_state(), state);
  EXPECT_EQ(judge(), 1) << what_;
}

TEST_F(OracleTest, AStateThatWasChanged) {
  first_state()->text.replace(first_state()->text.find("\"at\""), 4, "\"to\"");
  EXPECT_EQ(judge(), 1) << what_;
}

TEST_F(OracleTest, AStateThatWasNeverRead) {
  auto& text = first_state()->text;
  text.replace(text.find("\"id\":") + 5, 1, "9");
  EXPECT_EQ(judge(), 1) << what_;
}

TEST_F(OracleTest, AStateThatIsNeverAnswered) {
  events_.erase(first_state());
  EXPECT_EQ(judge(), 5) << what_;
}

TEST(Oracle, AStateThatAFailingStreamHadEarnedAndThatIsNeverAnswered) {
  Scenario scenario = small_scenario();
  InputStep third = scenario.input[2];
  ++third.number;
  scenario.input.push_back(third);
  scenario.faults.emplace_back(CallKind::process_records, 0, 2, FaultKind::config);
  MemoryTarget target(scenario);
  auto result = run_scenario(scenario, target);
  ASSERT_FALSE(result.violation) << to_string(scenario, result);
  Events events = result.first.trace.events();
  auto const of_users = std::ranges::find_if(events, [](TraceEvent const& event) {
    return event.kind == EventKind::state && event.text.find("users") != std::string::npos;
  });
  ASSERT_NE(of_users, events.end());
  events.erase(of_users);
  result.first.trace = Trace(events);
  auto const violation = check_run(scenario, scenario.input, false, result.first);
  ASSERT_TRUE(violation.has_value());
  EXPECT_EQ(violation->promise, 5);
  EXPECT_EQ(violation->what, "STATE 1 was never answered although all before it is safe");
}

TEST_F(OracleTest, AStateOfAStreamThatMayStillBeThrownAway) {
  auto const of_orders = std::find_if(events_.begin(), events_.end(), [](TraceEvent const& event) {
    return event.kind == EventKind::state && event.text.find("orders") != std::string::npos;
  });
  ASSERT_NE(of_orders, events_.end());
  TraceEvent const state = *of_orders;
  events_.erase(of_orders);
  events_.insert(end_of(CallKind::close, 1), state);
  EXPECT_EQ(judge(), 1) << what_;
}

TEST_F(OracleTest, CountsThatAreNotTrue) {
  auto& text = first_state()->text;
  auto const place = text.find("\"destinationStats\":{\"recordCount\":") + 34;
  text[place] = text[place] == '7' ? '8' : '7';
  EXPECT_EQ(judge(), 2) << what_;
}

TEST_F(OracleTest, ARecordThatIsLoadedTwice) {
  repeat_call(CallKind::process_records, 0, begin_of(CallKind::close, 0));
  EXPECT_EQ(judge(), 2) << what_;
}

TEST_F(OracleTest, ARecordThatIsLeftOut) {
  auto const begin = begin_of(CallKind::process_records, 0);
  auto const number = begin->call_number;
  std::erase_if(events_, [number](TraceEvent const& event) {
    bool const is_call = event.kind == EventKind::call_begins || event.kind == EventKind::call_ends;
    return is_call && event.call_number == number;
  });
  EXPECT_EQ(judge(), 2) << what_;
}

TEST_F(OracleTest, DataThatTheSourceDidNotSend) {
  begin_of(CallKind::process_records, 0)->data_is_wrong = true;
  EXPECT_EQ(judge(), 2) << what_;
}

TEST_F(OracleTest, ASecondClose) {
  repeat_call(CallKind::close, 0, begin_of(CallKind::teardown));
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, ACloseWhileACallRuns) {
  TraceEvent const end = *end_of(CallKind::process_records, 1);
  events_.erase(end_of(CallKind::process_records, 1));
  events_.insert(end_of(CallKind::close, 1), end);
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, ACallAfterTeardown) {
  Events const copy{*begin_of(CallKind::close, 0), *end_of(CallKind::close, 0)};
  events_.insert(events_.end(), copy.begin(), copy.end());
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, NoTeardown) {
  events_.erase(begin_of(CallKind::teardown), events_.end());
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, ARecordBeforeTheLoaderHasStarted) {
  TraceEvent const end = *end_of(CallKind::start, 0);
  events_.erase(end_of(CallKind::start, 0));
  events_.insert(end_of(CallKind::process_records, 0), end);
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, OldRowsThatGoTooSoon) {
  TraceEvent const replaced = *find(EventKind::replaced, CallKind::setup, 1);
  events_.insert(begin_of(CallKind::close, 1), replaced);
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, ASyncThatDoesNotEnd) {
  result_.first.stuck = "nothing can happen any more";
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, WorkThatIsLeftOver) {
  result_.first.parked = 1;
  EXPECT_EQ(judge(), 3) << what_;
}

TEST_F(OracleTest, MemoryThatIsLeftOver) {
  result_.first.report->totals.memory_bytes = 1;
  EXPECT_EQ(judge(), 4) << what_;
}

TEST_F(OracleTest, MoreMemoryThanTheBudget) {
  result_.first.report->peak_memory_bytes = 3 * scenario_.memory_budget_bytes;
  EXPECT_EQ(judge(), 4) << what_;
}

TEST_F(OracleTest, AStreamThatFailsForNoReason) {
  result_.first.report->outcome.streams[StreamDescriptor("users")].end = StreamEnd::failed;
  EXPECT_EQ(judge(), 5) << what_;
}

TEST_F(OracleTest, AFailureThatDoesNotShow) {
  // Its last STATE was never written, and yet the report says that all is well.
  std::erase_if(events_, [](TraceEvent const& event) { return event.kind == EventKind::state; });
  EXPECT_EQ(judge(), 5) << what_;
}

TEST_F(OracleTest, AFailureWithoutACause) {
  result_.first.report->outcome.error = system_error("no idea");
  EXPECT_EQ(judge(), 5) << what_;
}

/// The line of the second user is damaged: record 1 of stream 0.
class DamagedLineOracleTest : public OracleTest {
 protected:
  DamagedLineOracleTest() : OracleTest(with_damage()) {}

  static Scenario with_damage() {
    Scenario scenario = small_scenario();
    scenario.input[2].damage = Damage::in_data;
    return scenario;
  }
};

TEST_F(DamagedLineOracleTest, AGoodRunKeepsEveryPromise) {
  ASSERT_FALSE(result_.violation) << to_string(scenario_, result_);
  EXPECT_EQ(judge(), 0) << what_;
  EXPECT_EQ(rejected_rows(result_.first, 0), (std::vector<std::uint64_t>{first_row + 1}));
}

TEST_F(DamagedLineOracleTest, ALineThatIsInNoRejectFile) {
  std::erase_if(events_, [](TraceEvent const& event) { return event.call == CallKind::reject; });
  EXPECT_NE(judge(), 0);
}

TEST_F(DamagedLineOracleTest, ALineThatIsInTheRejectFileTwice) {
  repeat_call(CallKind::reject, 0, begin_of(CallKind::close, 0));
  EXPECT_EQ(judge(), 2) << what_;
}

TEST_F(DamagedLineOracleTest, ARejectFileThatGetsWhatTheSourceDidNotSend) {
  begin_of(CallKind::reject, 0)->data_is_wrong = true;
  EXPECT_EQ(judge(), 2) << what_;
}

TEST_F(DamagedLineOracleTest, ALineThatALoaderSees) {
  begin_of(CallKind::process_records, 0)->records.push_back(1);
  EXPECT_EQ(judge(), 2) << what_;
  EXPECT_EQ(what_, "process_records of stream 0 (users) was given record 1, whose line is damaged");
}

TEST_F(DamagedLineOracleTest, ALineThatCountsAsLoaded) {
  result_.first.report->totals.streams[0].records_committed = 2;
  result_.first.report->totals.streams[0].records_rejected = 0;
  EXPECT_EQ(judge(), 2) << what_;
}

/// A destination with a defect is found within a few seeds, as the broken promise that it is.
void expect_found(MemoryDestination::Defect defect, std::vector<int> const& promises) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Scenario const scenario = make_scenario(seed);
    MemoryTarget target(scenario, defect);
    auto const result = run_scenario(scenario, target);
    if (!result.violation) continue;
    EXPECT_NE(std::find(promises.begin(), promises.end(), result.violation->promise), promises.end())
        << "seed " << seed << ": " << to_string(*result.violation);
    return;
  }
  ADD_FAILURE() << "was not found";
}

TEST(DefectiveDestination, ThatAnswersTooEarlyIsFound) {
  expect_found(MemoryDestination::Defect::answers_too_early, {1});
}

TEST(DefectiveDestination, ThatForgetsARowIsFound) { expect_found(MemoryDestination::Defect::forgets_a_row, {1}); }

TEST(DefectiveDestination, ThatReplacesOldRowsAtABadEndIsFound) {
  expect_found(MemoryDestination::Defect::replaces_always, {3});
}

}  // namespace
}  // namespace landfall::testing
