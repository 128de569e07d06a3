#include <landfall/runtime/task_scope.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <list>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/wait_list.hpp>

#include "runtime/out_of_memory.hpp"

namespace landfall {

namespace {

constexpr std::array all_conditions = {TerminalCondition::self_terminating, TerminalCondition::on_end_of_sync,
                                       TerminalCondition::on_sync_failure};

/// `a && b` and `a || b` unwind with a wrapper of the first operand's exception.
bool is_unwinding(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (asio::multiple_exceptions const& both) {
    return is_cancellation(both.first_exception());
  } catch (...) {
    return is_cancellation(failure);
  }
}

TimePoint after(TimePoint now, Duration time) { return time > TimePoint::max() - now ? TimePoint::max() : now + time; }

/// Waits for `condition`, which the scope's mutex protects. Called with throw_if_cancelled(false): a cancellation ends
/// one wait, and the next one is not disturbed any more.
template <class Condition>
awaitable<void> wait_in_any_case(auto& state, Condition condition) {
  for (;;) {
    {
      std::lock_guard const lock(state.mutex);
      if (condition()) co_return;
    }
    try {
      co_await state.waiters.wait(state.mutex, condition);
    } catch (boost::system::system_error const& error) {
      LANDFALL_ASSERT(error.code() == asio::error::operation_aborted);
    }
  }
}

}  // namespace

/// One started task. Signal and flags are touched on its strand only; the signal lives as long as anything that emits
/// it, since co_spawn keeps a pointer into it.
struct TaskHandle::Running : std::enable_shared_from_this<TaskHandle::Running> {
  Running(std::string task_name, TerminalCondition terminal_condition, asio::any_io_executor const& executor)
      : name(std::move(task_name)), condition(terminal_condition), strand(asio::make_strand(executor)) {}

  /// Started on the strand, so that a cancellation, which is posted there later, cannot overtake the start. Deferred:
  /// who starts a task is nearly done, and this thread goes on with it.
  template <class OnEnd>
  void start(awaitable<void> body, OnEnd on_end) {
    asio::defer(strand, [self = shared_from_this(), body = std::move(body), on_end = std::move(on_end)]() mutable {
      auto ended = [self, on_end = std::move(on_end)](std::exception_ptr failure) {
        self->ended_on_strand = true;
        self->insist_on_no(failure);
        on_end();
      };
      asio::co_spawn(self->strand, std::move(body),
                     asio::bind_cancellation_slot(self->signal.slot(), std::move(ended)));
    });
  }

  void cancel() {
    asio::post(strand, [self = shared_from_this()] {
      if (self->ended_on_strand) return;
      self->cancelled_on_strand = true;
      self->signal.emit(asio::cancellation_type::terminal);
    });
  }

  std::string const name;
  TerminalCondition const condition;
  bool overdue = false;  // guarded by the scope's mutex: nobody waits for it any more

 private:
  void insist_on_no(std::exception_ptr const& failure) const {
    if (!failure) return;
    if (cancelled_on_strand && is_unwinding(failure)) return;        // it unwound, as it was asked to
    if (is_out_of_memory(failure)) std::rethrow_exception(failure);  // there was none to report it, either
    fmt::print(stderr, "landfall: task '{}' was left by an exception: {}\n", name, Error::from(failure).what());
    assertion_failed("a task reports its failures itself", __FILE__, __LINE__);
  }

  asio::strand<asio::any_io_executor> const strand;
  asio::cancellation_signal signal;
  bool cancelled_on_strand = false;
  bool ended_on_strand = false;
};

/// A body in run_within(): shared with it, since it may be left alone.
struct TaskScope::Call {
  void end_deadline() {
    std::lock_guard const lock(mutex);
    deadline_is_over = true;
    waiters.wake_all();
  }
  void end_patience() {
    std::lock_guard const lock(mutex);
    patience_is_over = true;
    waiters.wake_all();
  }

