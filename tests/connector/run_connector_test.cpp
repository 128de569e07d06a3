// The contract of the process, on a whole connector (process/tiny_connector.cpp) that is started as the platform does.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "connector/pipe.hpp"

namespace landfall {
namespace {

namespace json = boost::json;

constexpr int time_limit_ms = 30'000;

// One process of the connector.
class Process {
 public:
  // `closed` is a standard descriptor that it starts without; -1 for none.
  Process(std::vector<std::string> arguments, std::vector<std::string> variables, int closed) {
    arguments.insert(arguments.begin(), TINY_CONNECTOR);
    for (char const* const name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
      if (char const* const value = std::getenv(name)) variables.push_back(fmt::format("{}={}", name, value));
    }
    auto const argv = pointers(arguments);
    auto const envp = pointers(variables);
    id_ = ::fork();
    if (id_ == 0) {
      ::dup2(in_.read_end(), 0);
      ::dup2(out_.write_end(), 1);
      ::dup2(err_.write_end(), 2);
      if (closed >= 0) ::close(closed);
      std::signal(SIGPIPE, SIG_DFL);
      ::execve(TINY_CONNECTOR, argv.data(), envp.data());
      ::_exit(127);
    }
    in_.close_read();
    out_.close_write();
    err_.close_write();
  }
  Process(Process const&) = delete;
  Process& operator=(Process const&) = delete;
  ~Process() {
    if (id_ > 0 && !ended_) {
      ::kill(id_, SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
  }

  void send(std::string_view lines) {
    ASSERT_EQ(::write(in_.write_end(), lines.data(), lines.size()), static_cast<ssize_t>(lines.size()));
  }
  void end_input() { in_.close_write(); }
  void leave_stdout() { out_.close_read(); }
  void signal(int number) const { ::kill(id_, number); }

  // Waits until it has printed `text`.
  void await_output(std::string_view text) {
    while (out.find(text) == std::string::npos && read_some(time_limit_ms)) {
    }
    ASSERT_NE(out.find(text), std::string::npos) << out << err;
  }
  void await_error_output(std::string_view text) {
    while (err.find(text) == std::string::npos && read_some(time_limit_ms)) {
    }
    ASSERT_NE(err.find(text), std::string::npos) << out << err;
  }

  // Its exit code, or 128 and the signal that ended it, as a shell has it.
  int exit_code() {
    while (read_some(time_limit_ms)) {
    }
    int status = 0;
    ::waitpid(id_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // Sends `number` again and again until the process has ended.
  int exit_code_after_many(int number) {
    do {
      signal(number);
    } while (read_some(10) || ::waitpid(id_, nullptr, WNOHANG | WNOWAIT) == 0);
    return exit_code();
  }

  std::vector<json::object> messages(std::string_view type = "") const {
    std::vector<json::object> found;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      auto message = json::parse(line).as_object();
      if (type.empty() || message.at("type").as_string() == type) found.push_back(std::move(message));
    }
    return found;
  }

  std::string out;
  std::string err;

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  }

  // False when there is nothing more to read. A process that is silent for too long is killed.
  bool read_some(int wait_ms) {
    std::array<pollfd, 2> ready{{{out_.read_end(), POLLIN, 0}, {err_.read_end(), POLLIN, 0}}};
    if (out_.read_end() < 0 && err_.read_end() < 0) return false;
    if (::poll(ready.data(), ready.size(), wait_ms) <= 0) {
      if (wait_ms < time_limit_ms) return true;
      ADD_FAILURE() << "no end in sight; so far:\n" << out << err;
      ::kill(id_, SIGKILL);
      return true;
    }
    if (ready[0].revents != 0 && !take(out_.read_end(), out)) out_.close_read();
    if (ready[1].revents != 0 && !take(err_.read_end(), err)) err_.close_read();
    return true;
  }

  static bool take(int fd, std::string& text) {
    std::array<char, 4096> room;
    auto const taken = ::read(fd, room.data(), room.size());
    if (taken > 0) text.append(room.data(), static_cast<std::size_t>(taken));
    return taken > 0;
  }

  Pipe in_;
  Pipe out_;
  Pipe err_;
  pid_t id_ = -1;
  bool ended_ = false;
};

constexpr std::string_view catalog = R"({"streams": [{"stream": {"name": "users", "json_schema": {"type": "object"},
  "supported_sync_modes": ["full_refresh"]}, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]})";
