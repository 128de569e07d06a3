#include "connector/fd_sink.hpp"

#include <poll.h>

#include <chrono>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

Error writing_failed(std::error_code failure) {
  if (failure == std::errc::broken_pipe) return transient_error("stdout was closed by the reader");
  if (failure == std::errc::timed_out) return transient_error("nobody reads stdout");
  return transient_error("writing to stdout failed: {}", failure.message());
}

}  // namespace

void FdSink::start_thread() { asio::use_service<BlockingPool>(threads_).start_threads(1); }

awaitable<void> FdSink::write(std::string lines) {
  auto& pool = asio::use_service<BlockingPool>(threads_);
  co_await run_blocking_on(pool, [this, &lines] { write_line_blocking(lines); });
}

void FdSink::write_line_blocking(std::string_view lines) {
  LANDFALL_ASSERT(lines.empty() || lines.back() == '\n');
  std::lock_guard const lock(mutex_);
  if (!failure_) failure_ = write_within(deadline_, fd_, lines);
  if (failure_) throw writing_failed(failure_);
}

void FdSink::last_line_blocking(std::string_view line) noexcept {
  constexpr int attempts = 200;
  constexpr int pause_ms = 10;
  static ReaderDeadline const deadline{std::chrono::seconds(2)};
  // The writer may be the one who has no memory, below us on the stack: then the lock never comes.
  bool is_locked = mutex_.try_lock();
  for (int attempt = 1; !is_locked && attempt < attempts; ++attempt) {
    ::poll(nullptr, 0, pause_ms);
    is_locked = mutex_.try_lock();
  }
  std::string_view end_of_other = is_locked ? "" : "\n";
  if (is_locked && failure_) return mutex_.unlock();
  if (!write_within(deadline, fd_, end_of_other)) write_within(deadline, fd_, line);
  if (is_locked) mutex_.unlock();
}

}  // namespace landfall
