#pragma once

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <landfall/runtime/awaitable.hpp>

namespace landfall::benchmarks {

/// Runs a coroutine on this thread until it ends; throws what it throws.
inline void run_coroutine(awaitable<void> coroutine) {
  asio::io_context context(1);
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr thrown) { failure = std::move(thrown); });
  context.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace landfall::benchmarks
