#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <landfall/connector/run_sync.hpp>

namespace landfall {

/// The first SIGTERM or SIGINT asks the sync to end in order, the second one ends the process at once.
///
/// Threads: it has one of its own, which waits for nothing but signals: a loader that holds every thread of the pool,
/// or
///          a stdout that nobody reads, does not make the process deaf. For the same reason it does not log.
class SignalWatch {
 public:
  /// `on_first` is called on that thread when the first signal has come; it must not block.
  /// Errors: Error(system) when the system makes no thread.
  SignalWatch(StopHandle stop, std::function<void()> on_first);
  SignalWatch(SignalWatch const&) = delete;
  SignalWatch& operator=(SignalWatch const&) = delete;
  ~SignalWatch();

  /// The first signal that came; 0 when there was none.
  int received() const noexcept { return received_; }

 private:
  void wait_for_next();
  void handle(int signal_number);

  StopHandle stop_;
  std::function<void()> on_first_;
  std::atomic<int> received_ = 0;
  asio::io_context context_{1};
  asio::signal_set signals_;
  std::thread thread_;
};
}  // namespace landfall
