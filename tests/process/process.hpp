#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A program with pipes at its stdin and stdout (and a file at its stderr), driven by a test.
///
/// Every wait has a deadline; one that passes throws, and the program is killed with the object.
class Process {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  static constexpr auto longest_wait = std::chrono::seconds(60);

  /// `input_file`: read as stdin in place of the pipe.
  Process(std::vector<std::string> arguments, std::string const& stderr_file, std::string const& input_file = "") {
    std::signal(SIGPIPE, SIG_IGN);
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipes");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (input_file.empty()) {
      ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    } else {
      ::posix_spawn_file_actions_addopen(&actions, 0, input_file.c_str(), O_RDONLY, 0);
    }
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, stderr_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    int const error = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    stdin_ = in[1];
    stdout_ = out[0];
    ::fcntl(stdin_, F_SETFL, O_NONBLOCK);
    ::fcntl(stdout_, F_SETFL, O_NONBLOCK);
    if (!input_file.empty()) close_stdin();
    if (error != 0) throw std::runtime_error("cannot start " + arguments[0]);
  }
  Process(Process const&) = delete;
  Process& operator=(Process const&) = delete;

  ~Process() {
    close_stdin();
    close_stdout();
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  /// Writes all of it, taking up what the program prints meanwhile. False when the program reads no more.
  bool feed(std::string_view bytes) {
    auto const deadline = std::chrono::steady_clock::now() + longest_wait;
    while (!bytes.empty()) {
      wait_for(deadline, stdin_, POLLOUT);
      take_output();
      auto const written = ::write(stdin_, bytes.data(), bytes.size());
      if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
      if (written < 0 && errno == EPIPE) return false;
    }
    return true;
  }

  void close_stdin() { close_end(stdin_); }
  void close_stdout() { close_end(stdout_); }
  void signal(int number) { ::kill(pid_, number); }

  /// The next line of stdout, without its end; nothing at the end of the output.
  std::optional<std::string> read_line() {
    auto const deadline = std::chrono::steady_clock::now() + longest_wait;
    for (;;) {
      if (auto line = next_line()) return line;
      if (output_ended_) return std::nullopt;
      wait_for(deadline, -1, 0);
      take_output();
    }
  }

  /// Takes up what the program prints until there is something new, its output has ended, or `longest` has passed.
  /// False in the last case.
  bool await_output(std::chrono::microseconds longest) {
    pollfd end{output_ended_ ? -1 : stdout_, POLLIN, 0};
    timespec const limit{longest.count() / 1'000'000, longest.count() % 1'000'000 * 1'000};
    if (!output_ended_ && ::ppoll(&end, 1, &limit, nullptr) == 0) return false;
    take_output();
    return true;
  }

  bool output_has_ended() const { return output_ended_; }

  /// A line that has been taken up already.
  std::optional<std::string> next_line() {
    auto const end = output_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    auto line = output_.substr(0, end);
    output_.erase(0, end + 1);
    return line;
  }

  /// All lines that are left.
  std::vector<std::string> read_lines() {
    std::vector<std::string> lines;
    while (auto line = read_line()) lines.push_back(std::move(*line));
    return lines;
  }

  /// The exit code, or 128 and the signal.
  int wait() {
    auto const deadline = std::chrono::steady_clock::now() + longest_wait;
    auto const ended = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));  // readable when the program has ended
    if (ended < 0) throw std::runtime_error("the program cannot be watched");
    int status = 0;
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      wait_for(deadline, ended, POLLIN);
      take_output();
    }
    ::close(ended);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  void wait_for(Deadline deadline, int writable, short events) {
    pollfd ends[2] = {{output_ended_ ? -1 : stdout_, POLLIN, 0}, {writable, events, 0}};
    auto const left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw std::runtime_error("the program neither reads nor answers");
    ::poll(ends, 2, static_cast<int>(left.count()));
  }

  void take_output() {
    char room[64 << 10];
    while (!output_ended_ && stdout_ >= 0) {
      auto const count = ::read(stdout_, room, sizeof room);
      if (count < 0) return;
      if (count == 0) output_ended_ = true;
      output_.append(room, static_cast<std::size_t>(count));
    }
  }

  static void close_end(int& descriptor) {
    if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
  }

  pid_t pid_ = -1;
  int stdin_ = -1;
  int stdout_ = -1;
  std::string output_;
  bool output_ended_ = false;
};
