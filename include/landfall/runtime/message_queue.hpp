#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/wait_list.hpp>

namespace landfall {

/// A queue between coroutines, bounded in bytes; drained after its end is announced.
///
/// Units:    bytes as told by push(); one element larger than the capacity is let in alone.
/// Threads:  any number of producers and consumers; each resumes on its own executor.
/// Meaning:  close() announces the end: what is queued is still delivered, then consumers see the end.
/// Errors:   boost::system::system_error(operation_aborted) when a waiter is cancelled; no element is lost by it.
/// Source:   base design, message queues (behaviours 121, 122).
template <class T>
class MessageQueue {
 public:
  explicit MessageQueue(std::uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}
  MessageQueue(MessageQueue const&) = delete;
  MessageQueue& operator=(MessageQueue const&) = delete;

  /// Waits for room. False, and nothing queued, when the queue was closed.
  awaitable<bool> push(T element, std::uint64_t bytes) {
    for (;;) {
      {
        std::lock_guard const lock(mutex_);
        if (closed_) co_return false;
        if (has_room(bytes)) {
          put(std::move(element), bytes);
          co_return true;
        }
      }
      auto ready = [this, bytes] { return closed_ || has_room(bytes); };
      co_await producers_.wait(mutex_, ready);
    }
  }

  /// Queues beyond the capacity rather than wait, for producers that are bounded otherwise (a MemoryBudget).
  /// False when the queue was closed.
  bool push_now(T element, std::uint64_t bytes) {
    std::lock_guard const lock(mutex_);
    if (closed_) return false;
    put(std::move(element), bytes);
    return true;
  }

  /// As push_now(), for the consumer of pop_woken(): it is not woken.
  bool push_quietly(T element, std::uint64_t bytes) {
    std::lock_guard const lock(mutex_);
    if (closed_) return false;
    put_quietly(std::move(element), bytes);
    return true;
  }

  /// As push_quietly(), but `join(last, element)` may put it into the last one that is queued: it says whether it did.
  template <class Join>
  bool push_quietly(T element, std::uint64_t bytes, Join join) {
    std::lock_guard const lock(mutex_);
    if (closed_) return false;
    if (elements_.empty() || !join(elements_.back().first, element)) {
      put_quietly(std::move(element), bytes);
    } else {
      elements_.back().second += bytes;
      queued_bytes_ += bytes;
    }
    return true;
  }

  /// The next element in order; empty when the queue is closed and drained.
  awaitable<std::optional<T>> pop() {
    for (;;) {
      {
        std::lock_guard const lock(mutex_);
        if (!elements_.empty()) co_return take();
        if (closed_) co_return std::nullopt;
      }
      auto ready = [this] { return closed_ || !elements_.empty(); };
      co_await consumers_.wait(mutex_, ready);
    }
  }

  /// What pop_all() saw.
  struct Drained {
    Drained() = default;
    std::vector<T> elements;  ///< in order; may be empty after wake()
    bool ended = false;       ///< nothing will follow these
  };

  /// Everything that is queued. Waits for an element, a wake() or the end.
  awaitable<Drained> pop_all() {
    for (;;) {
      {
        std::lock_guard const lock(mutex_);
        if (!elements_.empty() || closed_ || woken_) co_return drain();
      }
      auto ready = [this] { return closed_ || woken_ || !elements_.empty(); };
      co_await consumers_.wait(mutex_, ready);
    }
  }

  /// Everything that is queued, but not before a wake() or the end: for a consumer who gains nothing by looking at each
  /// element as it comes.
  awaitable<Drained> pop_woken() {
    for (;;) {
      {
        std::lock_guard const lock(mutex_);
        if (closed_ || woken_) co_return drain();
      }
      auto ready = [this] { return closed_ || woken_; };
      co_await consumers_.wait(mutex_, ready);
    }
  }

  /// What is queued now; may be empty.
  Drained take_queued() {
    std::lock_guard const lock(mutex_);
    return drain();
  }

  /// Makes the current or the next pop_all() or pop_woken() return although nothing was queued: "look again".
  void wake() {
    std::lock_guard const lock(mutex_);
    woken_ = true;
    consumers_.wake_all();
  }

  /// Announces the end. Later pushes answer false. Closing twice is harmless.
  void close() {
    std::lock_guard const lock(mutex_);
    closed_ = true;
    consumers_.wake_all();
    producers_.wake_all();
  }

  /// Closes, and drops what is queued.
  void discard() {
    std::deque<std::pair<T, std::uint64_t>> dropped;  // destroyed after the lock is released
    std::lock_guard const lock(mutex_);
    closed_ = true;
    dropped.swap(elements_);
    queued_bytes_ = 0;
    consumers_.wake_all();
    producers_.wake_all();
  }

  std::uint64_t queued_bytes() const {
    std::lock_guard const lock(mutex_);
    return queued_bytes_;
  }

 private:
  bool has_room(std::uint64_t bytes) const { return elements_.empty() || queued_bytes_ + bytes <= capacity_bytes_; }
  void put(T&& element, std::uint64_t bytes) {
    put_quietly(std::move(element), bytes);
    consumers_.wake_all();
  }
  void put_quietly(T&& element, std::uint64_t bytes) {
    elements_.emplace_back(std::move(element), bytes);
    queued_bytes_ += bytes;
  }
  Drained drain() {
    Drained drained;
    drained.elements.reserve(elements_.size());
    while (!elements_.empty()) drained.elements.push_back(*take());
    drained.ended = closed_;
    woken_ = false;
    return drained;
  }
  std::optional<T> take() {
    std::optional<T> element(std::move(elements_.front().first));
    queued_bytes_ -= elements_.front().second;
    elements_.pop_front();
    producers_.wake_all();
    return element;
  }

  mutable std::mutex mutex_;
  std::uint64_t const capacity_bytes_;
  std::uint64_t queued_bytes_ = 0;
  bool closed_ = false;
  bool woken_ = false;
  std::deque<std::pair<T, std::uint64_t>> elements_;
  WaitList consumers_;
  WaitList producers_;
};

}  // namespace landfall
