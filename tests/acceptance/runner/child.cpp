#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace acceptance {
namespace {

void close_end(int& descriptor) {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Child::Child(std::string const& command, std::vector<std::string> const& arguments, std::string const& stderr_file,
             std::vector<std::string> const& variables) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "no pipe");
  if (::pipe2(out, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "no pipe");
  // exec: signals reach the program itself, and not a shell in front of it.
  std::vector<std::string> words{"/bin/sh", "-c", "exec " + command + " \"$@\"", "sh"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto settings = variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    std::string_view const name(*variable, std::string_view(*variable).find('='));
    bool const replaced = std::ranges::any_of(
        variables, [&](auto const& own) { return own.starts_with(name) && own.substr(name.size(), 1) == "="; });
    if (!replaced) settings.emplace_back(*variable);
  }

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, stderr_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t restored;
  ::sigemptyset(&restored);
  ::sigaddset(&restored, SIGPIPE);  // ours is ignored
  ::posix_spawnattr_setsigdefault(&attributes, &restored);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  int const error =
      ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, pointers(words).data(), pointers(settings).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  stdin_ = in[1];
  stdout_ = out[0];
  ::fcntl(stdin_, F_SETFL, O_NONBLOCK);
  ::fcntl(stdout_, F_SETFL, O_NONBLOCK);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start " + command);
}

Child::~Child() {
  close_end(stdin_);
  close_end(stdout_);
  if (pid_ < 0) return;
  kill_group();
  if (!ended_) ::waitpid(pid_, nullptr, 0);
}

bool Child::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    wait(deadline, stdin_, POLLOUT, "reads nothing more");
    auto const written = ::write(stdin_, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      sent_bytes_ += static_cast<std::size_t>(written);
    }
    if (written < 0 && errno == EPIPE) return false;
    take_output();
  }
  return true;
}

bool Child::await_output(Deadline deadline) {
  if (output_ended_) return false;
  wait(deadline, -1, 0, "answers nothing more");
  take_output();
  return true;
}

int Child::await_end(Deadline deadline) {
  auto const handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));  // readable when the program has ended
  if (handle < 0) throw std::system_error(errno, std::generic_category(), "the program cannot be watched");
  int status = 0;
  try {
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      wait(deadline, handle, POLLIN, "does not end");
      take_output();
    }
    ended_ = true;
    while (!output_ended_) await_output(deadline);  // what it started may still hold its stdout
  } catch (...) {
    ::close(handle);
    throw;
  }
  ::close(handle);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Child::close_stdin() { close_end(stdin_); }

void Child::close_stdout() {
  close_end(stdout_);
  output_ended_ = true;
}

void Child::signal(int number) {
  if (!ended_) ::kill(pid_, number);
}

void Child::kill_group() { ::kill(-pid_, SIGKILL); }

std::vector<PrintedLine> Child::take_lines() { return std::exchange(lines_, {}); }

void Child::wait(Deadline deadline, int other, short events, char const* what) {
  pollfd ends[2] = {{output_ended_ ? -1 : stdout_, POLLIN, 0}, {other, events, 0}};
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) throw Hung(what);
  ::poll(ends, 2, static_cast<int>(left.count()));
}

void Child::take_output() {
  char room[64 << 10];
  while (!output_ended_) {
    auto const count = ::read(stdout_, room, sizeof room);
    if (count < 0) return;
    if (count == 0) output_ended_ = true;
    std::string_view rest(room, static_cast<std::size_t>(count));
    for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
      torn_line_ += rest.substr(0, end);
      lines_.push_back(PrintedLine{std::exchange(torn_line_, {}), sent_bytes_, true});
      rest.remove_prefix(end + 1);
    }
    torn_line_ += rest;
  }
  if (!torn_line_.empty()) lines_.push_back(PrintedLine{std::exchange(torn_line_, {}), sent_bytes_, false});
}

}  // namespace acceptance
