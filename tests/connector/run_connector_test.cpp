// The contract of the process, on a whole connector (process/tiny_connector.cpp) that is started as the platform does.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
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
  // `closed` is a standard descriptor that it starts without, `full` one where others have written until nothing more
  // went in; -1 for none.
  Process(std::vector<std::string> arguments, std::vector<std::string> variables, int closed, int full = -1) {
    if (full >= 0) (full == 1 ? out_ : err_).fill();
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
  // More than a pipe holds.
  void send_all(std::string_view lines) {
    while (!lines.empty()) {
      auto const written = ::write(in_.write_end(), lines.data(), lines.size());
      ASSERT_GT(written, 0);
      lines.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void end_input() { in_.close_write(); }
  void leave_stdout() { out_.close_read(); }
  void signal(int number) const { ::kill(id_, number); }

  // Waits until it handles the signal itself.
  void await_handler(int number) const {
    std::string const name = "SigCgt:\t";
    for (;;) {
      std::ifstream file(fmt::format("/proc/{}/status", id_));
      std::string const status(std::istreambuf_iterator<char>(file), {});
      auto const found = status.find(name);
      ASSERT_NE(found, std::string::npos) << "it has ended";
      auto const caught = std::stoull(status.substr(found + name.size(), 16), nullptr, 16);
      if ((caught >> (number - 1) & 1) != 0) return;
      std::this_thread::yield();
    }
  }

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

  // The same, without reading what it prints.
  int exit_code_unread() {
    int const ended = static_cast<int>(::syscall(SYS_pidfd_open, id_, 0));  // readable when it has ended
    pollfd ready{ended, POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, time_limit_ms), 1) << "no end in sight";
    ::close(ended);
    return exit_code();
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

constexpr std::string_view two_streams = R"({"streams": [
  {"stream": {"name": "users", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
   "sync_mode": "full_refresh", "destination_sync_mode": "append"},
  {"stream": {"name": "orders", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
   "sync_mode": "full_refresh", "destination_sync_mode": "append"}]})";

std::string record_of(std::string_view stream, std::string_view data) {
  return fmt::format(R"({{"type":"RECORD","record":{{"stream":"{}","data":{},"emitted_at":1700000000000}}}})"
                     "\n",
                     stream, data);
}

std::string text_of(json::object const& trace, std::string_view member) {
  return std::string(trace.at("trace").at("error").at(member).as_string());
}

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

  std::vector<std::string> write_arguments(std::string_view configuration = "{}",
                                           std::string_view its_catalog = catalog) {
    return {"write", "--config", file(configuration), "--catalog", file(its_catalog)};
  }

  std::string content(std::string const& path) {
    std::ifstream stream(path);
    return std::string(std::istreambuf_iterator<char>(stream), {});
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
  for (Row const& row : {Row{"the check throws", file(R"({"check_fails_times": 9})"), "nobody answers"},
                         Row{"the constructor throws", file(R"({"make_throws": true})"), "the region is unknown"},
                         Row{"a setting that is none", file(R"({"landfall": {"retries": 1}})"), "landfall.retries"},
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

/// What an operator set, with which a sync could not begin.
struct UnusableSettings {
  char const* name;
  std::string landfall;  // the section
  std::string variable;
  std::string reason;
};

TEST_F(RunConnector, ACheckRefusesTheSettingsThatAWriteRefuses) {
  auto const text = file("no folder");
  std::vector<UnusableSettings> const table = {
      {"a spill directory that is missing", R"({"spill": {"directory": "/nowhere/spill"}})", "", "/nowhere/spill"},
      {"one that is a file", fmt::format(R"({{"spill": {{"directory": "{}"}}}})", text), "", text},
      {"one in the environment", "{}", "LANDFALL_SPILL_DIRECTORY=/nowhere/spill", "/nowhere/spill"},
      {"no temporary folder, where one is needed", R"({"spill": {"policy": "always"}})", "TMPDIR=/nowhere", "spill"},
      {"resume without a directory", R"({"spill": {"resume": true}})", "", "directory"},
      {"resume in the environment", "{}", "LANDFALL_SPILL_RESUME=true", "directory"},
      {"resume with another policy", R"({"spill": {"resume": true, "directory": "/tmp", "policy": "never"}})", "",
       "always"},
      {"a reject file in no folder", R"({"reject_file": "/nowhere/rejected"})", "", "/nowhere/rejected"},
      {"one below a file", fmt::format(R"({{"reject_file": "{}/rejected"}})", text), "", text},
      {"one that is a folder", R"({"reject_file": "/tmp"})", "", "/tmp"},
      {"one that is none", R"({"reject_file": "/dev/null"})", "", "/dev/null"},
      {"one in the environment", "{}", "LANDFALL_REJECT_FILE=/nowhere/rejected", "/nowhere/rejected"}};
  for (auto const& row : table) {
    SCOPED_TRACE(row.name);
    std::vector<std::string> variables;
    if (!row.variable.empty()) variables.push_back(row.variable);
    auto const configuration = fmt::format(R"({{"landfall": {}}})", row.landfall);
    Process write(write_arguments(configuration), variables, -1);
    write.end_input();
    int const code = write.exit_code();
    Process check({"check", "--config", file(configuration)}, variables, -1);
    EXPECT_EQ(check.exit_code(), 0);
    auto const statuses = check.messages("CONNECTION_STATUS");
    ASSERT_EQ(statuses.size(), 1U) << check.out;
    auto const& status = statuses[0].at("connectionStatus");
    EXPECT_EQ(code, 1) << "it can be written with";
    EXPECT_EQ(status.at("status"), "FAILED");
    std::string const message(status.at("message").as_string());
    EXPECT_NE(message.find(row.reason), std::string::npos) << message;
  }
}

TEST_F(RunConnector, ACheckOfWhereThingsWouldGoLeavesNothingBehind) {
  std::string folder = testing::TempDir() + "landfall_check_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  for (auto const* const resume : {"false", "true"}) {
    auto const configuration = fmt::format(
        R"({{"landfall": {{"reject_file": "{0}/rejected", "spill": {{"directory": "{0}", "resume": {1}}}}}}})", folder,
        resume);
    Process process({"check", "--config", file(configuration)}, {}, -1);
    EXPECT_EQ(process.exit_code(), 0);
    ASSERT_EQ(process.messages().size(), 1U) << process.out;
    EXPECT_EQ(process.messages()[0].at("connectionStatus").at("status"), "SUCCEEDED");
  }
  EXPECT_EQ(::rmdir(folder.c_str()), 0) << "something is in it";
}

TEST_F(RunConnector, MembersThatNobodyReadsAreWarnedOfWithoutTheirValues) {
  constexpr std::string_view configuration = R"({"lod": "s3cret", "check": "", "landfall": {"batch_seconds": 1}})";
  for (auto const& arguments :
       {std::vector<std::string>{"check", "--config", file(configuration)}, write_arguments(configuration)}) {
    SCOPED_TRACE(arguments[0]);
    Process process(arguments, {}, -1);
    process.end_input();
    EXPECT_EQ(process.exit_code(), 0);
    std::vector<std::string> warnings;
    for (auto const& log : process.messages("LOG")) {
      if (log.at("log").at("level") == "WARN") warnings.emplace_back(log.at("log").at("message").as_string());
    }
    ASSERT_EQ(warnings.size(), 1U) << process.out;
    EXPECT_EQ(warnings[0].rfind("configuration: lod is not a setting", 0), 0U) << warnings[0];
    EXPECT_EQ(process.out.find("s3cret"), std::string::npos);
  }
}

TEST_F(RunConnector, ACheckIsTriedAgainWhenNobodyAnswers) {
  Process process({"check", "--config", file(R"({"check_fails_times": 2})")}, {}, -1);
  EXPECT_EQ(process.exit_code(), 0);
  ASSERT_EQ(process.messages("CONNECTION_STATUS").size(), 1U) << process.out;
  EXPECT_EQ(process.messages("CONNECTION_STATUS")[0].at("connectionStatus").at("status"), "SUCCEEDED");
  EXPECT_EQ(process.messages("TRACE").size(), 0U);
  auto const logs = process.messages("LOG");
  ASSERT_EQ(logs.size(), 2U) << process.out;
  EXPECT_EQ(logs[0].at("log").at("level"), "WARN");
  std::string const text(logs[1].at("log").at("message").as_string());
  EXPECT_EQ(text.rfind("check failed (attempt 2): nobody answers; again in ", 0), 0U) << text;
}

TEST_F(RunConnector, WhatADestinationTellsIsLoggedInItsOrder) {
  constexpr std::string_view tells = R"({"tells": true})";
  for (auto const& [arguments, last] :
       {std::pair(std::vector<std::string>{"check", "--config", file(tells)}, "checked"),
        std::pair(write_arguments(tells), "torn down")}) {
    SCOPED_TRACE(last);
    Process process(arguments, {}, -1);
    process.end_input();
    EXPECT_EQ(process.exit_code(), 0);
    std::vector<std::string> logs;
    for (auto const& message : process.messages("LOG")) {
      auto const& log = message.at("log");
      logs.push_back(fmt::format("{} {}", std::string_view(log.at("level").as_string()),
                                 std::string_view(log.at("message").as_string())));
    }
    auto const warned = std::ranges::find(logs, "WARN made from a configuration");
    EXPECT_NE(warned, logs.end());
    EXPECT_EQ(std::ranges::count(warned, logs.end(), fmt::format("INFO {}", last)), 1) << process.out;
  }
}

TEST_F(RunConnector, ACheckThatIsNotAnsweredFailsInTime) {
  for (auto const& [how, reason] :
       {std::pair("waits", "check gave no answer within 1 s"), std::pair("hangs", "check still running after 2")}) {
    SCOPED_TRACE(how);
    auto const configuration = fmt::format(
        R"({{"check": "{}", "landfall": {{"patience_seconds": 1, "retry": {{"check": {{"attempt_seconds": 1}}}}}}}})",
        how);
    Process process({"check", "--config", file(configuration)}, {}, -1);
    EXPECT_EQ(process.exit_code(), 0);
    expect_config_error(process);
    auto const statuses = process.messages("CONNECTION_STATUS");
    ASSERT_EQ(statuses.size(), 1U) << process.out;
    EXPECT_EQ(statuses[0].at("connectionStatus").at("status"), "FAILED");
    std::string const message(statuses[0].at("connectionStatus").at("message").as_string());
    EXPECT_NE(message.find(reason), std::string::npos) << message;
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
        Row{"nonsense in the settings", file(R"({"landfall": {"batch_records": 0}})"), good_catalog, {}},
        Row{"a misspelt setting", file(R"({"landfall": {"batch_record": 1}})"), good_catalog, {}},
        Row{"no place for the reject file",
            file(R"({"landfall": {"reject_file": "/nowhere/r.jsonl"}})"),
            good_catalog,
            {}}}) {
    SCOPED_TRACE(row.name);
    Process process({"write", "--config", row.config_path, "--catalog", row.catalog_path}, row.variables, -1);
    EXPECT_EQ(process.exit_code(), 1);
    expect_config_error(process);
  }
}

TEST_F(RunConnector, AFileThatIsTooLargeToBeTheRightOneIsNotRead) {
  std::string const large_configuration = file("{}");
  std::string const large_catalog = file(catalog);
  ASSERT_EQ(::truncate(large_configuration.c_str(), (8 << 20) + 1), 0);
  ASSERT_EQ(::truncate(large_catalog.c_str(), (off_t{1} << 30) + 1), 0);
  struct Row {
    std::vector<std::string> arguments;
    std::string reason;
  };
  for (Row const& row :
       {Row{{"write", "--config", large_configuration, "--catalog", large_catalog}, "is larger than 8 MiB"},
        Row{{"check", "--config", large_configuration}, "is larger than 8 MiB"},
        Row{{"write", "--config", file("{}"), "--catalog", large_catalog}, "is larger than 1024 MiB"},
        Row{{"check", "--config", "/dev/zero"}, "the configuration file '/dev/zero' is larger than 8 MiB"}}) {
    Process process(row.arguments, {}, -1);
    process.exit_code();
    expect_config_error(process);
    EXPECT_NE(process.out.find(row.reason), std::string::npos) << process.out;
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
  for (int const closed : {0, 2}) {
    SCOPED_TRACE(closed);
    Process process(write_arguments(), {}, closed);
    process.end_input();
    EXPECT_EQ(process.exit_code(), 0) << process.out << process.err;
  }
}

TEST_F(RunConnector, WithoutStdoutNothingIsLoadedSinceNobodyCouldHearOfIt) {
  Process process(write_arguments(), {}, 1);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 1) << process.err;
  EXPECT_NE(process.err.find("stdout is closed"), std::string::npos) << process.err;
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
  Process process(write_arguments(R"({"load": "hangs"})"), {}, -1);
  process.send(record);
  process.end_input();
  process.await_error_output("loading 1 records");
  EXPECT_EQ(process.exit_code_after_many(SIGTERM), 143);
}

TEST_F(RunConnector, OneSignalEndsAStuckLoaderInTime) {
  for (auto const& on_stop : {"finish", "cancel"}) {
    SCOPED_TRACE(on_stop);
    Process process(write_arguments(R"({"load": "hangs"})"),
                    {fmt::format("LANDFALL_ON_STOP={}", on_stop), "LANDFALL_STOP_SECONDS=1",
                     "LANDFALL_PATIENCE_SECONDS=1", "LANDFALL_BATCH_RECORDS=1"},
                    -1);
    process.send(record);
    process.send(state);
    process.await_error_output("loading 1 records");
    process.signal(SIGTERM);  // stdin is still open
    EXPECT_EQ(process.exit_code(), 143) << process.out;
    EXPECT_EQ(process.messages("STATE").size(), 0U);
    ASSERT_EQ(process.messages("TRACE").size(), 1U) << process.out;
    auto const all = text_of(process.messages("TRACE")[0], "internal_message");
    EXPECT_EQ(all.rfind("stopped by SIGTERM", 0), 0U) << all;
    EXPECT_NE(all.find("still running after the last deadline: process records of stream users"), std::string::npos)
        << all;
  }
}

TEST_F(RunConnector, ATransientFailureIsToldAndTriedAgain) {
  Process process(write_arguments(R"({"load_fails_times": 2})"), {}, -1);
  process.send(record);
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 0) << process.out << process.err;
  EXPECT_EQ(process.messages("STATE").size(), 1U);
  EXPECT_EQ(process.messages("TRACE").size(), 0U);
  for (auto const& notice : {"process records of stream users failed (attempt 1): the line is busy; again in ",
                             "process records of stream users failed (attempt 2): the line is busy; again in "}) {
    EXPECT_NE(process.out.find(notice), std::string::npos) << process.out;
  }
}

TEST_F(RunConnector, TheTraceHasTheFirstErrorAndTheLaterOnes) {
  Process process(write_arguments(R"({"load": "throws"})", two_streams), {}, -1);
  process.send(record_of("users", "{}"));
  process.send(record_of("orders", "{}"));
  process.end_input();
  EXPECT_EQ(process.exit_code(), 1) << process.err;
  auto const traces = process.messages("TRACE");
  ASSERT_EQ(traces.size(), 1U) << process.out;
  auto const message = text_of(traces[0], "message");
  auto const all = text_of(traces[0], "internal_message");
  EXPECT_NE(message.find("no table for "), std::string::npos) << message;
  EXPECT_EQ(all.rfind(message, 0), 0U) << all;
  EXPECT_NE(all.find("no table for users"), std::string::npos) << all;
  EXPECT_NE(all.find("no table for orders"), std::string::npos) << all;
  EXPECT_EQ(text_of(traces[0], "failure_type"), "system_error");
}

TEST_F(RunConnector, ACloseThatThrowsFailsTheSyncButNotWhatWasAnswered) {
  Process process(write_arguments(R"({"close": "throws"})"), {}, -1);
  process.send(record);
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 1) << process.err;
  ASSERT_EQ(process.messages("TRACE").size(), 1U) << process.out;
  EXPECT_NE(text_of(process.messages("TRACE")[0], "message").find("the merge of users"), std::string::npos);
}

TEST_F(RunConnector, ALoaderThatNeverAnswersIsNamedAndLeftAlone) {
  Process process(write_arguments(R"({"load": "hangs", "landfall": {"patience_seconds": 1,
                                      "retry": {"process": {"attempt_seconds": 1}}}})"),
                  {}, -1);
  process.send(record);
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 1) << process.err;
  EXPECT_EQ(process.messages("STATE").size(), 0U);
  ASSERT_EQ(process.messages("TRACE").size(), 1U) << process.out;
  auto const all = text_of(process.messages("TRACE")[0], "internal_message");
  EXPECT_NE(all.find("process records of stream users still running after 2"), std::string::npos) << all;
  EXPECT_NE(all.find("still running after the last deadline: process records of stream users"), std::string::npos)
      << all;
}

