#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <utility>

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
        future_(asio::co_spawn(strand_, std::move(body),
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

  /// What it returns, or throws.
  T get() {
    if (!ends_within(std::chrono::minutes(2))) throw std::runtime_error("the call does not end");
    return future_.get();
  }

  /// The error with which it ends.
  Error failure() {
    try {
      get();
    } catch (Error const& error) {
      return error;
    } catch (...) {
      return Error::from(std::current_exception());
    }
    return Error(ErrorClass::system, "it has not failed");
  }

 private:
  std::shared_ptr<asio::cancellation_signal> const signal_ = std::make_shared<asio::cancellation_signal>();
  asio::strand<asio::any_io_executor> const strand_;
  std::future<T> future_;
};

}  // namespace landfall
