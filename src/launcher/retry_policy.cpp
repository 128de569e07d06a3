#include <landfall/launcher/retry_policy.hpp>

#include <algorithm>
#include <cmath>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

using std::chrono::hours;
using std::chrono::minutes;

void require(bool holds, Phase phase, std::string_view rule) {
  if (!holds) throw config_error("retry policy of {}: {}", to_string(phase), rule);
}

void check(Phase phase, RetryPolicy const& policy) {
  require(policy.attempts >= 1, phase, "attempts must be at least 1");
  require(policy.attempts <= 1000, phase, "attempts must be at most 1000");
  require(policy.system_attempts >= 1, phase, "system_attempts must be at least 1");
  require(policy.system_attempts <= policy.attempts, phase, "system_attempts must not be more than attempts");
  require(policy.attempt_deadline > Duration::zero(), phase, "the deadline of an attempt must be more than 0");
  require(policy.total_deadline >= policy.attempt_deadline, phase,
          "the total deadline must not be less than that of one attempt");
  require(policy.total_deadline <= hours(24 * 365), phase, "the total deadline must be at most a year");
  require(policy.first_delay >= Duration::zero(), phase, "the first delay must not be negative");
  require(policy.longest_delay >= policy.first_delay, phase, "the longest delay must not be less than the first one");
}

}  // namespace

std::string_view to_string(Phase phase) noexcept {
  switch (phase) {
    case Phase::check:
      return "check";
    case Phase::setup:
      return "setup";
    case Phase::open:
      return "open";
    case Phase::process:
      return "process";
    case Phase::close:
      return "close";
    case Phase::teardown:
      return "teardown";
  }
  assertion_failed("a known phase", __FILE__, __LINE__);
  return "";
}

RetryPolicies::RetryPolicies() {
  (*this)[Phase::check] = RetryPolicy(3, 1, minutes(4), minutes(5));
  (*this)[Phase::setup] = RetryPolicy(5, 3, minutes(10), minutes(30));
  (*this)[Phase::open] = RetryPolicy(5, 3, minutes(10), minutes(30));
  (*this)[Phase::process] = RetryPolicy(5, 1, hours(1), hours(3));
  (*this)[Phase::close] = RetryPolicy(5, 1, hours(6), hours(12));
  (*this)[Phase::teardown] = RetryPolicy(5, 1, hours(1), hours(2));
}

void RetryPolicies::check() const {
  for (Phase const phase : all_phases) landfall::check(phase, (*this)[phase]);
}

AfterFailure after_failure(Phase phase, RetryPolicy const& policy, ErrorClass failed_with, std::size_t attempts_made) {
  LANDFALL_ASSERT(attempts_made >= 1);
  bool const may_go_on = attempts_made < policy.attempts;
  switch (failed_with) {
    case ErrorClass::config:
    case ErrorClass::rejected_records:
      return AfterFailure::give_up;
    case ErrorClass::transient:
      return may_go_on ? AfterFailure::try_again : AfterFailure::give_up;
    case ErrorClass::unknown_outcome:
      return phase == Phase::process ? AfterFailure::ask_loader : AfterFailure::give_up;
    case ErrorClass::system:
      if (phase == Phase::process) return AfterFailure::ask_loader;
      return may_go_on && attempts_made < policy.system_attempts ? AfterFailure::try_again : AfterFailure::give_up;
  }
  assertion_failed("a known error class", __FILE__, __LINE__);
  return AfterFailure::give_up;
}

Duration shortest_attempt(RetryPolicy const& policy) noexcept {
  return std::min<Duration>(policy.attempt_deadline, std::chrono::seconds(1));
}

std::optional<Duration> delay_before_next(RetryPolicy const& policy, std::size_t attempts_made, Duration elapsed,
                                          std::optional<std::chrono::milliseconds> retry_after, double random) {
  LANDFALL_ASSERT(attempts_made >= 1);
  LANDFALL_ASSERT(random >= 0 && random <= 1);
  auto const doublings = static_cast<int>(std::min<std::size_t>(attempts_made - 1, 60));
  double const most = std::min(std::ldexp(static_cast<double>(policy.first_delay.count()), doublings),
                               static_cast<double>(policy.longest_delay.count()));
  Duration delay(static_cast<Duration::rep>(most * random));
  if (retry_after && *retry_after > std::chrono::ceil<std::chrono::milliseconds>(policy.total_deadline)) {
    return std::nullopt;
  }
  if (retry_after) delay = std::max<Duration>(delay, *retry_after);
  // An attempt with no time to answer would only turn a clear failure into an unknown outcome.
  if (elapsed + delay + shortest_attempt(policy) > policy.total_deadline) return std::nullopt;
  return delay;
}

}  // namespace landfall
