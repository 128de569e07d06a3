#include "connector/write_within.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace landfall {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A deadline that is changed meanwhile is noticed within this time.
constexpr milliseconds longest_poll{500};

// A write to it waits for a disk, never for a reader.
bool is_file(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// So much goes into a pipe that poll() calls writable, whatever else is in it.
std::size_t sure_to_fit(std::string_view bytes) { return std::min<std::size_t>(bytes.size(), PIPE_BUF); }

// As write(), but EAGAIN where it would wait; where the system cannot promise that, only what poll() says will fit.
ssize_t write_without_waiting(int fd, std::string_view bytes) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  auto const written = ::pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
  if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)) return written;
  pollfd ready{fd, POLLOUT, 0};
  if (::poll(&ready, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(fd, bytes.data(), sure_to_fit(bytes));
}

// False when the deadline has passed.
bool await_reader(ReaderDeadline const& deadline, int fd, steady_clock::time_point since) {
  for (;;) {
    milliseconds const left = deadline.load() - std::chrono::floor<milliseconds>(steady_clock::now() - since);
    if (left <= milliseconds::zero()) return false;
    pollfd ready{fd, POLLOUT, 0};
    if (::poll(&ready, 1, static_cast<int>(std::min(left, longest_poll).count())) > 0) return true;
  }
}

}  // namespace

std::error_code write_within(ReaderDeadline const& deadline, int fd, std::string_view& bytes) {
  bool const waits_for_nobody = is_file(fd);
  auto last_taken = steady_clock::now();
  while (!bytes.empty()) {
    auto const written = waits_for_nobody ? ::write(fd, bytes.data(), bytes.size()) : write_without_waiting(fd, bytes);
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      if (written > 0) last_taken = steady_clock::now();
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return {errno, std::generic_category()};
    if (!await_reader(deadline, fd, last_taken)) return std::make_error_code(std::errc::timed_out);
  }
  return {};
}

}  // namespace landfall
