#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "process.hpp"

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One stream of a catalog; ids only when a generation is given.
struct Stream {
  Stream(std::string stream_name, std::optional<std::string> stream_namespace = std::nullopt)
      : name(std::move(stream_name)), name_space(std::move(stream_namespace)) {}

  Stream& mode(std::string destination_mode) {
    destination_sync_mode = std::move(destination_mode);
    return *this;
  }
  Stream& generations(int id, int minimum) {
    generation = id;
    minimum_generation = minimum;
    return *this;
  }

  json::object descriptor() const {
    json::object descriptor{{"name", name}};
    if (name_space) descriptor["namespace"] = *name_space;
    return descriptor;
  }

  json::object configured() const {
    auto stream = descriptor();
    stream["json_schema"] = {{"type", "object"}};
    stream["supported_sync_modes"] = json::array{"full_refresh", "incremental"};
    json::object configured{
        {"stream", stream}, {"sync_mode", "incremental"}, {"destination_sync_mode", destination_sync_mode}};
    if (generation) {
      configured["generation_id"] = *generation;
      configured["minimum_generation_id"] = *minimum_generation;
      configured["sync_id"] = 1;
    }
    return configured;
  }

  std::string name;
  std::optional<std::string> name_space;
  std::string destination_sync_mode = "append";
  std::optional<int> generation, minimum_generation;
};

std::string record(Stream const& stream, std::string const& data) {
  json::object head{{"stream", stream.name}, {"emitted_at", 1'700'000'000'000}};
  if (stream.name_space) head["namespace"] = *stream.name_space;
  auto text = json::serialize(head);
  text.pop_back();
  return R"({"type":"RECORD","record":)" + text + R"(,"data":)" + data + "}}\n";
}

std::string row(int id) { return "{\"id\": " + std::to_string(id) + "}"; }

std::string records(Stream const& stream, int first, int count) {
  std::string lines;
  for (int id = first; id < first + count; ++id) lines += record(stream, row(id));
  return lines;
}

std::vector<std::string> rows(int first, int count) {
  std::vector<std::string> rows;
  for (int id = first; id < first + count; ++id) rows.push_back(row(id));
  return rows;
}

std::string state(Stream const& stream, int id) {
  json::object const message{{"type", "STATE"},
                             {"state",
                              {{"type", "STREAM"},
                               {"stream", {{"stream_descriptor", stream.descriptor()}, {"stream_state", {{"at", id}}}}},
                               {"id", id}}}};
  return json::serialize(message) + "\n";
}

std::string status(Stream const& stream, std::string const& status = "COMPLETE") {
  json::object const message{{"type", "TRACE"},
                             {"trace",
                              {{"type", "STREAM_STATUS"},
                               {"emitted_at", 1},
                               {"stream_status", {{"stream_descriptor", stream.descriptor()}, {"status", status}}}}}};
  return json::serialize(message) + "\n";
}

/// How a run ended: what it printed, by kind.
struct Result {
  int exit_code = 0;
  std::vector<int> state_ids;         ///< in order
  std::vector<json::object> states;   ///< in order
  std::vector<std::string> failures;  ///< messages of TRACE ERROR
  std::vector<std::string> others;

  void add(std::string const& line) {
    auto const message = json::parse(line).as_object();  // throws, when stdout holds anything else
    auto const type = std::string(message.at("type").as_string());
    if (type == "STATE") {
      states.push_back(message.at("state").as_object());
      state_ids.push_back(states.back().at("id").to_number<int>());
    } else if (type == "TRACE") {
      failures.emplace_back(message.at("trace").at("error").at("message").as_string());
    } else {
      others.push_back(line);
    }
  }

  std::string failure() const { return failures.empty() ? "" : failures.front(); }
};

class DestinationJsonl : public ::testing::Test {
 protected:
  DestinationJsonl() {
    static int number = 0;
    folder_ = fs::path(::testing::TempDir()) /
              ("jsonl_process_" + std::to_string(::getpid()) + "_" + std::to_string(++number));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_file("config.json", json::serialize(json::object{{"destination_path", data().string()},
                                                           {"format", "data"},
                                                           {"landfall", {{"checkpoint_seconds", 1}}}}));
  }
  ~DestinationJsonl() override {
    if (HasFailure()) std::fprintf(stderr, "%s\n", read_file(folder_ / "stderr").c_str());
    fs::remove_all(folder_);
  }

  fs::path data() const { return folder_ / "data"; }

