#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// The threads on which a connector's coroutines run, and the context of their executors.
///
/// All threads exist once it is constructed: asio::thread_pool waits for ever in its constructor when one cannot be
/// made.
/// Threads:  constructed, joined and destroyed by one thread that is none of them.
/// Lifetime: outlives whatever belongs to its executors.
class WorkerThreads {
 public:
  /// Also starts the first threads for blocking calls. Errors: Error(system) when the system makes no thread.
  explicit WorkerThreads(std::size_t count);
  WorkerThreads(WorkerThreads const&) = delete;
  WorkerThreads& operator=(WorkerThreads const&) = delete;
  /// What has not begun is dropped.
  ~WorkerThreads();

  asio::io_context& context() noexcept { return context_; }

  /// Waits until nothing is left to do.
  void join();

 private:
  void join_threads();

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

}  // namespace landfall
