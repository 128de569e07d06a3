#include "connector/fd_sink.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

std::error_code write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return {errno, std::generic_category()};
    // Another process that shares the pipe made it non-blocking.
    pollfd ready{fd, POLLOUT, 0};
    ::poll(&ready, 1, -1);
  }
  return {};
}

Error writing_failed(std::error_code failure) {
  if (failure == std::errc::broken_pipe) return transient_error("stdout was closed by the reader");
  return transient_error("writing to stdout failed: {}", failure.message());
}

}  // namespace

awaitable<void> FdSink::write(std::string lines) {
  auto& pool = asio::use_service<BlockingPool>(threads_);
  co_await run_blocking_on(pool, [this, &lines] { write_line_blocking(lines); });
}

void FdSink::write_line_blocking(std::string_view lines) {
  LANDFALL_ASSERT(lines.empty() || lines.back() == '\n');
  std::lock_guard const lock(mutex_);
  if (!failure_) failure_ = write_all(fd_, lines);
  if (failure_) throw writing_failed(failure_);
}

}  // namespace landfall
