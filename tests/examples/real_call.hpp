#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// A coroutine that runs on real threads, as a task does, and can be waited for and cancelled.
template <class T>
class RealCall {
 public:
  RealCall(asio::any_io_executor executor, awaitable<T> body)
      : strand_(asio::make_strand(std::move(executor))),
        future_(asio::co_spawn(strand_, run(std::move(body)),
                               asio::bind_cancellation_slot(signal_->slot(), asio::use_future))) {}

  /// One that still runs when its test has failed may use what goes next.
  ~RealCall() {
    if (!future_.valid() || ends_within(std::chrono::milliseconds(0))) return;
    cancel();
    ends_within(std::chrono::seconds(30));
  }
  RealCall(RealCall const&) = delete;
  RealCall& operator=(RealCall const&) = delete;

  void cancel() {
    asio::post(strand_, [signal = signal_] { signal->emit(asio::cancellation_type::terminal); });
  }

  bool ends_within(std::chrono::milliseconds time) { return future_.wait_for(time) == std::future_status::ready; }

  /// What it returns, or the Error with which it ends.
  T get() {
    Ended ended = end();
    if (ended.failure) throw *ended.failure;
    if constexpr (!std::is_void_v<T>) return std::move(*ended.value);
  }

  /// The error with which it ends.
  Error failure() { return end().failure.value_or(Error(ErrorClass::system, "it has not failed")); }

 private:
  /// A value: an exception that goes with its last owner, on either thread, is more than the thread sanitizer sees.
  struct Ended {
    std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value;
    std::optional<Error> failure;
  };

  static awaitable<Ended> run(awaitable<T> body) {
    Ended ended;
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(body);
      } else {
        T value = co_await std::move(body);
        ended.value.emplace(std::move(value));
      }
    } catch (...) {
      ended.failure = Error::from(std::current_exception());
    }
    co_return ended;
  }

  Ended end() {
    if (!ends_within(std::chrono::minutes(2))) throw std::runtime_error("the call does not end");
    return future_.get();
  }

  std::shared_ptr<asio::cancellation_signal> const signal_ = std::make_shared<asio::cancellation_signal>();
  asio::strand<asio::any_io_executor> const strand_;
  std::future<Ended> future_;
};

}  // namespace landfall
