#include "connector/standard_descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <system_error>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

[[noreturn]] void fail(char const* what) { throw std::system_error(errno, std::generic_category(), what); }

// What was printed so far belongs to where descriptor 1 leads now.
void flush_standard_output() {
  std::cout.flush();
  std::fflush(stdout);
}

}  // namespace

bool open_closed_standard_descriptors() {
  bool const has_stdout = ::fcntl(STDOUT_FILENO, F_GETFD) != -1;
  for (int const fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    int const opened = ::open("/dev/null", O_RDWR);
    if (opened < 0) fail("cannot open /dev/null");
    LANDFALL_ASSERT(opened == fd);  // the lowest that is free, and those below it are open
  }
  return has_stdout;
}

PrivateStdout::PrivateStdout() : fd_(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) {
  if (fd_ < 0) fail("cannot duplicate stdout");
  flush_standard_output();
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) fail("cannot redirect stdout");
}

PrivateStdout::~PrivateStdout() {
  flush_standard_output();
  ::dup2(fd_, STDOUT_FILENO);
  ::close(fd_);
}

}  // namespace landfall
