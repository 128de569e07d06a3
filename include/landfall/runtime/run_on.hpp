#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

namespace detail {

/// What one call elsewhere leaves behind: its result or its exception.
template <class Result>
struct RemoteCall {
  std::optional<Result> result;
  std::exception_ptr failure;
  template <class Function>
  void run(Function& function) {
    result.emplace(function());
  }
  Result take() { return std::move(*result); }
};
template <>
struct RemoteCall<void> {
  std::exception_ptr failure;
  template <class Function>
  void run(Function& function) {
    function();
  }
  void take() {}
};

template <class Function>
struct RunOn {
  using Call = RemoteCall<std::invoke_result_t<Function&>>;
  asio::any_io_executor* where;
  Function* function;
  Call* call;

  // Deferred, both ways: the caller is parked at once, so this thread is free to go on there. No other one is woken.
  template <class Handler>
  void operator()(Handler handler) {
    asio::any_io_executor const executor = asio::get_associated_executor(handler);
    auto back = asio::prefer(executor, asio::execution::outstanding_work.tracked);
    asio::defer(*where,
                [back = std::move(back), handler = std::move(handler), function = function, call = call]() mutable {
                  try {
                    call->run(*function);
                  } catch (...) {
                    call->failure = std::current_exception();
                  }
                  asio::defer(back, std::move(handler));
                });
  }
};

}  // namespace detail

/// Runs a plain function on `where` (the control strand) and resumes the caller on its own executor.
///
/// Result:       what the function returns; an exception of it is rethrown here.
/// Cancellation: the call is awaited, never skipped; the cancellation shows at the caller's next co_await.
/// Lifetime:     references captured by the function stay valid: the caller is parked until it ends.
template <class Function>
awaitable<std::invoke_result_t<Function&>> run_on(asio::any_io_executor where, Function function) {
  typename detail::RunOn<Function>::Call call;
  detail::RunOn<Function> initiation{&where, &function, &call};
  co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(initiation, asio::use_awaitable);
  if (call.failure) std::rethrow_exception(call.failure);
  co_return call.take();
}

}  // namespace landfall
