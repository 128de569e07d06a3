#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace acceptance {

using Deadline = std::chrono::steady_clock::time_point;

/// A program neither reads, answers nor ends in time.
struct Hung : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A line that a program has printed.
struct PrintedLine {
  std::string text;            ///< without its end
  std::size_t sent_bytes = 0;  ///< how much had been sent to it by then
  bool ended = true;           ///< false: the output ended without a newline
};

/// A shell command with pipes at its stdin and stdout, and a file at its stderr.
///
/// It has a process group of its own, which is killed with this object: whatever it started, and nothing else.
class Child {
 public:
  /// `arguments` follow what `command` says itself. `variables`: NAME=VALUE, added to the environment.
  Child(std::string const& command, std::vector<std::string> const& arguments, std::string const& stderr_file,
        std::vector<std::string> const& variables = {});
  ~Child();
  Child(Child const&) = delete;
  Child& operator=(Child const&) = delete;

  /// Sends all of it and takes up what is printed meanwhile, so that neither side waits for the other. False when the
  /// program reads no more.
  /// Errors: Hung.
  bool send(std::string_view bytes, Deadline deadline);

  /// Waits for more output. False at its end.
  /// Errors: Hung.
  bool await_output(Deadline deadline);

  /// Waits for the end, and takes up all that is still printed. The exit code, or 128 and the signal.
  /// Errors: Hung.
  int await_end(Deadline deadline);

  void close_stdin();
  void close_stdout();
  void signal(int number);
  /// Kills it, and what it started.
  void kill_group();

  /// What has been printed since the last call.
  std::vector<PrintedLine> take_lines();

 private:
  void wait(Deadline deadline, int other, short events, char const* what);
  void take_output();

  pid_t pid_ = -1;
  bool ended_ = false;
  int stdin_ = -1;
  int stdout_ = -1;
  std::size_t sent_bytes_ = 0;
  std::string torn_line_;
  std::vector<PrintedLine> lines_;
  bool output_ended_ = false;
};

}  // namespace acceptance