constexpr std::string_view record =
    R"({"type":"RECORD","record":{"stream":"users","data":{"id":1},"emitted_at":1700000000000}})"
    "\n";
constexpr std::string_view state =
    R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"stream_state":{"x":1}}}})"
    "\n";

class RunConnector : public testing::Test {
 protected:
  ~RunConnector() override {
    for (auto const& path : files_) ::unlink(path.c_str());
  }

  std::string file(std::string_view content) {
    std::string path = testing::TempDir() + "landfall_connector_XXXXXX";
    int const fd = ::mkstemp(path.data());
    EXPECT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size()));
    ::close(fd);
    files_.push_back(path);
    return path;
  }

  std::vector<std::string> write_arguments(std::string_view configuration = "{}") {
    return {"write", "--config", file(configuration), "--catalog", file(catalog)};
  }

  std::vector<std::string> files_;
};

void expect_config_error(Process const& process) {
  auto const traces = process.messages("TRACE");
  ASSERT_EQ(traces.size(), 1U) << process.out;
  EXPECT_EQ(traces[0].at("trace").at("type"), "ERROR");
  EXPECT_EQ(traces[0].at("trace").at("error").at("failure_type"), "config_error");
}

TEST_F(RunConnector, WrongUsageIsToldOnStderrWithCode2) {
  for (std::vector<std::string> const& arguments :
       {std::vector<std::string>{}, {"read"}, {"check"}, {"write", "--config", "x"}, {"spec", "--unknown"}}) {
    Process process(arguments, {}, -1);
    EXPECT_EQ(process.exit_code(), 2);
    EXPECT_EQ(process.out, "");
    EXPECT_NE(process.err.find("usage: "), std::string::npos) << process.err;
  }
}

TEST_F(RunConnector, HelpIsNoError) {
  Process process({"--help"}, {}, -1);
  EXPECT_EQ(process.exit_code(), 0);
  EXPECT_EQ(process.out.rfind("usage: ", 0), 0U);
}

TEST_F(RunConnector, SpecIsOneLine) {
  for (auto const& spelling : {"spec", "--spec"}) {
    Process process({spelling}, {}, -1);
    EXPECT_EQ(process.exit_code(), 0);
    ASSERT_EQ(process.messages().size(), 1U) << process.out;
    auto const message = process.messages()[0];
    EXPECT_EQ(message.at("type"), "SPEC");
    EXPECT_EQ(message.at("spec").at("documentationUrl"), "https://example.com/tiny");
  }
}

TEST_F(RunConnector, AGoodCheckIsOneStatus) {
  Process process({"check", "--config", file("{}")}, {}, -1);
  EXPECT_EQ(process.exit_code(), 0);
  ASSERT_EQ(process.messages().size(), 1U) << process.out;
  EXPECT_EQ(process.messages()[0].at("connectionStatus").at("status"), "SUCCEEDED");
  EXPECT_NE(process.err.find("checking"), std::string::npos) << "printf went elsewhere";
}

TEST_F(RunConnector, EveryFailedCheckIsOneStatusOneTraceAndCode0) {
  struct Row {
    char const* name;
    std::string config_path;
    char const* reason;
  };
  for (Row const& row : {Row{"the check throws", file(R"({"check_fails": true})"), "nobody answers"},
                         Row{"the constructor throws", file(R"({"make_throws": true})"), "the region is unknown"},
                         Row{"no file", "/nowhere/config.json", "No such file or directory"},
                         Row{"a directory", "/", "Is a directory"}, Row{"a broken file", file(R"({"a": )"), ""}}) {
    SCOPED_TRACE(row.name);
    Process process({"check", "--config", row.config_path}, {}, -1);
    EXPECT_EQ(process.exit_code(), 0);
    expect_config_error(process);
    auto const statuses = process.messages("CONNECTION_STATUS");
    ASSERT_EQ(statuses.size(), 1U) << process.out;
    auto const& status = statuses[0].at("connectionStatus");
    EXPECT_EQ(status.at("status"), "FAILED");
    std::string const message(status.at("message").as_string());
    EXPECT_EQ(message.rfind("Could not connect with the provided configuration: ", 0), 0U) << message;
    EXPECT_NE(message.find(row.reason), std::string::npos) << message;
  }
}