TEST_F(RunConnector, BadRecordsGoToTheRejectFile) {
  for (auto const& how : {"names_bad_records", "finds_bad_records"}) {
    SCOPED_TRACE(how);
    auto arguments = write_arguments(fmt::format(R"({{"load": "{}"}})", how));
    auto const path = file("");
    arguments.insert(arguments.end(), {"--reject-file", path});
    Process process(arguments, {"LANDFALL_REJECT_FILE=/nowhere/else"}, -1);
    for (auto const& data : {R"({"id":1})", R"({"id":2, "x":"bad"})", R"({"id":3})", R"({"id":4})"}) {
      process.send(record_of("users", data));
    }
    process.send(state);
    process.end_input();
    EXPECT_EQ(process.exit_code(), 0) << process.out << process.err;
    EXPECT_EQ(process.messages("STATE").size(), 1U);
    EXPECT_NE(process.out.find("3 committed, 1 rejected, complete"), std::string::npos) << process.out;
    EXPECT_NE(process.out.find("1 rejected records are in " + path), std::string::npos) << process.out;
    auto const reason = std::string_view(how) == "names_bad_records" ? "it is bad" : "some record is bad";
    EXPECT_EQ(content(path), fmt::format(R"({{"stream":"users","namespace":null,"record":1,"reason":"{}",)"
                                         R"("emitted_at":1700000000000,"data":{{"id":2, "x":"bad"}}}})"
                                         "\n",
                                         reason));
  }
}

