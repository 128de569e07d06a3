#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

/// A call that will be made at some time. Destroying it takes the call back; one that is being made meanwhile on
/// another thread may still run.
class Alarm {
 public:
  virtual ~Alarm() = default;
};

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

  /// Calls `ring` on `executor`, once, not before `when`. It must not throw, and what it touches must live by itself.
  virtual std::unique_ptr<Alarm> call_at(asio::any_io_executor executor, TimePoint when,
                                         std::function<void()> ring) = 0;

  awaitable<void> sleep_for(Duration time) { return sleep_until(now() + time); }
};

/// The machine's clock; sleeps on a timer of the caller's executor.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  std::chrono::system_clock::time_point wall_now() const override;
  awaitable<void> sleep_until(TimePoint when) override;
  std::unique_ptr<Alarm> call_at(asio::any_io_executor executor, TimePoint when, std::function<void()> ring) override;
};

}  // namespace landfall
