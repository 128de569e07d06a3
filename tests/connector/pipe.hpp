#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>
#include <utility>

namespace landfall {

/// Both ends of a pipe, closed in the end.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  Pipe(Pipe const&) = delete;
  Pipe& operator=(Pipe const&) = delete;
  ~Pipe() {
    close_read();
    close_write();
  }

  int read_end() const noexcept { return ends_[0]; }
  int write_end() const noexcept { return ends_[1]; }
  /// Nothing goes in any more until somebody reads. Returns what is in it.
  std::string fill() const {
    int const flags = ::fcntl(write_end(), F_GETFL);
    ::fcntl(write_end(), F_SETFL, flags | O_NONBLOCK);
    std::string const line(127, 'x');
    std::string all;
    for (std::string const full = line + "\n"; ::write(write_end(), full.data(), full.size()) > 0;) all += full;
    ::fcntl(write_end(), F_SETFL, flags);
    return all;
  }

  void close_read() { close_end(0); }
  void close_write() { close_end(1); }

 private:
  void close_end(std::size_t end) {
    int const fd = std::exchange(ends_[end], -1);
    if (fd >= 0) ::close(fd);
  }

  std::array<int, 2> ends_{-1, -1};
};

/// Reads to the end of `fd`, at most `step` bytes at once.
inline std::string read_to_end(int fd, std::size_t step = 64 << 10) {
  std::string all;
  std::string room(step, '\0');
  for (;;) {
    auto const taken = ::read(fd, room.data(), room.size());
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) return all;
    all.append(room, 0, static_cast<std::size_t>(taken));
  }
}

}  // namespace landfall
