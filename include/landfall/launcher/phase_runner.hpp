#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/launcher/retry_policy.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/task_scope.hpp>

namespace landfall {

/// Told how each attempt of a call went; each function is awaited by the call itself, and not called any more once its
/// caller was cancelled.
class AttemptWatch {
 public:
  virtual ~AttemptWatch() = default;
  /// An attempt ended; `timed_out`: at its deadline. `failure` is empty when it was answered.
  virtual awaitable<void> attempt_ended(TimePoint started_at, TimePoint ended_at, std::optional<Error> failure,
                                        bool timed_out) = 0;
  /// Nothing is asked of the store for so long...
  virtual awaitable<void> wait_begins(Duration delay) = 0;
  /// ...and then may be, as soon as this returns.
  virtual awaitable<void> wait_ended() = 0;
};

/// Makes calls into the connector: each attempt is a task of its own under a deadline, and is made again where that may
/// help. What may follow a failure is decided by after_failure() and delay_before_next().
///
/// Threads:      any.
/// Lifetime:     scope and clock outlive it; it outlives the calls.
/// Cancellation: of the caller: the attempt is cancelled and joined, or left alone when it ignores that
///               (TaskScope::run_within); then operation_aborted.
/// Source:       DESIGN 7; W2, W5.
class PhaseRunner {
 public:
  PhaseRunner(TaskScope& scope, Clock& clock, RetryPolicies const& policies, Duration patience,
              std::uint64_t jitter_seed = 0, std::function<void(RetryNotice const&)> on_retry = nullptr);

  template <class T>
  using Attempt = std::function<awaitable<T>()>;  ///< makes the call once more; what it made may outlive the function
  using Probe = Attempt<ProbeResult>;
  using StillWanted = Attempt<bool>;  ///< asked before each further attempt

  /// What the call answers. `name` is for people: "close of stream users".
  /// Errors: what the last attempt threw (its own type is kept), with the number of attempts as context where there
  ///         were several; Error(unknown_outcome) without an answer. Only an Error is believed that says `transient`:
  ///         any other exception, whatever it is about, says nothing of what was applied (see after_failure, system).
  template <class T>
  awaitable<T> run(Phase phase, std::string name, Attempt<T> attempt) {
    auto const answer = std::make_shared<std::optional<T>>();
    Attempt<void> keep = [answer, attempt = std::move(attempt)] { return keep_answer(answer, attempt()); };
    co_await run_until_answered(phase, std::move(name), std::move(keep), nullptr, nullptr, nullptr);
    co_return std::move(**answer);
  }
  awaitable<void> run(Phase phase, std::string name, Attempt<void> attempt) {
    return run_until_answered(phase, std::move(name), std::move(attempt), nullptr, nullptr, nullptr);
  }

  /// The same in Phase::process, for a call whose outcome `probe` can find out. Empty when it says that a call without
  /// an answer was applied. `watch` may be null, and outlives the call.
  template <class T>
  awaitable<std::optional<T>> run_probed(std::string name, Attempt<T> attempt, Probe probe,
                                         StillWanted still_wanted = nullptr, AttemptWatch* watch = nullptr) {
    auto const answer = std::make_shared<std::optional<T>>();
    Attempt<void> keep = [answer, attempt = std::move(attempt)] { return keep_answer(answer, attempt()); };
    co_await run_until_answered(Phase::process, std::move(name), std::move(keep), std::move(probe),
                                std::move(still_wanted), watch);
    co_return std::move(*answer);
  }

  /// Asks, before the first attempt, for what an earlier process may have done. Retries and errors: as run().
  awaitable<bool> was_applied(std::string name, Probe probe);

 private:
  template <class T>
  static awaitable<void> keep_answer(std::shared_ptr<std::optional<T>> answer, awaitable<T> call) {
    answer->emplace(co_await std::move(call));
  }
  awaitable<void> run_until_answered(Phase phase, std::string name, Attempt<void> attempt, Probe probe,
                                     StillWanted still_wanted, AttemptWatch* watch);
  awaitable<std::exception_ptr> attempt_once(std::string name, awaitable<void> attempt, Duration deadline);
  awaitable<bool> wait_before_next(std::string name, Duration delay);
  double random_from_0_to_1();

  TaskScope& scope_;
  Clock& clock_;
  RetryPolicies const policies_;
  Duration const patience_;
  std::function<void(RetryNotice const&)> const on_retry_;
  std::mutex random_mutex_;
  std::uint64_t random_;
};

}  // namespace landfall
