#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// A part of a sync that calls into the connector, with patience of its own.
enum class Phase {
  check,
  setup,
  open,     ///< Destination::open() and StreamLoader::start()
  process,  ///< process_records(), process_batch(), probe(), and the steps of a load pipeline
  close,
  teardown,
};
constexpr std::array all_phases = {Phase::check,   Phase::setup, Phase::open,
                                   Phase::process, Phase::close, Phase::teardown};

/// "check", "setup", ...
std::string_view to_string(Phase phase) noexcept;

/// How long one phase waits for an answer, and how often it asks again.
///
/// Source: DESIGN 7; W2 (no retry anywhere in the base design), W5 (waits without an end).
struct RetryPolicy {
  RetryPolicy() = default;
  RetryPolicy(std::size_t most_attempts, std::size_t most_system_attempts, Duration for_one, Duration for_all)
      : attempts(most_attempts),
        system_attempts(most_system_attempts),
        attempt_deadline(for_one),
        total_deadline(for_all) {}

  std::size_t attempts = 5;         ///< at most, the first one included; at least 1
  std::size_t system_attempts = 1;  ///< the same for errors of class system (a bug, or an unknown); 1: not repeated
  Duration attempt_deadline = std::chrono::minutes(10);   ///< an attempt without an answer by then is cancelled
  Duration total_deadline = std::chrono::hours(1);        ///< nothing is tried again that could not start before this
  Duration first_delay = std::chrono::milliseconds(250);  ///< the wait before attempt n is random, from 0 to this times
                                                          ///< 2^(n-2), and no less than the other side asked for
  Duration longest_delay = std::chrono::seconds(30);
};

/// One policy for each phase, with defaults that suit a database: minutes for setup, hours for a final merge.
class RetryPolicies {
 public:
  RetryPolicies();
  RetryPolicy& operator[](Phase phase) noexcept { return policies_[static_cast<std::size_t>(phase)]; }
  RetryPolicy const& operator[](Phase phase) const noexcept { return policies_[static_cast<std::size_t>(phase)]; }

  /// Errors: Error(config) which names phase and member when a policy makes no sense.
  void check() const;

 private:
  std::array<RetryPolicy, all_phases.size()> policies_;
};

/// What may follow an attempt that failed. Plain values, as all decisions.
enum class AfterFailure {
  give_up,
  try_again,
  ask_loader,  ///< it may have been applied: only probe() can say whether it may be tried again
};

/// `attempts_made`: with the failed one. Not for rejected_records, which is an answer.
///
/// transient: the call was not applied, so it is tried again. unknown_outcome: the loader is asked where there is one
/// to ask (Phase::process), else it is given up: a close() or a teardown() that may have been applied is not repeated.
/// system: says nothing about what was applied: as unknown_outcome in Phase::process, else by system_attempts.
AfterFailure after_failure(Phase phase, RetryPolicy const& policy, ErrorClass failed_with, std::size_t attempts_made);

/// The least time that an attempt must have: a second, or attempt_deadline.
Duration shortest_attempt(RetryPolicy const& policy) noexcept;

/// How long to wait before the next attempt: full jitter, `random` from 0 to 1. Empty when that would leave less
/// than shortest_attempt() before the total deadline, which counts from the first attempt.
std::optional<Duration> delay_before_next(RetryPolicy const& policy, std::size_t attempts_made, Duration elapsed,
                                          std::optional<std::chrono::milliseconds> retry_after, double random);

/// Told before each further attempt: for a log.
struct RetryNotice {
  RetryNotice(std::string_view name, std::size_t attempts, Duration wait, Error error)
      : call(name), attempts_made(attempts), delay(wait), failure(std::move(error)) {}
  std::string call;  ///< "process records of stream users"
  std::size_t attempts_made;
  Duration delay;  ///< until the next one
  Error failure;
};

}  // namespace landfall
