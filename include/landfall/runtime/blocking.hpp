#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/run_on.hpp>

namespace landfall {

/// The threads on which blocking calls run, one set for each execution context (there is no process-wide state).
///
/// Found by run_blocking() through the caller's executor. A simulation puts its own in place, which runs the calls on
/// the simulation's one thread.
class BlockingPool : public asio::execution_context::service {
 public:
  using key_type = BlockingPool;
  inline static asio::execution_context::id id;

  /// Threads are started when first needed, at most `max_threads`.
  explicit BlockingPool(asio::execution_context& context, std::size_t max_threads = 16);
  ~BlockingPool() override;

  /// Starts threads until there are `count`, so that none of them can be missing later. At most `max_threads`.
  /// Errors: Error(system) when the system makes no thread; those that were made stay.
  void start_threads(std::size_t count);

  /// Runs `work` on one of the threads. The work must not throw.
  virtual void submit(std::function<void()> work);

  /// Waits for running work and ends the threads; called when the context goes.
  void shutdown() noexcept override;

 private:
  struct Threads;
  std::shared_ptr<Threads> threads_;
};

namespace detail {

template <class Function, class Call>
struct SubmitBlocking {
  BlockingPool* pool;
  Function* function;
  Call* call;
  std::function<void()> interrupt = nullptr;

  template <class Handler>
  void operator()(Handler handler) {
    asio::any_io_executor const executor = asio::get_associated_executor(handler);
    auto work = asio::prefer(executor, asio::execution::outstanding_work.tracked);
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (interrupt && slot.is_connected()) {
      slot.assign([interrupt = std::move(interrupt)](asio::cancellation_type) { interrupt(); });
    }
    auto shared = std::make_shared<Handler>(std::move(handler));  // std::function wants to copy
    pool->submit(
        [work = std::move(work), shared = std::move(shared), slot, function = function, call = call]() mutable {
          try {
            call->run(*function);
          } catch (...) {
            call->failure = std::current_exception();
          }
          asio::post(work, [shared = std::move(shared), slot]() mutable {
            if (slot.is_connected()) slot.clear();
            std::move (*shared)();
          });
        });
  }
};

}  // namespace detail

/// The same as run_blocking(), on the threads of `pool`: for what must not wait for a thread behind others' calls.
template <class Function>
awaitable<std::invoke_result_t<Function&>> run_blocking_on(BlockingPool& pool, Function function,
                                                           std::function<void()> interrupt = nullptr) {
  detail::RemoteCall<std::invoke_result_t<Function&>> call;
  detail::SubmitBlocking<Function, decltype(call)> initiation{&pool, &function, &call, std::move(interrupt)};
  co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(initiation, asio::use_awaitable);
  if (call.failure) std::rethrow_exception(call.failure);
  co_return call.take();
}

/// Runs `function` where blocking is allowed (file and database calls) and resumes the caller on its own executor.
///
/// Result:       what the function returns; an exception of it is rethrown here.
/// Cancellation: the call is awaited; the cancellation shows at the caller's next co_await. `interrupt`, if there is
///               one, is called meanwhile on the caller's executor, and makes the call end sooner: it must not block,
///               and it does no harm where the call has ended or not yet begun.
/// Lifetime:     references captured by the function stay valid: the caller is parked until it ends.
/// Example:      auto file = co_await landfall::run_blocking([&] { return open_file(path); });
///               Capture by reference, or name a lambda that owns something on the line before (g++ 12).
template <class Function>
awaitable<std::invoke_result_t<Function&>> run_blocking(Function function, std::function<void()> interrupt = nullptr) {
  auto executor = co_await asio::this_coro::executor;
  auto& pool = asio::use_service<BlockingPool>(asio::query(executor, asio::execution::context));
  co_return co_await run_blocking_on(pool, std::move(function), std::move(interrupt));
}

}  // namespace landfall
