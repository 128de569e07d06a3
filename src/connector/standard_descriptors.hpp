#pragma once

namespace landfall {

/// Opens /dev/null on each of the descriptors 0, 1 and 2 that is closed: else the next file or socket would become our
/// stdin or stdout. False when stdout was one of them: nobody can hear an answer. Errors: std::system_error.
bool open_closed_standard_descriptors();

/// Keeps the real stdout for the protocol: while it lives, descriptor 1 leads to stderr, so that a library which prints
/// cannot break a line of the protocol.
///
/// Lifetime: at most one at a time; made before any thread is started. Afterwards descriptor 1 is stdout again, and it
///           is closed last, by the end of the process.
/// Errors:   std::system_error.
/// Source:   protocol reference 1.3 and 1.5.
class PrivateStdout {
 public:
  PrivateStdout();
  PrivateStdout(PrivateStdout const&) = delete;
  PrivateStdout& operator=(PrivateStdout const&) = delete;
  ~PrivateStdout();

  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace landfall
