// landfall-peak FILE PROGRAM [ARGUMENT ...]: runs the program, and writes the most memory that it had resident to FILE,
// in KiB. Ends as the program does.
//
// A process begins with what its parent had, and ru_maxrss remembers it: so the parent must be small.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  pid_t const child = ::fork();
  if (child == 0) {
    ::execv(argv[2], argv + 2);
    ::_exit(127);
  }
  std::signal(SIGTERM, SIG_IGN);
  int status = 0;
  rusage usage{};
  if (child < 0 || ::wait4(child, &status, 0, &usage) != child) return 2;
  std::FILE* const file = std::fopen(argv[1], "w");
  if (file == nullptr) return 2;
  std::fprintf(file, "%ld\n", usage.ru_maxrss);
  std::fclose(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
