#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// Coroutines that wait for a condition which a mutex protects: what queue, budget and scope are built from.
///
/// Use:      while (!condition) { unlock; co_await list.wait(mutex, condition); lock }. The condition is looked at
///           again under the lock before the caller is parked, so no wake-up is lost; nothing is handed over with the
///           wake-up, so no element is lost when a waiter is cancelled at that moment.
/// Threads:  wake_all() and wait() from any; each waiter resumes on its own executor.
/// Lifetime: outlives its waiters, or is destroyed when their executor is.
class WaitList {
 public:
  /// Parks the caller until wake_all(), unless `condition()` (called with `mutex` held) is true already.
  /// Errors: boost::system::system_error(operation_aborted) when cancelled.
  template <class Condition>
  awaitable<void> wait(std::mutex& mutex, Condition condition) {
    Initiation<Condition> initiation{this, &mutex, &condition};
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void(boost::system::error_code)>(initiation,
                                                                                                  asio::use_awaitable);
  }

  /// Resumes all that wait now. Call with the mutex held.
  void wake_all() {
    std::map<std::uint64_t, std::unique_ptr<Waiter>> woken;
    woken.swap(waiters_);
    for (auto& [ticket, waiter] : woken) waiter->complete({});
  }

 private:
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void complete(boost::system::error_code error) = 0;  // posts; called once
  };

  template <class Handler>
  struct WaiterOf final : Waiter {
    WaiterOf(Handler&& h, asio::any_io_executor const& executor)
        : work(asio::prefer(executor, asio::execution::outstanding_work.tracked)), handler(std::move(h)) {}
    void complete(boost::system::error_code error) override {
      asio::post(work, [h = std::move(handler), error]() mutable { std::move(h)(error); });
    }
    asio::any_io_executor work;  // counts as a parked operation
    Handler handler;
  };

  template <class Condition>
  struct Initiation {
    WaitList* list;
    std::mutex* mutex;
    Condition* condition;

    template <class Handler>
    void operator()(Handler handler) {
      asio::any_io_executor const executor = asio::get_associated_executor(handler);
      auto slot = asio::get_associated_cancellation_slot(handler);
      auto waiter = std::make_unique<WaiterOf<Handler>>(std::move(handler), executor);
      std::lock_guard const lock(*mutex);
      if ((*condition)()) {
        waiter->complete({});
        return;
      }
      auto const ticket = ++list->last_ticket_;
      list->waiters_.emplace(ticket, std::move(waiter));
      if (slot.is_connected()) {
        slot.assign([list = list, mutex = mutex, ticket](asio::cancellation_type) { list->cancel(*mutex, ticket); });
      }
    }
  };

  // A ticket is never used twice: a cancellation that comes late finds nobody.
  void cancel(std::mutex& mutex, std::uint64_t ticket) {
    std::lock_guard const lock(mutex);
    auto cancelled = waiters_.extract(ticket);
    if (!cancelled.empty()) cancelled.mapped()->complete(asio::error::operation_aborted);
  }

  std::map<std::uint64_t, std::unique_ptr<Waiter>> waiters_;  // in order of arrival
  std::uint64_t last_ticket_ = 0;
};

}  // namespace landfall
