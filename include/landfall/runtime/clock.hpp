#pragma once

#include <chrono>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

/// The only source of time: the real one in a connector, a virtual one in simulation.
///
/// Threads:  any.
/// Lifetime: outlives every coroutine that sleeps on it.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Monotonic.
  virtual TimePoint now() const = 0;

  /// Time of day, for what is written into messages and rows.
  virtual std::chrono::system_clock::time_point wall_now() const = 0;

  /// Resumes on the caller's executor, not before `when`.
  /// Errors: boost::system::system_error(operation_aborted) when cancelled.
  virtual awaitable<void> sleep_until(TimePoint when) = 0;

  awaitable<void> sleep_for(Duration time) { return sleep_until(now() + time); }
};

/// The machine's clock; sleeps on a timer of the caller's executor.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  std::chrono::system_clock::time_point wall_now() const override;
  awaitable<void> sleep_until(TimePoint when) override;
};

}  // namespace landfall
