#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>

#include "connector/write_within.hpp"

namespace landfall {

/// Text for a person on stderr. A reader that takes nothing for a while is not waited for any more: what it does not
/// take at once is lost then, and when it reads again it is told how much that was.
///
/// Threads: any; one line at a time.
class ErrorText {
 public:
  ErrorText(int fd, std::chrono::milliseconds deadline) : fd_(fd), deadline_(deadline) {}

  int fd() const noexcept { return fd_; }
  void set_deadline(std::chrono::milliseconds deadline) noexcept { deadline_ = deadline; }

  /// One line or more, with their ends. An error of the descriptor loses them, too: there is no other place to tell it.
  void blocking_write(std::string_view lines);

 private:
  bool try_to_write(std::string_view lines);

  int const fd_;
  ReaderDeadline deadline_;
  std::mutex mutex_;
  bool is_in_a_line_ = false;
  std::uint64_t lost_ = 0;  // not 0: the reader is waited for no more
};

}  // namespace landfall