  void write_file(std::string const& name, std::string const& text) { std::ofstream(folder_ / name) << text; }

  static std::string read_file(fs::path const& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  void catalog(std::vector<Stream> const& streams) {
    json::array configured;
    for (auto const& stream : streams) configured.push_back(stream.configured());
    write_file("catalog.json", json::serialize(json::object{{"streams", configured}}));
  }

  std::unique_ptr<Process> start(std::string const& input_file = "") {
    return std::make_unique<Process>(
        std::vector<std::string>{DESTINATION_JSONL, "write", "--config", folder_ / "config.json", "--catalog",
                                 folder_ / "catalog.json"},
        folder_ / "stderr", input_file);
  }

  Result finish(Process& process, Result result = Result()) {
    process.close_stdin();
    for (auto const& line : process.read_lines()) result.add(line);
    result.exit_code = process.wait();
    return result;
  }

  Result run(std::string const& input) {
    auto const process = start();
    process->feed(input);
    return finish(*process);
  }

  /// Reads on until the STATE with this id.
  static Result read_until_state(Process& process, int id) {
    Result result;
    while (auto line = process.read_line()) {
      result.add(*line);
      if (!result.state_ids.empty() && result.state_ids.back() == id) break;
    }
    return result;
  }

  /// The rows of a file; its last line must be whole.
  std::vector<std::string> rows_of(std::string const& file) const {
    auto const text = read_file(data() / file);
    EXPECT_TRUE(text.empty() || text.ends_with('\n')) << file << " ends in a torn line";
    std::istringstream lines(text);
    std::vector<std::string> rows;
    for (std::string line; std::getline(lines, line);) rows.push_back(line);
    return rows;
  }

  /// Ten good records with their STATE, then `bad`, then ten more with theirs. What must hold for every such input:
  /// the first STATE alone may come back, its rows are in the file, and the process says that it failed, and why.
  Result run_with(std::string const& bad, Stream const& stream = Stream("users")) {
    catalog({stream});
    auto const process = start();
    process->feed(records(stream, 0, 10) + state(stream, 1));
    auto result = read_until_state(*process, 1);
    process->feed(bad + records(stream, 10, 10) + state(stream, 2));
    return finish(*process, result);
  }

  void expect_failed_after_the_first_state(Result const& result) {
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.state_ids, ElementsAre(1));
    EXPECT_FALSE(result.failures.empty());
    auto const written = rows_of("users.jsonl");
    ASSERT_GE(written.size(), 10U);
    EXPECT_TRUE(std::equal(written.begin(), written.begin() + 10, rows(0, 10).begin()));
  }

  fs::path folder_;
};

TEST_F(DestinationJsonl, ThreeInterleavedStreamsThroughAPipe) {
  std::vector<Stream> const streams{Stream("users"), Stream("orders", "shop"), Stream("events", "")};
  catalog(streams);
  std::string input;
  int id = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) {
      for (auto const& stream : streams) input += record(stream, row(round * 50 + i));
    }
    for (auto const& stream : streams) input += state(stream, ++id);
  }
  auto const result = run(input);
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 1000));
  EXPECT_EQ(rows_of("shop/orders.jsonl"), rows(0, 1000));
  EXPECT_EQ(rows_of("%/events.jsonl"), rows(0, 1000));
  EXPECT_EQ(result.states.size(), 60U);
  for (auto const& stream : streams) {
    int last = 0;
    for (auto const& one : result.states) {
      if (one.at("stream").at("stream_descriptor") != stream.descriptor()) continue;
      EXPECT_LT(last, one.at("id").to_number<int>());
      last = one.at("id").to_number<int>();
      EXPECT_EQ(one.at("destinationStats").at("recordCount").to_number<double>(), 50.0);
    }
  }
}

TEST_F(DestinationJsonl, AFileAsStdin) {
  Stream const users("users");
  catalog({users});
  write_file("input", records(users, 0, 100) + state(users, 1));
  auto const process = start(folder_ / "input");
  auto const result = finish(*process);
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 100));
  EXPECT_THAT(result.state_ids, ElementsAre(1));
}

TEST_F(DestinationJsonl, AStateIsAnsweredWhileStdinStaysOpen) {
  Stream const users("users");
  catalog({users});
  auto const process = start();
  process->feed(records(users, 0, 3) + state(users, 1));
  auto const result = read_until_state(*process, 1);
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 3));
  EXPECT_EQ(finish(*process, result).exit_code, 0);
}

