#include <landfall/runtime/blocking.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "runtime/start_thread.hpp"

namespace landfall {

struct BlockingPool::Threads {
  explicit Threads(std::size_t max) : max_threads(max) {}

  void work_until_stopped() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle_count;
      something_to_do.wait(lock, [this] { return stopping || !queue.empty(); });
      --idle_count;
      if (stopping) return;
      auto work = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      work();
      work = nullptr;  // what it captured may be destroyed only without the lock
      lock.lock();
    }
  }

  // True when a thread will come to the queue.
  bool ensure_thread_on_lock() {
    if (queue.size() <= idle_count || threads.size() == max_threads) return true;
    try {
      add_thread_on_lock();
    } catch (Error const&) {  // the machine has no more: the threads that exist do the work
      return !threads.empty();
    } catch (std::bad_alloc const&) {
      return !threads.empty();
    }
    return true;
  }

  void add_thread_on_lock() {
    threads.reserve(threads.size() + 1);  // a thread that was made must have its place
    threads.push_back(start_thread([this] { work_until_stopped(); }));
  }

  std::size_t const max_threads;
  std::mutex mutex;
  std::condition_variable something_to_do;
  bool stopping = false;
  std::size_t idle_count = 0;
  std::deque<std::function<void()>> queue;
  std::vector<std::thread> threads;
};

BlockingPool::BlockingPool(asio::execution_context& context, std::size_t max_threads)
    : asio::execution_context::service(context), threads_(std::make_shared<Threads>(max_threads)) {
  LANDFALL_ASSERT(max_threads > 0);
}

BlockingPool::~BlockingPool() { LANDFALL_ASSERT(threads_->threads.empty()); }

void BlockingPool::start_threads(std::size_t count) {
  LANDFALL_ASSERT(count <= threads_->max_threads);
  std::lock_guard const lock(threads_->mutex);
  while (threads_->threads.size() < count) threads_->add_thread_on_lock();
}

void BlockingPool::submit(std::function<void()> work) {
  auto const threads = threads_;  // the work may end, and this pool with it, before we return
  bool somebody_comes = false;
  {
    std::lock_guard const lock(threads->mutex);
    if (threads->stopping) return;  // the context goes: the caller is never resumed
    threads->queue.push_back(std::move(work));
    somebody_comes = threads->ensure_thread_on_lock();
    if (!somebody_comes) {
      work = std::move(threads->queue.back());
      threads->queue.pop_back();
    }
  }
  if (somebody_comes) {
    threads->something_to_do.notify_one();  // without the lock, which the thread takes at once
  } else {
    work();  // late rather than never
  }
}

void BlockingPool::shutdown() noexcept {
  std::deque<std::function<void()>> dropped;  // destroyed when no thread runs any more
  {
    std::lock_guard const lock(threads_->mutex);
    threads_->stopping = true;
    dropped.swap(threads_->queue);
  }
  threads_->something_to_do.notify_all();
  for (auto& thread : threads_->threads) thread.join();
  threads_->threads.clear();
}

}  // namespace landfall
