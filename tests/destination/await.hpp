#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// Runs a coroutine that waits for nobody, here and now; rethrows what it throws.
template <class T>
T await(awaitable<T> coroutine) {
  asio::io_context context(1);
  std::exception_ptr failure;
  bool ended = false;
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr error) {
      failure = std::move(error);
      ended = true;
    });
    context.run();
    EXPECT_TRUE(ended);
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> result;
    auto keep = [&result](awaitable<T> inner) -> awaitable<void> { result.emplace(co_await std::move(inner)); };
    await(keep(std::move(coroutine)));
    return std::move(*result);
  }
}

}  // namespace landfall