TEST_F(DestinationJsonl, ABrokenLine) {
  auto const result = run_with("{\"type\":\"RECORD\",\"record\":{\"stream\":\"users\",\"data\":{\"id\":\n");
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("12"));  // the line
  EXPECT_THAT(result.failure(), HasSubstr("users"));
}

TEST_F(DestinationJsonl, RecordsBrokenWithinTheirData) {
  for (std::string const broken :
       {R"({"id":nul})", R"({"id":01})", R"({"id":1,})", R"({"id":[1}})", R"({"id":"\x"})"}) {
    SCOPED_TRACE(broken);
    fs::remove_all(data());
    auto const result = run_with(record(Stream("users"), broken));
    expect_failed_after_the_first_state(result);
    EXPECT_THAT(result.failure(), HasSubstr("12"));
    EXPECT_THAT(result.failure(), HasSubstr("users"));
  }
}

TEST_F(DestinationJsonl, ALineOf200Megabytes) {
  auto const result = run_with(record(Stream("users"), "{\"x\":\"" + std::string(200'000'000, 'x') + "\"}"));
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("12"));
}

TEST_F(DestinationJsonl, InvalidUtf8) {
  expect_failed_after_the_first_state(run_with(record(Stream("users"), "{\"x\":\"\xff\xfe\"}")));
}

TEST_F(DestinationJsonl, ARecordWithoutAStream) {
  auto const result = run_with("{\"type\":\"RECORD\",\"record\":{\"data\":{},\"emitted_at\":1}}\n");
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("12"));
}

TEST_F(DestinationJsonl, AnUnknownStream) {
  auto const result = run_with(record(Stream("nobody"), "{}"));
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("nobody"));
}

TEST_F(DestinationJsonl, UnknownMessagesAreIgnored) {
  auto const result = run_with(
      "{\"type\":\"SURPRISE\",\"surprise\":{}}\n{\"type\":\"LOG\",\"log\":{\"level\":\"INFO\",\"message\":\"x\"}}\n");
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_THAT(result.state_ids, ElementsAre(1, 2));
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 20));
}

TEST_F(DestinationJsonl, ARecordAfterComplete) {
  auto users = Stream("users").generations(2, 0);
  auto const result = run_with(status(users), users);
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.failure(), HasSubstr("users"));
  EXPECT_THAT(result.state_ids, ElementsAre(1));
}

TEST_F(DestinationJsonl, AStateOfAnotherKind) {
  auto const result =
      run_with("{\"type\":\"STATE\",\"state\":{\"type\":\"GLOBAL\",\"global\":{\"stream_states\":[]},\"id\":7}}\n");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.failure(), HasSubstr("GLOBAL"));
  EXPECT_THAT(result.state_ids, ::testing::Not(::testing::Contains(7)));
  // What was read behind it may still be loaded; then its own STATE is true.
  auto const written = rows_of("users.jsonl");
  EXPECT_EQ(written, rows(0, static_cast<int>(written.size())));
  EXPECT_GE(written.size(), 10 * result.state_ids.size());
}

TEST_F(DestinationJsonl, NoStatusKeepsOldDataWithGenerations) {
  catalog({Stream("users")});
  ASSERT_EQ(run(records(Stream("users"), 0, 5)).exit_code, 0);
  auto const users = Stream("users").generations(3, 3);
  catalog({users});
  auto const failed = run(records(users, 100, 5) + state(users, 1));
  EXPECT_NE(failed.exit_code, 0);
  EXPECT_THAT(failed.failure(), HasSubstr("users"));
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 5));
  auto const again = run(records(users, 105, 5) + state(users, 2) + status(users));
  EXPECT_EQ(again.exit_code, 0) << again.failure();
  EXPECT_EQ(rows_of("users.jsonl"), rows(100, 10));
}

TEST_F(DestinationJsonl, NoStatusIsFineWithoutGenerations) {
  catalog({Stream("users")});
  EXPECT_EQ(run(records(Stream("users"), 0, 5)).exit_code, 0);
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 5));
}

TEST_F(DestinationJsonl, IncompleteKeepsOldData) {
  for (bool const with_generations : {true, false}) {
    SCOPED_TRACE(with_generations);
    fs::remove_all(data());
    catalog({Stream("users")});
    ASSERT_EQ(run(records(Stream("users"), 0, 5)).exit_code, 0);
    auto users = Stream("users").mode("overwrite");
    if (with_generations) users = Stream("users").generations(3, 3);
    catalog({users});
    auto const result = run(records(users, 100, 5) + state(users, 1) + status(users, "INCOMPLETE"));
    EXPECT_NE(result.exit_code, 0);
    EXPECT_EQ(rows_of("users.jsonl"), rows(0, 5));
  }
}

