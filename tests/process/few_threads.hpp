#pragma once

// A destination that may have only so many threads.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "program_test.hpp"

/// `Program`: a fixture on ProgramTest.
///
/// The limit is the system's own, RLIMIT_NPROC. It counts all that a user runs, and holds for everybody but root: so
/// the program runs as a user whom nobody else is, and keeps root's rights to files. Only root can start it like that.
template <class Program>
class WithFewThreads : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer itself needs a thread";
#endif
    if (can_fork(1) || !can_fork(3)) {
      GTEST_SKIP() << "NOT TESTED HERE: threads cannot be limited, which takes root, setpriv and prlimit";
    }
  }

  Result run_with(int threads, std::string const& input) {
    this->write_file("input.jsonl", input);
    std::vector<std::string> command = {this->program(), "write",
                                        "--config",      this->folder_ / "config.json",
                                        "--catalog",     this->folder_ / "catalog.json"};
    Process process(limited(threads, std::move(command)), this->folder_ / "stderr", this->folder_ / "input.jsonl");
    return this->finish(process);
  }

  /// A whole sync of `rows` rows, or a failure that says why, before anything was read. True: a sync.
  bool ends_in_words(int threads, std::string const& input) {
    auto const result = run_with(threads, input);
    if (result.exit_code == 0) {
      EXPECT_THAT(result.state_ids, ::testing::ElementsAre(1));
      EXPECT_THAT(result.failures, ::testing::IsEmpty());
      return true;
    }
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.state_ids, ::testing::IsEmpty());
    EXPECT_THAT(result.failure_types, ::testing::ElementsAre("system_error"));
    EXPECT_THAT(result.failure(), ::testing::HasSubstr("cannot start a thread"));
    EXPECT_THAT(result.failure(), ::testing::HasSubstr("ulimit -u"));
    EXPECT_FALSE(result.says("loading")) << "it had begun";
    return false;
  }

 private:
  /// The command that runs `command` with the limit.
  static std::vector<std::string> limited(int threads, std::vector<std::string> command) {
    static int user = 0;  // one of its own each time: what has just ended may still count
    auto const own_user = std::to_string(1'000'000'000U + 1000U * static_cast<unsigned>(::getpid() % 100'000) +
                                         static_cast<unsigned>(++user % 1000));
    std::vector<std::string> all = {"/usr/bin/setpriv",
                                    "--ruid",
                                    own_user,
                                    "--bounding-set=-sys_resource,-sys_admin",
                                    "--",
                                    "/usr/bin/env",
                                    "ASAN_OPTIONS=detect_leaks=0",  // which takes a thread of its own
                                    "/usr/bin/prlimit",
                                    "--nproc=" + std::to_string(threads),
                                    "--"};
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }

  bool can_fork(int processes) {
    if (::getuid() != 0 || ::access("/usr/bin/setpriv", X_OK) != 0 || ::access("/usr/bin/prlimit", X_OK) != 0) {
      return processes > 1;
    }
    Process process(limited(processes, {"/bin/sh", "-c", "(exit 0) & wait $!"}), "/dev/null");
    process.close_stdin();
    return process.wait() == 0;
  }
};
