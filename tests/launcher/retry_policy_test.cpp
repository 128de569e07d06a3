#include <landfall/launcher/retry_policy.hpp>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

using namespace std::chrono_literals;

struct AfterFailureRow {
  char const* name;
  Phase phase;
  ErrorClass failed_with;
  std::size_t attempts_made;
  AfterFailure expected;
};

TEST(AfterFailure, FollowsPhaseClassAndAttempts) {
  RetryPolicy policy;
  policy.attempts = 5;
  policy.system_attempts = 3;
  std::vector<AfterFailureRow> const rows = {
      {"config is never repeated", Phase::setup, ErrorClass::config, 1, AfterFailure::give_up},
      {"rejected records are an answer", Phase::process, ErrorClass::rejected_records, 1, AfterFailure::give_up},
      {"transient is repeated", Phase::close, ErrorClass::transient, 1, AfterFailure::try_again},
      {"up to the last attempt", Phase::process, ErrorClass::transient, 4, AfterFailure::try_again},
      {"and no further", Phase::process, ErrorClass::transient, 5, AfterFailure::give_up},
      {"system a few times", Phase::open, ErrorClass::system, 2, AfterFailure::try_again},
      {"but fewer", Phase::open, ErrorClass::system, 3, AfterFailure::give_up},
      {"a batch may have been applied", Phase::process, ErrorClass::system, 1, AfterFailure::ask_loader},
      {"unknown for a batch", Phase::process, ErrorClass::unknown_outcome, 1, AfterFailure::ask_loader},
      {"nobody knows about a close", Phase::close, ErrorClass::unknown_outcome, 1, AfterFailure::give_up},
      {"nor about a setup", Phase::setup, ErrorClass::unknown_outcome, 1, AfterFailure::give_up},
  };
  for (AfterFailureRow const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(after_failure(row.phase, policy, row.failed_with, row.attempts_made), row.expected);
  }
}

TEST(DelayBeforeNext, DoublesUpToTheLongestAndIsSpreadOverAllOfIt) {
  RetryPolicy const policy;
  EXPECT_EQ(delay_before_next(policy, 1, 0s, std::nullopt, 1.0), 250ms);
  EXPECT_EQ(delay_before_next(policy, 2, 0s, std::nullopt, 1.0), 500ms);
  EXPECT_EQ(delay_before_next(policy, 4, 0s, std::nullopt, 1.0), 2s);
  EXPECT_EQ(delay_before_next(policy, 8, 0s, std::nullopt, 1.0), 30s);
  EXPECT_EQ(delay_before_next(policy, 900, 0s, std::nullopt, 1.0), 30s);
  EXPECT_EQ(delay_before_next(policy, 4, 0s, std::nullopt, 0.5), 1s);
  EXPECT_EQ(delay_before_next(policy, 4, 0s, std::nullopt, 0.0), 0s);
}

TEST(DelayBeforeNext, IsNoLessThanTheOtherSideAskedFor) {
  RetryPolicy const policy;
  EXPECT_EQ(delay_before_next(policy, 1, 0s, 7000ms, 1.0), 7s);
  EXPECT_EQ(delay_before_next(policy, 1, 0s, 90000ms, 0.0), 90s) << "beyond the longest delay too";
  EXPECT_EQ(delay_before_next(policy, 4, 0s, 100ms, 1.0), 2s);
}

TEST(DelayBeforeNext, NothingIsTriedThatCouldNotStartBeforeTheTotalDeadline) {
  RetryPolicy policy;
  policy.total_deadline = 60s;
  EXPECT_EQ(delay_before_next(policy, 1, 58s, 1000ms, 0.0), 1s);
  EXPECT_EQ(delay_before_next(policy, 1, 58s, 1001ms, 0.0), std::nullopt) << "less than a second would be left";
  policy.attempt_deadline = 10ms;
  EXPECT_EQ(delay_before_next(policy, 1, 59s, 990ms, 0.0), 990ms);
  EXPECT_EQ(delay_before_next(policy, 1, 60s, std::nullopt, 0.0), std::nullopt);
  EXPECT_EQ(delay_before_next(policy, 1, 61s, std::nullopt, 0.0), std::nullopt);
  EXPECT_EQ(delay_before_next(policy, 1, 0s, std::chrono::milliseconds::max(), 0.0), std::nullopt);
}

TEST(RetryPolicies, TheDefaultsMakeSense) { EXPECT_NO_THROW(RetryPolicies().check()); }

TEST(RetryPolicies, NonsenseIsNamed) {
  struct Row {
    char const* name;
    void (*spoil)(RetryPolicy&);
    char const* message;
  };
  std::vector<Row> const rows = {
      {"no attempt", [](RetryPolicy& p) { p.attempts = 0; }, "attempts must be at least 1"},
      {"too many", [](RetryPolicy& p) { p.attempts = 1001; }, "attempts must be at most 1000"},
      {"no system attempt", [](RetryPolicy& p) { p.system_attempts = 0; }, "system_attempts must be at least 1"},
      {"more for bugs", [](RetryPolicy& p) { p.system_attempts = 6; },
       "system_attempts must not be more than attempts"},
      {"no time", [](RetryPolicy& p) { p.attempt_deadline = 0s; }, "the deadline of an attempt must be more than 0"},
      {"contradiction", [](RetryPolicy& p) { p.total_deadline = p.attempt_deadline - 1s; },
       "the total deadline must not be less than that of one attempt"},
      {"backwards", [](RetryPolicy& p) { p.first_delay = -1s; }, "the first delay must not be negative"},
      {"shrinking", [](RetryPolicy& p) { p.longest_delay = 1ms; },
       "the longest delay must not be less than the first one"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    RetryPolicies policies;
    row.spoil(policies[Phase::close]);
    try {
      policies.check();
      FAIL() << "accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_EQ(error.message(), std::string("retry policy of close: ") + row.message);
    }
  }
}

}  // namespace
}  // namespace landfall