  std::mutex mutex;
  bool ended = false;
  bool deadline_is_over = false;
  bool patience_is_over = false;
  std::exception_ptr failure;
  WaitList waiters;  // the one who called
};

struct TaskScope::State {
  using Running = TaskHandle::Running;

  bool must_end_on_lock(TerminalCondition condition) const { return ending[static_cast<std::size_t>(condition)]; }

  bool all_ended_or_overdue_on_lock() const {
    return std::all_of(tasks.begin(), tasks.end(), [](auto const& task) { return task->overdue; });
  }

  std::vector<std::string> names_on_lock() const {
    std::vector<std::string> names;
    for (auto const& task : tasks) names.push_back(task->name);
    return names;
  }

  std::mutex mutex;
  std::list<std::shared_ptr<Running>> tasks;  // in the order in which they were started
  std::array<bool, 3> ending{};               // by terminal condition: cancelled, also those started from now on
  WaitList waiters;                           // for a task's end, or the deadline
  std::list<std::weak_ptr<Call>> calls;       // in run_within()
  std::optional<Duration> later_deadline;     // set: hurried
};

void TaskHandle::cancel() const {
  if (auto const running = running_.lock()) running->cancel();
}

TaskScope::TaskScope(asio::any_io_executor executor, Clock& clock, Duration graceful_timeout)
    : executor_(std::move(executor)),
      clock_(clock),
      graceful_timeout_(graceful_timeout),
      state_(std::make_shared<State>()) {
  LANDFALL_ASSERT(graceful_timeout >= Duration::zero());
}

TaskScope::~TaskScope() {
  std::lock_guard const lock(state_->mutex);
  LANDFALL_ASSERT(state_->tasks.empty());
}

TaskHandle TaskScope::launch(std::string name, TerminalCondition condition, awaitable<void> body) {
  auto const task = std::make_shared<TaskHandle::Running>(std::move(name), condition, executor_);
  std::lock_guard const lock(state_->mutex);
  auto leave = [state = state_, place = state_->tasks.insert(state_->tasks.end(), task)] {
    std::lock_guard const lock_again(state->mutex);
    state->tasks.erase(place);
    state->waiters.wake_all();
  };
  task->start(std::move(body), std::move(leave));
  if (state_->must_end_on_lock(condition)) task->cancel();
  return TaskHandle(task);
}

awaitable<void> TaskScope::close() {
  // Not interrupted by a cancellation: it would leave tasks behind. It lasts no longer than the deadline.
  bool const throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  cancel_where([](TerminalCondition condition) { return condition == TerminalCondition::on_end_of_sync; });
  bool const all_ended = co_await wait_until_empty(after(clock_.now(), graceful_timeout_));
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (!all_ended) {
    auto const late = running();
    throw system_error("tasks have not ended in time: {}", fmt::join(late, ", "));
  }
}

awaitable<std::vector<std::string>> TaskScope::kill() {
  bool const throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  cancel_where([](TerminalCondition condition) { return condition != TerminalCondition::self_terminating; });
  bool all_ended = co_await wait_until_empty(after(clock_.now(), graceful_timeout_));
  if (!all_ended) {
    cancel_where([](TerminalCondition) { return true; });
    all_ended = co_await wait_until_empty(after(clock_.now(), graceful_timeout_));
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (all_ended) co_return std::vector<std::string>();
  co_return running();
}

std::vector<std::string> TaskScope::running() const {
  std::lock_guard const lock(state_->mutex);
  return state_->names_on_lock();
}

awaitable<bool> TaskScope::wait_until_empty(TimePoint deadline) {
  auto const state = state_;
  {
    std::lock_guard const lock(state->mutex);
    if (state->all_ended_or_overdue_on_lock()) co_return state->tasks.empty();
  }
  auto const rang = std::make_shared<bool>(false);  // guarded by the scope's mutex
  auto const alarm = clock_.call_at(executor_, deadline, [state, rang] {
    std::lock_guard const lock(state->mutex);
    *rang = true;
    state->waiters.wake_all();
  });
  auto const ended_or_late = [&state = *state, &rang = *rang] { return rang || state.all_ended_or_overdue_on_lock(); };
  co_await wait_in_any_case(*state, ended_or_late);
  co_return running().empty();
}

namespace {

/// Its exception does not leave the task: it is handed over to the one who called.
template <class Call>
awaitable<void> note_end(std::shared_ptr<Call> call, awaitable<void> body) {
  std::exception_ptr failure;
  try {
    co_await std::move(body);
  } catch (...) {
    failure = std::current_exception();
  }
  std::lock_guard const lock(call->mutex);
  call->failure = std::move(failure);
  call->ended = true;
  call->waiters.wake_all();
}

double in_seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

awaitable<void> TaskScope::run_within(std::string name, awaitable<void> body, Duration deadline, Duration patience) {
  bool const throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  TimePoint const started = clock_.now();
  auto const state = state_;
  auto const call = std::make_shared<Call>();
  TaskHandle const task = launch(name, TerminalCondition::self_terminating, note_end(call, std::move(body)));
  {
    std::lock_guard const lock(state->mutex);
    if (state->later_deadline) deadline = std::min(deadline, *state->later_deadline);
    state->calls.remove_if([](auto const& other) { return other.expired(); });
    state->calls.push_back(call);
  }
  bool cancelled = (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none;
  if (!cancelled) {
    auto const alarm = clock_.call_at(executor_, after(clock_.now(), deadline), [call] { call->end_deadline(); });
    auto const ended_or_due = [&call = *call] { return call.ended || call.deadline_is_over; };
    try {
      co_await call->waiters.wait(call->mutex, ended_or_due);
    } catch (boost::system::system_error const& error) {
      LANDFALL_ASSERT(error.code() == asio::error::operation_aborted);
      cancelled = true;
    }
  }
  std::unique_lock lock(call->mutex);
  bool const was_interrupted = !call->ended;
  auto const waited = std::chrono::round<std::chrono::milliseconds>(std::min(deadline, clock_.now() - started));
  if (was_interrupted) {
    lock.unlock();
    task.cancel();
    auto const alarm = clock_.call_at(executor_, after(clock_.now(), patience), [call] { call->end_patience(); });
    auto const ended_or_overdue = [&call = *call] { return call.ended || call.patience_is_over; };
    co_await wait_in_any_case(*call, ended_or_overdue);
    lock.lock();
  }
  bool const overdue = !call->ended;
  std::exception_ptr failure = std::exchange(call->failure, nullptr);
  lock.unlock();
  if (overdue) {
    std::lock_guard const scope_lock(state->mutex);
    if (auto const running = task.running_.lock()) running->overdue = true;
    state->waiters.wake_all();
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (overdue) {
    Error error = unknown_outcome_error("{} still running after {:g} s: it does not react to its cancellation", name,
                                        in_seconds(waited + patience));
    error.set_call_still_runs();
    throw error;
  }
  if (!failure) co_return;
  if (was_interrupted && !cancelled && is_unwinding(failure)) {
    throw unknown_outcome_error("{} gave no answer within {:g} s", name, in_seconds(waited));
  }
  std::rethrow_exception(std::move(failure));
}

void TaskScope::hurry(Duration later_deadline) {
  std::list<std::weak_ptr<Call>> calls;
  {
    std::lock_guard const lock(state_->mutex);
    state_->later_deadline = later_deadline;
    calls.swap(state_->calls);
  }
  for (auto const& weak : calls) {
    if (auto const call = weak.lock()) call->end_deadline();
  }
}

bool TaskScope::is_hurried() const {
  std::lock_guard const lock(state_->mutex);
  return state_->later_deadline.has_value();
}

void TaskScope::cancel_where(bool (*matches)(TerminalCondition)) {
  std::lock_guard const lock(state_->mutex);
  for (auto const condition : all_conditions) {
    if (matches(condition)) state_->ending[static_cast<std::size_t>(condition)] = true;
  }
  for (auto const& task : state_->tasks) {
    if (matches(task->condition)) task->cancel();
  }
}

}  // namespace landfall
