#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace landfall::limits {

[[noreturn]] inline void fail(std::string const& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// A file that is closed with its owner. Errors: std::system_error which names the file.
class File {
 public:
  File(std::string path, int flags) : path_(std::move(path)), fd_(::open(path_.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail(path_);
  }
  File(File&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }

  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto const written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0) fail(path_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  /// All of `room`, from `offset` of the file.
  void read_at(std::span<char> room, std::size_t offset) const {
    while (!room.empty()) {
      auto const taken = ::pread(fd_, room.data(), room.size(), static_cast<off_t>(offset));
      if (taken <= 0) fail(path_);
      room = room.subspan(static_cast<std::size_t>(taken));
      offset += static_cast<std::size_t>(taken);
    }
  }

  void sync_data() const {
    if (::fdatasync(fd_) != 0) fail(path_);
  }

 private:
  std::string path_;
  int fd_;
};

}  // namespace landfall::limits
