#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>

namespace landfall::testing {

/// Runs coroutines on one thread, in virtual time, in an order that a seed decides: same seed, same order.
///
/// Order:    any ready piece of work may be next, as on a pool; those of one strand keep their order. Time stands still
///           while anything is ready and then jumps to the next sleeper.
/// Threads:  the one that made it.
/// Blocking: run_blocking() runs its function as one piece of work of this thread.
/// Never:    asio timers, signals, sockets and descriptors; they start a second thread, with the real clock.
/// Lifetime: declared before whatever its coroutines wait in (queues, budgets, scopes), so that it is destroyed last.
class Simulation final : public asio::execution_context, public Clock {
  struct Work {  // a move-only void()
    virtual ~Work() = default;
    virtual void run() = 0;
  };
  template <class Function>
  struct WorkOf final : Work {
    explicit WorkOf(Function f) : function(std::move(f)) {}
    void run() override { std::move(function)(); }
    Function function;
  };

 public:
  class Executor {
   public:
    Executor(Executor const& other) noexcept : Executor(other.simulation_, other.tracked_, other.inline_allowed_) {}
    Executor& operator=(Executor const&) = delete;
    ~Executor() { count(-1); }
    friend bool operator==(Executor const& a, Executor const& b) noexcept { return a.simulation_ == b.simulation_; }

    /// A dispatch() from inside runs at once, as in a real pool; all else waits for its turn.
    template <class Function>
    void execute(Function function) const {
      if (inline_allowed_ && simulation_->running_) return std::move(function)();
      simulation_->enqueue(std::make_unique<WorkOf<Function>>(std::move(function)));
    }

    asio::execution_context& query(asio::execution::context_t) const noexcept { return *simulation_; }
    asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
      if (inline_allowed_) return asio::execution::blocking.possibly;
      return asio::execution::blocking.never;
    }
    Executor require(asio::execution::blocking_t::never_t) const noexcept { return {simulation_, tracked_, false}; }
    Executor require(asio::execution::blocking_t::possibly_t) const noexcept { return {simulation_, tracked_, true}; }
    Executor require(asio::execution::outstanding_work_t::tracked_t) const noexcept {
      return {simulation_, true, inline_allowed_};
    }
    Executor require(asio::execution::outstanding_work_t::untracked_t) const noexcept {
      return {simulation_, false, inline_allowed_};
    }

   private:
    friend class Simulation;
    Executor(Simulation* simulation, bool tracked, bool inline_allowed) noexcept
        : simulation_(simulation), tracked_(tracked), inline_allowed_(inline_allowed) {
      count(+1);
    }
    void count(int by) const noexcept {
      if (tracked_) simulation_->outstanding_ += by;
    }
    Simulation* simulation_;
    bool tracked_;
    bool inline_allowed_;
  };
  using executor_type = Executor;

  explicit Simulation(std::uint64_t seed = 0);
  ~Simulation() override;

  Executor get_executor() noexcept { return {this, false, true}; }

  /// Begins at TimePoint{}.
  TimePoint now() const override { return now_; }

  /// 2024-01-01T00:00:00Z unless set_wall_start() said another, and the virtual time since the beginning.
  std::chrono::system_clock::time_point wall_now() const override;

  void set_wall_start(std::chrono::sys_days day) { wall_start_ = day; }

  awaitable<void> sleep_until(TimePoint when) override;
  std::unique_ptr<Alarm> call_at(asio::any_io_executor executor, TimePoint when, std::function<void()> ring) override;

  /// Runs until nothing can happen any more. Returns how many pieces of work still wait for something: not 0 is a
  /// deadlock. Does not return while a task sleeps in an endless loop: see run_until().
  std::size_t run() { return run_until(TimePoint::max()); }

  /// Runs what can happen up to and at that virtual time, which then is now() (unless it is TimePoint::max()). Returns
  /// the same as run(); sleepers are among them.
  std::size_t run_until(TimePoint limit);
  std::size_t run_for(Duration time) { return run_until(now_ + time); }

  /// Runs one ready piece of work, or lets the time jump to the next sleeper. False when nothing can happen any more.
  /// So a test can act between any two steps.
  bool run_one() { return step(TimePoint::max()); }

  /// Spawns `coroutine` and runs until it ended; other work is left where it is then. Not on a strand: that would keep
  /// everything it starts on its own executor in one order.
  /// Errors: what the coroutine throws; std::runtime_error("deadlock: N parked") when nothing can happen although it
  ///         has not ended; std::runtime_error when it has not ended within `limit` of virtual time.
  template <class T>
  T run_coroutine(awaitable<T> coroutine, Duration limit = std::chrono::hours(24 * 30)) {
    auto ending = std::make_shared<Ending<T>>();  // the coroutine may stay parked after we threw
    asio::co_spawn(get_executor(), keep_result(std::move(coroutine), ending), [ending](std::exception_ptr failure) {
      ending->ended = true;
      ending->failure = failure;
    });
    run_until_ended(ending->ended, now_ + limit);
    if (ending->failure) std::rethrow_exception(ending->failure);
    if constexpr (!std::is_void_v<T>) return std::move(*ending->result);
  }

  /// Something can happen without the time going on.
  bool has_ready_work() const noexcept { return !ready_.empty(); }

  /// How many pieces of work ran.
  std::uint64_t events() const noexcept { return events_; }

 private:
  struct Sleeper;
  template <class Handler>
  struct SleeperOf;
  struct FallAsleep;
  struct RingingSleeper;
  class SleepingAlarm;
  class BlockingOnThisThread;
  using SleeperKey = std::pair<TimePoint, std::uint64_t>;

  template <class T>
  struct Ending {
    bool ended = false;
    std::exception_ptr failure;
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> result;
  };
  template <class T>
  static awaitable<void> keep_result(awaitable<T> coroutine, std::shared_ptr<Ending<T>> ending) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(coroutine);
    } else {
      ending->result.emplace(co_await std::move(coroutine));
    }
  }

  void enqueue(std::unique_ptr<Work> work);
  bool step(TimePoint limit);  // false when nothing can happen up to `limit`
  void run_until_ended(bool const& ended, TimePoint limit);
  void wake(SleeperKey key, boost::system::error_code error);
  std::uint64_t next_random() noexcept;

  std::uint64_t random_;
  std::uint64_t events_ = 0;
  std::uint64_t last_sleeper_ = 0;
  std::int64_t outstanding_ = 0;
  bool running_ = false;
  TimePoint now_{};
  std::chrono::sys_days wall_start_ = std::chrono::year(2024) / 1 / 1;
  std::vector<std::unique_ptr<Work>> ready_;
  std::map<SleeperKey, std::unique_ptr<Sleeper>> sleepers_;
};

}  // namespace landfall::testing
