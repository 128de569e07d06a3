#include "connector/worker_threads.hpp"

#include <landfall/runtime/blocking.hpp>

#include "runtime/start_thread.hpp"

namespace landfall {

namespace {

// One call that hangs must not hold up the others, wherever the system makes no thread later on.
constexpr std::size_t first_blocking_threads = 2;

}  // namespace

WorkerThreads::WorkerThreads(std::size_t count)
    : context_(static_cast<int>(count)), work_(asio::make_work_guard(context_)) {
  try {
    asio::use_service<BlockingPool>(context_).start_threads(first_blocking_threads);
    threads_.reserve(count);
    while (threads_.size() < count) threads_.push_back(start_thread([this] { context_.run(); }));
  } catch (...) {
    context_.stop();
    join_threads();
    throw;
  }
}

WorkerThreads::~WorkerThreads() {
  context_.stop();
  join_threads();
}

void WorkerThreads::join() {
  work_.reset();
  join_threads();
}

void WorkerThreads::join_threads() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace landfall