TEST_F(RunConnector, ASecretIsShownNowhere) {
  std::string const configuration = R"({"password": "pass \"word\"/1", "tells": true, "load_fails_times": 1,)"
                                    R"( "check": "throws", "close": "throws"})";
  std::string const spellings[] = {R"(pass "word"/1)", R"(pass \"word\"/1)", "pass%20%22word%22%2F1"};
  auto const path = file("");
  for (char const* const format : {"airbyte", "plain"}) {
    for (auto arguments :
         {std::vector<std::string>{"check", "--config", file(configuration)}, write_arguments(configuration)}) {
      SCOPED_TRACE(fmt::format("{}, {} logs", arguments[0], format));
      arguments.insert(arguments.end(), {"--log", format, "--reject-file", path});
      Process process(arguments, {}, -1);
      process.send(record);
      process.end_input();
      process.exit_code();
      auto const shown = process.out + process.err + content(path);
      for (auto const& secret : spellings) EXPECT_EQ(shown.find(secret), std::string::npos) << shown;
      EXPECT_NE(shown.find("made from a configuration******"), std::string::npos) << shown;
      auto const last = arguments[0] == "check" ? "no user with ******" : "the merge of users******";
      EXPECT_NE(process.out.find(last), std::string::npos) << shown;
    }
  }
  EXPECT_NE(content(path).find("refused to ******"), std::string::npos) << content(path);
}

