#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>

namespace landfall {

/// How a task comes to its end (base design: terminal condition of a task).
enum class TerminalCondition {
  self_terminating,  ///< ends by itself and is awaited at the end
  on_end_of_sync,    ///< endless; cancelled at the end, on success and on failure
  on_sync_failure,   ///< ends by itself on success, is cancelled on failure: the reader
};

/// A weak reference to one running task of a TaskScope.
///
/// Threads:  any. Using a handle after its task ended, or after the scope is gone, does nothing.
/// Lifetime: cancel() only while the task's executor exists.
class TaskHandle {
 public:
  TaskHandle() = default;

  /// Asks the task to end: its current and every later co_await throws operation_aborted.
  void cancel() const;

  /// The task has ended, or its scope is gone.
  bool ended() const noexcept { return running_.expired(); }

 private:
  friend class TaskScope;
  struct Running;
  explicit TaskHandle(std::weak_ptr<Running> running) : running_(std::move(running)) {}
  std::weak_ptr<Running> running_;
};

/// Owns every task that was started: none is detached, all are joined.
///
/// Threads:   any.
/// Lifetime:  the destructor asserts that nothing runs any more: close() or kill() first, and where tasks were late,
///            keep the scope until running() is empty or end the process.
/// Invariant: each task runs on a strand of its own, so that a cancellation never overtakes its start.
/// Source:    base design, task scope provider (1.1), behaviours 35-41; W18: cancelled tasks are joined as well, under
///            one deadline for all.
class TaskScope {
 public:
  /// `graceful_timeout`: how long close(), and each of the two waits of kill(), lasts at most; 0: what has not ended at
  /// once is late.
  TaskScope(asio::any_io_executor executor, Clock& clock, Duration graceful_timeout);
  TaskScope(TaskScope const&) = delete;
  TaskScope& operator=(TaskScope const&) = delete;
  ~TaskScope();

  /// Starts `body`. An exception that leaves the body ends the process: bodies report their failures themselves. Only
  /// the operation_aborted of a cancelled task may pass, and std::bad_alloc, which leaves the executor's run(). A task
  /// that is started after close() or kill() cancelled its kind is cancelled as well.
  TaskHandle launch(std::string name, TerminalCondition condition, awaitable<void> body);

  /// Runs `body` as a task called `name` and waits for its end: for a call into code that may never answer.
  ///
  /// At the deadline it is cancelled, and so it is when the caller is. It is joined then: an answer that comes late is
  /// an answer. A body that has not ended `patience` later is overdue: it is left alone, still named by running(), and
  /// nobody waits for it any more.
  /// Errors: what the body throws; Error(unknown_outcome) which says how long was waited, for one that was cancelled at
  ///         the deadline; Error(unknown_outcome) with call_still_runs() for one that is overdue.
  /// Lifetime: what the body uses must outlive it, also when it is overdue.
  awaitable<void> run_within(std::string name, awaitable<void> body, Duration deadline, Duration patience);

  /// The deadline of every body in run_within() is now; those that come later have `later_deadline` at most.
  void hurry(Duration later_deadline);
  bool is_hurried() const;

  /// The good end: cancels on_end_of_sync tasks and waits for all.
  /// Errors: Error(system) which names the tasks that still run at the deadline.
  /// Cancellation: as in kill(), not before the tasks are joined or late; it shows at the caller's next co_await.
  awaitable<void> close();

  /// The bad end: cancels on_end_of_sync and on_sync_failure tasks, waits for all; at the deadline cancels the
  /// self_terminating ones too and waits once more. Returns the names of those that run even then; never throws.
  /// Does not wait for what is overdue.
  awaitable<std::vector<std::string>> kill();

  /// Names of the tasks that run now, in the order in which they were started.
  std::vector<std::string> running() const;

 private:
  struct State;
  struct Call;
  awaitable<bool> wait_until_empty(TimePoint deadline);
  void cancel_where(bool (*matches)(TerminalCondition));

  asio::any_io_executor executor_;
  Clock& clock_;
  Duration graceful_timeout_;
  std::shared_ptr<State> state_;
};

}  // namespace landfall