TEST_F(DestinationJsonl, OverwriteReplacesTheRows) {
  catalog({Stream("users")});
  ASSERT_EQ(run(records(Stream("users"), 0, 5)).exit_code, 0);
  auto const users = Stream("users").mode("overwrite");
  catalog({users});
  EXPECT_EQ(run(records(users, 100, 5) + state(users, 1)).exit_code, 0);
  EXPECT_EQ(rows_of("users.jsonl"), rows(100, 5));
}

TEST_F(DestinationJsonl, EmptyInput) {
  catalog({Stream("users")});
  EXPECT_EQ(run("").exit_code, 0);
  EXPECT_EQ(rows_of("users.jsonl").size(), 0U);
  EXPECT_TRUE(fs::exists(data() / "users.jsonl"));
  catalog({Stream("users").generations(1, 0)});
  EXPECT_NE(run("").exit_code, 0);
}

TEST_F(DestinationJsonl, ATruncateWithoutRecordsLeavesAnEmptyFile) {
  catalog({Stream("users")});
  ASSERT_EQ(run(records(Stream("users"), 0, 5)).exit_code, 0);
  auto const users = Stream("users").generations(1, 1);
  catalog({users});
  EXPECT_EQ(run(status(users)).exit_code, 0);
  EXPECT_EQ(rows_of("users.jsonl").size(), 0U);
}

TEST_F(DestinationJsonl, InputThatEndsWithinALine) {
  Stream const users("users");
  catalog({users});
  auto const whole = records(users, 0, 10) + state(users, 1);
  auto const result = run(whole + record(users, row(10)).substr(0, 40));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_FALSE(result.failure().empty());
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 10));
}

TEST_F(DestinationJsonl, ALastLineWithoutItsEndCounts) {
  Stream const users("users");
  catalog({users});
  auto input = records(users, 0, 10) + state(users, 1);
  input.pop_back();
  auto const result = run(input);
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_THAT(result.state_ids, ElementsAre(1));
}

TEST_F(DestinationJsonl, CarriageReturnsAndBlankLines) {
  Stream const users("users");
  catalog({users});
  std::string input = "\n\r\n  \n";
  for (char const c : records(users, 0, 10) + "\n\n" + state(users, 1)) input += c == '\n' ? "\r\n" : std::string(1, c);
  auto const result = run(input);
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 10));
  EXPECT_THAT(result.state_ids, ElementsAre(1));
}

TEST_F(DestinationJsonl, BrokenFilesAreRefusedBeforeAnyRecord) {
  catalog({Stream("users")});
  auto const good_catalog = read_file(folder_ / "catalog.json");
  auto const good_config = read_file(folder_ / "config.json");
  struct Row {
    char const* name;
    std::string config, catalog, message;
  };
  auto const twice = [] {
    auto const one = Stream("users").configured();
    return json::serialize(json::object{{"streams", json::array{one, one}}});
  }();
  auto const mode = [](char const* destination_mode) {
    auto const one = Stream("users").mode(destination_mode).configured();
    return json::serialize(json::object{{"streams", json::array{one}}});
  };
  Row const table[] = {
      {"config is no JSON", "{", good_catalog, ""},
      {"config without a folder", "{}", good_catalog, "destination_path"},
      {"an empty folder", R"({"destination_path":""})", good_catalog, "destination_path"},
      {"an unknown format", R"({"destination_path":"x","format":"xml"})", good_catalog, "format"},
      {"catalog is no JSON", good_config, "{\"streams\":[", ""},
      {"catalog without streams", good_config, "{}", "streams"},
      {"a stream twice", good_config, twice, "users"},
      {"append_dedup", good_config, mode("append_dedup"), "users"},
      {"update", good_config, mode("update"), "users"},
      {"soft_delete", good_config, mode("soft_delete"), "users"},
  };
  for (auto const& row : table) {
    SCOPED_TRACE(row.name);
    write_file("config.json", row.config);
    write_file("catalog.json", row.catalog);
    auto const result = run(records(Stream("users"), 0, 3) + state(Stream("users"), 1));
    EXPECT_NE(result.exit_code, 0);
    EXPECT_TRUE(result.state_ids.empty());
    EXPECT_THAT(result.failure(), HasSubstr(row.message));
    EXPECT_FALSE(fs::exists(data()));
  }
}