TEST_F(RunConnector, ABadRecordWithoutARejectFileFailsItsStream) {
  Process process(write_arguments(R"({"load": "names_bad_records"})", two_streams), {}, -1);
  process.send(record_of("orders", "{}"));
  process.send(record_of("users", R"({"x":"bad"})"));
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code(), 1) << process.err;
  EXPECT_EQ(process.messages("STATE").size(), 0U);
  ASSERT_EQ(process.messages("TRACE").size(), 1U) << process.out;
  EXPECT_NE(text_of(process.messages("TRACE")[0], "message").find("--reject-file"), std::string::npos);
  EXPECT_NE(process.out.find("stream users: 1 records read"), std::string::npos);
  EXPECT_NE(process.out.find("0 committed, 1 failed, failed: "), std::string::npos) << process.out;
  EXPECT_NE(process.out.find("1 committed, complete"), std::string::npos) << process.out;
}

// Many times: which of the two calls is heard of first is chance.
TEST_F(RunConnector, AFailureDoesNotLoseTheStateOfACallThatHadReturned) {
  for (int times = 0; times < 30; ++times) {
    SCOPED_TRACE(times);
    Process process(write_arguments(R"({"load": "fails_beside", "landfall": {"batch_records": 1}})"), {}, -1);
    process.send(record);
    process.send(state);
    process.send(record);
    process.send(state);
    process.end_input();
    EXPECT_EQ(process.exit_code(), 1) << process.err;
    ASSERT_EQ(process.messages("STATE").size(), 1U) << process.out;
    EXPECT_NE(process.out.find("1 committed, 1 failed, failed: "), std::string::npos) << process.out;
  }
}

