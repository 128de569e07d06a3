#pragma once

#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// A coroutine on a strand of its own which a test can cancel and whose end it can see.
class Spawned {
 public:
  Spawned(asio::any_io_executor executor, awaitable<void> body)
      : state_(std::make_shared<State>(asio::make_strand(std::move(executor)))) {
    asio::post(state_->strand, [state = state_, body = std::move(body)]() mutable {
      auto on_end = [state](std::exception_ptr failure) {
        state->failure = failure;
        state->ended = true;
      };
      asio::co_spawn(state->strand, std::move(body), asio::bind_cancellation_slot(state->signal.slot(), on_end));
    });
  }

  void cancel() const {
    asio::post(state_->strand, [state = state_] {
      if (!state->ended) state->signal.emit(asio::cancellation_type::terminal);
    });
  }

  bool ended() const { return state_->ended; }
  bool succeeded() const { return state_->ended && !state_->failure; }
  bool was_cancelled() const { return state_->ended && is_cancellation(state_->failure); }

 private:
  struct State {
    explicit State(asio::strand<asio::any_io_executor> s) : strand(std::move(s)) {}
    asio::strand<asio::any_io_executor> strand;
    asio::cancellation_signal signal;
    std::exception_ptr failure;
    bool ended = false;
  };
  std::shared_ptr<State> state_;
};

}  // namespace landfall
