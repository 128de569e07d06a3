#include <landfall/launcher/phase_runner.hpp>

#include <algorithm>
#include <exception>
#include <random>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

std::uint64_t random_seed() {
  std::random_device source;
  return (std::uint64_t{source()} << 32) | source();
}

/// The same exception, its text with `context` in front of it. Only an Error has a text that we may add to.
std::exception_ptr with_context(std::exception_ptr failure, std::string_view context) {
  try {
    std::rethrow_exception(failure);
  } catch (Error& error) {
    error.add_context(context);
  } catch (...) {
  }
  return failure;
}

/// An exception of any other kind says nothing about what was applied.
ErrorClass class_of(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (Error const& error) {
    return error.error_class();
  } catch (...) {
    return ErrorClass::system;
  }
}

/// `failure` with what its probe threw.
std::exception_ptr with_probe_failure(std::exception_ptr const& failure, std::exception_ptr const& of_probe) {
  Error error = Error::from(failure);
  Error later = Error::from(of_probe);
  if (later.call_still_runs()) error.set_call_still_runs();
  error.attach(std::move(later));
  return std::make_exception_ptr(std::move(error));
}

}  // namespace

PhaseRunner::PhaseRunner(TaskScope& scope, Clock& clock, RetryPolicies const& policies, Duration patience,
                         std::uint64_t jitter_seed, std::function<void(RetryNotice const&)> on_retry)
    : scope_(scope),
      clock_(clock),
      policies_(policies),
      patience_(patience),
      on_retry_(std::move(on_retry)),
      random_(jitter_seed != 0 ? jitter_seed : random_seed()) {
  policies_.check();
}

awaitable<bool> PhaseRunner::was_applied(std::string name, Probe probe) {
  ProbeResult const result = co_await run<ProbeResult>(Phase::process, "probe before " + name, std::move(probe));
  co_return result == ProbeResult::applied;
}

awaitable<void> PhaseRunner::run_until_answered(Phase phase, std::string name, Attempt<void> attempt, Probe probe,
                                                StillWanted still_wanted, AttemptWatch* watch) {
  RetryPolicy const policy = policies_[phase];
  TimePoint const started = clock_.now();
  for (std::size_t attempts_made = 1;; ++attempts_made) {
    Duration const left = std::max(Duration(1), policy.total_deadline - (clock_.now() - started));
    Duration const deadline = std::min(policy.attempt_deadline, left);
    TimePoint const attempt_started = clock_.now();
    std::exception_ptr failure = co_await attempt_once(name, attempt(), deadline);
    auto const cancellation = co_await asio::this_coro::cancellation_state;
    bool const was_cancelled = cancellation.cancelled() != asio::cancellation_type::none;
    if (!failure) {
      if (watch && !was_cancelled) co_await watch->attempt_ended(attempt_started, clock_.now(), std::nullopt, false);
      co_return;
    }
    Error const error = Error::from(failure);
    if (watch && !was_cancelled && !scope_.is_hurried()) {
      TimePoint const ended = clock_.now();
      bool const timed_out = class_of(failure) == ErrorClass::unknown_outcome && ended - attempt_started >= deadline;
      co_await watch->attempt_ended(attempt_started, ended, error, timed_out);
    }
    if (was_cancelled || error.call_still_runs() || scope_.is_hurried()) std::rethrow_exception(failure);

    AfterFailure next = after_failure(phase, policy, class_of(failure), attempts_made);
    if (next == AfterFailure::ask_loader && probe) {
      auto const result = std::make_shared<std::optional<ProbeResult>>();
      Duration const left_for_probe = std::max(Duration(1), policy.total_deadline - (clock_.now() - started));
      awaitable<void> asking = keep_answer(result, probe());
      std::exception_ptr const probe_failure = co_await attempt_once("probe after " + name, std::move(asking),
                                                                     std::min(policy.attempt_deadline, left_for_probe));
      if (probe_failure && is_cancellation(probe_failure)) std::rethrow_exception(probe_failure);
      if (probe_failure) failure = with_probe_failure(failure, probe_failure);
      if (*result == ProbeResult::applied) co_return;
      bool const may_repeat = *result == ProbeResult::not_applied && attempts_made < policy.attempts;
      next = may_repeat ? AfterFailure::try_again : AfterFailure::give_up;
    }
    std::optional<Duration> delay;
    if (next == AfterFailure::try_again) {
      double const random = random_from_0_to_1();
      delay = delay_before_next(policy, attempts_made, clock_.now() - started, error.retry_after(), random);
    }
    if (!delay) {
      if (attempts_made > 1) failure = with_context(failure, fmt::format("after {} attempts", attempts_made));
      std::rethrow_exception(failure);
    }
    if (on_retry_) on_retry_(RetryNotice(name, attempts_made, *delay, error));
    if (watch) co_await watch->wait_begins(*delay);
    bool goes_on = co_await wait_before_next(name, *delay);
    if (goes_on && watch) {
      co_await watch->wait_ended();
      // That may have taken its time, too: an attempt without any would turn a clear failure into an unknown outcome.
      bool const has_time = clock_.now() - started + shortest_attempt(policy) <= policy.total_deadline;
      goes_on = has_time && !scope_.is_hurried();
    }
    if (goes_on && still_wanted) goes_on = co_await still_wanted();
    if (!goes_on) std::rethrow_exception(failure);
  }
}

// What it threw, or nothing.
awaitable<std::exception_ptr> PhaseRunner::attempt_once(std::string name, awaitable<void> attempt, Duration deadline) {
  std::exception_ptr failure;
  try {
    co_await scope_.run_within(std::move(name), std::move(attempt), deadline, patience_);
  } catch (...) {
    failure = std::current_exception();
  }
  co_return failure;
}

// False when the sync is hurried before the time is over. A call of its own, so that hurry() ends it.
awaitable<bool> PhaseRunner::wait_before_next(std::string name, Duration delay) {
  std::exception_ptr const ended =
      co_await attempt_once("the wait to try again: " + name, clock_.sleep_for(delay), delay + patience_);
  if (ended && is_cancellation(ended)) std::rethrow_exception(ended);
  co_return !scope_.is_hurried();
}

// splitmix64: the same numbers everywhere.
double PhaseRunner::random_from_0_to_1() {
  std::lock_guard const lock(random_mutex_);
  std::uint64_t z = (random_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((z ^ (z >> 31)) >> 11) / static_cast<double>(std::uint64_t{1} << 53);
}

}  // namespace landfall
