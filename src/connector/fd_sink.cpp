#include "connector/fd_sink.hpp"

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

}  // namespace landfall