TEST_F(RunConnector, AWriteThatCannotStartIsAConfigErrorWithCode1) {
  auto const good_catalog = file(catalog);
  struct Row {
    char const* name;
    std::string config_path;
    std::string catalog_path;
    std::vector<std::string> variables;
  };
  for (Row const& row :
       {Row{"no configuration", "/nowhere/config.json", good_catalog, {}},
        Row{"a broken configuration", file("[]"), good_catalog, {}},
        Row{"no catalog", file("{}"), "/nowhere/catalog.json", {}}, Row{"a broken catalog", file("{}"), file("{"), {}},
        Row{"the constructor throws", file(R"({"make_throws": true})"), good_catalog, {}},
        Row{"nonsense in the environment", file("{}"), good_catalog, {"LANDFALL_MEMORY_BYTES=lots"}},
        Row{"nonsense in the settings", file(R"({"landfall": {"batch_records": 0}})"), good_catalog, {}}}) {
    SCOPED_TRACE(row.name);
    Process process({"write", "--config", row.config_path, "--catalog", row.catalog_path}, row.variables, -1);
    EXPECT_EQ(process.exit_code(), 1);
    expect_config_error(process);
  }
}

TEST_F(RunConnector, AWriteAnswersItsStateAndEndsWithCode0) {
  Process process(write_arguments(), {}, -1);
  process.send(record);
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 0) << process.out << process.err;
  EXPECT_EQ(process.messages("STATE").size(), 1U);
  EXPECT_EQ(process.messages("TRACE").size(), 0U);
  EXPECT_NE(process.out.find("stream users: 1 records read"), std::string::npos) << process.out;
  EXPECT_NE(process.err.find("loading 1 records"), std::string::npos) << "printf went elsewhere";
}

TEST_F(RunConnector, PlainLogsGoToStderr) {
  auto arguments = write_arguments();
  arguments.insert(arguments.end(), {"--log", "plain"});
  Process process(arguments, {}, -1);
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 0) << process.out << process.err;
  EXPECT_EQ(process.messages().size(), 1U) << process.out;
  EXPECT_NE(process.err.find("sync succeeded"), std::string::npos) << process.err;
}

TEST_F(RunConnector, StartsWithoutAStandardDescriptor) {
  for (int const closed : {0, 1, 2}) {
    SCOPED_TRACE(closed);
    Process process(write_arguments(), {}, closed);
    process.end_input();
    EXPECT_EQ(process.exit_code(), 0) << process.out << process.err;
  }
}

TEST_F(RunConnector, SigtermEndsInOrderWithCode143) {
  for (auto const& [number, code] : {std::pair(SIGTERM, 143), std::pair(SIGINT, 130)}) {
    Process process(write_arguments(), {"LANDFALL_CHECKPOINT_SECONDS=1"}, -1);
    process.send(record);
    process.send(state);
    process.await_output(R"("STATE")");
    process.signal(number);  // stdin is still open
    EXPECT_EQ(process.exit_code(), code) << process.out << process.err;
    ASSERT_EQ(process.messages("TRACE").size(), 1U) << process.out;
    EXPECT_NE(process.out.find(number == SIGTERM ? "stopped by SIGTERM" : "stopped by SIGINT"), std::string::npos);
  }
}

TEST_F(RunConnector, ASecondSignalEndsAStuckLoaderAtOnce) {
  Process process(write_arguments(R"({"hangs": true})"), {}, -1);
  process.send(record);
  process.end_input();
  process.await_error_output("loading 1 records");
  EXPECT_EQ(process.exit_code_after_many(SIGTERM), 143);
}

TEST_F(RunConnector, AReaderThatLeavesIsAFailure) {
  Process process(write_arguments(), {}, -1);
  process.await_output("loading 1 streams");
  process.leave_stdout();
  process.send(record);
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 1) << process.err;
}

}  // namespace
}  // namespace landfall
