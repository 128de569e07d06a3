#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include <landfall/runtime/error.hpp>

namespace landfall {

/// What to tell a user where the system makes no thread.
inline Error no_thread(std::error_code reason) {
  return system_error(
      "cannot start a thread ({}): the system allows no more of them. Raise the limit on processes of this user "
      "(ulimit -u) or of the container (pids.max), or end other programs that count towards it",
      reason.message());
}

/// A thread that runs `function`; the caller joins it. Errors: Error(system).
template <class Function>
std::thread start_thread(Function function) {
  try {
    return std::thread(std::move(function));
  } catch (std::system_error const& error) {
    throw no_thread(error.code());
  }
}

}  // namespace landfall