TEST_F(RunConnector, AReaderThatTakesNothingIsGivenUp) {
  Process process(write_arguments(R"({"landfall": {"answer_seconds": 1, "patience_seconds": 1}})"), {}, -1);
  std::string states;
  while (states.size() < 300'000) states += state;  // more than a pipe holds
  process.send_all(states);
  process.end_input();
  EXPECT_EQ(process.exit_code_unread(), 1) << process.err;
}

TEST_F(RunConnector, NobodyReadsStderrAndTheSyncGoesOnWithoutItsLog) {
  auto arguments = write_arguments(R"({"tells": true, "landfall": {"patience_seconds": 1}})");
  arguments.insert(arguments.end(), {"--log", "plain"});
  Process process(arguments, {}, -1, 2);
  process.send(state);
  process.end_input();
  EXPECT_EQ(process.exit_code_unread(), 0);
  ASSERT_EQ(process.messages().size(), 1U) << process.out;
  EXPECT_EQ(process.messages("STATE").size(), 1U) << process.out;
}

TEST_F(RunConnector, EveryCommandGivesUpAReaderOfItsAnswer) {
  constexpr std::string_view configuration = R"({"landfall": {"answer_seconds": 1, "patience_seconds": 1}})";
  std::vector<std::string> const check = {"check", "--config", file(configuration)};
  for (auto const& arguments : {check, write_arguments(configuration)}) {
    SCOPED_TRACE(arguments.front());
    Process process(arguments, {}, -1, 1);
    process.end_input();
    EXPECT_EQ(process.exit_code_unread(), arguments.front() == "write" ? 0 : 1);
  }
}

TEST_F(RunConnector, SigtermEndsAWriteWhoseStdoutNobodyReads) {
  Process process(write_arguments(R"({"landfall": {"patience_seconds": 1}})"), {}, -1, 1);
  process.await_handler(SIGTERM);
  process.signal(SIGTERM);
  EXPECT_EQ(process.exit_code_unread(), 143);
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
