#pragma once

#include <chrono>
#include <mutex>
#include <string_view>
#include <system_error>

#include <boost/asio/execution_context.hpp>

#include <landfall/protocol/message_sink.hpp>

#include "connector/write_within.hpp"

namespace landfall {

/// Protocol messages to a descriptor: stdout of a connector.
///
/// Threads:  any; one writer at a time, so that lines never interleave. write() uses a thread of its own: it does not
/// wait
///           behind calls of a connector that hang.
/// Lifetime: borrows the descriptor and leaves its O_NONBLOCK flag as it is, since other processes share it.
/// Meaning:  after a failed write, which may have torn a line, every further one fails alike: nothing is written behind
///           half a line. SIGPIPE must be ignored.
///           A reader that takes nothing until its deadline is gone, too.
/// Source:   protocol reference 1.3.
class FdSink final : public MessageSink {
 public:
  /// Waits half an hour for a reader, unless somebody says otherwise.
  explicit FdSink(int fd) : fd_(fd), deadline_(std::chrono::minutes(30)) {}

  /// From now on, also for those that wait already.
  void set_deadline(std::chrono::milliseconds deadline) noexcept { deadline_ = deadline; }

  /// Starts the thread for write() now. Errors: Error(system) when the system makes no thread.
  void start_thread();

  awaitable<void> write(std::string lines) override;

  /// The same from where blocking is allowed.
  void write_line_blocking(std::string_view lines);

  /// The same for the last line of a process that has no memory left: takes none, and waits for other writers and the
  /// reader for a few seconds at most. Where a writer is stuck in the middle of a line, that line is ended first.
  void last_line_blocking(std::string_view line) noexcept;

 private:
  int fd_;
  ReaderDeadline deadline_;
  std::mutex mutex_;
  std::error_code failure_;
  asio::execution_context threads_;  // holds the BlockingPool
};

}  // namespace landfall