TEST_F(DestinationJsonl, AFolderThatCannotBeMade) {
  write_file("a_file", "");
  auto const path = (folder_ / "a_file" / "data").string();
  write_file("config.json", json::serialize(json::object{{"destination_path", path}}));
  catalog({Stream("users")});
  auto const result = run(records(Stream("users"), 0, 3) + state(Stream("users"), 1));
  EXPECT_NE(result.exit_code, 0);
  EXPECT_TRUE(result.state_ids.empty());
  EXPECT_THAT(result.failure(), HasSubstr(path));

  Process check({DESTINATION_JSONL, "check", "--config", folder_ / "config.json"}, folder_ / "stderr");
  auto const lines = check.read_lines();
  EXPECT_EQ(check.wait(), 0);
  ASSERT_FALSE(lines.empty());
  EXPECT_THAT(lines.back(), HasSubstr("FAILED"));
}

TEST_F(DestinationJsonl, CheckSucceedsAndLeavesNothing) {
  Process check({DESTINATION_JSONL, "check", "--config", folder_ / "config.json"}, folder_ / "stderr");
  auto const lines = check.read_lines();
  EXPECT_EQ(check.wait(), 0);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], HasSubstr("SUCCEEDED"));
  EXPECT_TRUE(fs::is_empty(data()));
}

TEST_F(DestinationJsonl, AStreamsNameCannotLeaveTheFolder) {
  Stream const stream("../../x", "..");
  catalog({stream});
  auto const result = run(records(stream, 0, 3) + state(stream, 1));
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_EQ(rows_of("%2E./%2E.%2F..%2Fx.jsonl"), rows(0, 3));
  std::vector<std::string> names;
  for (auto const& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("data", "config.json", "catalog.json", "stderr"));
}

TEST_F(DestinationJsonl, TheSecondProcessWaitsItsTurn) {
  Stream const users("users");
  catalog({users});
  auto const first = start();
  first->feed(records(users, 0, 3) + state(users, 1));
  auto const first_result = read_until_state(*first, 1);
  auto const second = run("");
  EXPECT_NE(second.exit_code, 0);
  EXPECT_THAT(second.failure(), HasSubstr(data().string()));
  EXPECT_EQ(finish(*first, first_result).exit_code, 0);
}

TEST_F(DestinationJsonl, SigtermKeepsWhatWasAcknowledged) {
  Stream const users("users");
  catalog({users});
  auto const process = start();
  process->feed(records(users, 0, 10) + state(users, 1));
  auto result = read_until_state(*process, 1);
  process->feed(records(users, 10, 10) + state(users, 2));
  result = [&] {
    auto more = read_until_state(*process, 2);
    more.state_ids.insert(more.state_ids.begin(), 1);
    return more;
  }();
  process->signal(SIGTERM);
  EXPECT_EQ(process->wait(), 143);  // stdin is still open
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 20));
}

TEST_F(DestinationJsonl, AClosedStdoutFailsTheSync) {
  Stream const users("users");
  catalog({users});
  auto const process = start();
  process->close_stdout();
  process->feed(records(users, 0, 10) + state(users, 1));
  process->close_stdin();
  EXPECT_NE(process->wait(), 0);
}

TEST_F(DestinationJsonl, AKilledProcessKeepsWhatWasAcknowledged) {
  Stream const users("users");
  catalog({users});
  int written = 0;
  for (int round = 0; round < 5; ++round) {
    auto const process = start();
    process->feed(records(users, written, 1000) + state(users, 1));
    read_until_state(*process, 1);
    process->feed(records(users, 1'000'000, 2000 * round));  // on their way, not acknowledged
    process->signal(SIGKILL);
    EXPECT_EQ(process->wait(), 128 + SIGKILL);
    // What was not acknowledged may be there or not; a new sync begins on a whole line.
    catalog({users});
    ASSERT_EQ(run("").exit_code, 0);
    auto const found = rows_of("users.jsonl");
    for (auto const& expected : {row(written), row(written + 999)}) {
      EXPECT_EQ(std::count(found.begin(), found.end(), expected), 1);
    }
    for (auto const& line : found) EXPECT_NO_THROW(json::parse(line));
    written += 1000;
  }
}

}  // namespace
