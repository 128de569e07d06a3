#include "destination_jsonl.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Broken input, behind good one.
class BadInput : public DestinationJsonl {
 protected:
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

TEST_F(BadInput, ABrokenLine) {
  auto const result = run_with("{\"type\":\"RECORD\",\"record\":{\"stream\":\"users\",\"data\":{\"id\":\n");
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("12"));  // the line
  EXPECT_THAT(result.failure(), HasSubstr("users"));
}

TEST_F(BadInput, RecordsBrokenWithinTheirData) {
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

TEST_F(BadInput, ALineOf200Megabytes) {
  auto const result = run_with(record(Stream("users"), "{\"x\":\"" + std::string(200'000'000, 'x') + "\"}"));
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("12"));
}

TEST_F(BadInput, InvalidUtf8) {
  expect_failed_after_the_first_state(run_with(record(Stream("users"), "{\"x\":\"\xff\xfe\"}")));
}

TEST_F(BadInput, ARecordWithoutAStream) {
  auto const result = run_with("{\"type\":\"RECORD\",\"record\":{\"data\":{},\"emitted_at\":1}}\n");
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("12"));
}

TEST_F(DestinationJsonl, HalvesOfSurrogatePairsAreReplacedAndEndNothing) {
  Stream const users("users");
  catalog({users});
  auto const result =
      run("\xef\xbb\xbf"
          R"({"type":"LOG","log":{"level":"INFO","message":"\ud83d"}})"
          "\n" +
          record(users, R"({"a": "x\ud83d", "b": "\ud83d\ude00"})") + state(users, 1));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.state_ids, ElementsAre(1));
  EXPECT_THAT(rows_of("users.jsonl"), ElementsAre(R"({"a": "x\ufffd", "b": "\ud83d\ude00"})"));
  EXPECT_TRUE(result.says("stream users: in 1 records half of a surrogate pair"));
}

TEST_F(DestinationJsonl, WithARejectFileABrokenRecordGoesThereAndAStateDoesNot) {
  Stream const users("users");
  catalog({users});
  auto const rejected = folder_ / "rejected.jsonl";
  write_file("config.json", json::serialize(json::object{{"destination_path", data().string()},
                                                         {"format", "data"},
                                                         {"landfall", {{"reject_file", rejected.string()}}}}));
  std::string const broken = R"({"type":"RECORD","record":{"stream":"users","data":{"id":nul},"emitted_at":1}})";
  auto const good = run(records(users, 0, 1) + broken + "\n" + records(users, 2, 1) + state(users, 1));
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_THAT(good.state_ids, ElementsAre(1));
  EXPECT_THAT(rows_of("users.jsonl"), ElementsAre(row(0), row(2)));
  auto const line = json::parse(read_file(rejected)).as_object();
  EXPECT_EQ(line.at("stream"), "users");
  EXPECT_EQ(line.at("record"), 1);
  EXPECT_EQ(line.at("line"), json::string(broken));
  EXPECT_THAT(std::string(line.at("reason").as_string()), HasSubstr("line 2: no valid JSON: syntax error (byte "));

  auto broken_state = state(users, 2);
  broken_state.insert(broken_state.size() - 2, "x");
  auto const bad = run(records(users, 3, 1) + broken_state + records(users, 4, 1));
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.failure(), HasSubstr("line 2"));
}

TEST_F(DestinationJsonl, ARecordThatIsNestedTooDeepFailsItsStreamAlone) {
  Stream const users("users");
  Stream const orders("orders");
  catalog({users, orders});
  auto const deep = record(users, R"({"id":)" + std::string(7000, '[') + std::string(7000, ']') + "}");
  auto const result = run(records(users, 0, 1) + state(users, 1) + deep + records(users, 2, 1) + state(users, 2) +
                          records(orders, 0, 2) + state(orders, 3));
  EXPECT_EQ(result.exit_code, 1);
  auto ids = result.state_ids;
  std::ranges::sort(ids);
  EXPECT_THAT(ids, ElementsAre(1, 3));
  EXPECT_THAT(rows_of("users.jsonl"), ElementsAre(row(0)));
  EXPECT_THAT(rows_of("orders.jsonl"), ElementsAre(row(0), row(1)));
  EXPECT_THAT(result.failure(), HasSubstr("record 1 of stream users cannot be loaded: JSON nested deeper than 4096"));
  EXPECT_EQ(result.failure_types.front(), "config_error");
}

TEST_F(DestinationJsonl, CompressedInputIsNamed) {
  catalog({Stream("users")});
  auto const result = run(std::string("\x1f\x8b\x08\0\0\0\0\0", 8) + std::string(100'000, '\x55'));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.failure(), HasSubstr("the input is compressed with gzip"));
  EXPECT_EQ(result.failure_types.front(), "config_error");
}

TEST_F(BadInput, AnUnknownStream) {
  auto const result = run_with(record(Stream("nobody"), "{}"));
  expect_failed_after_the_first_state(result);
  EXPECT_THAT(result.failure(), HasSubstr("nobody"));
}

TEST_F(BadInput, UnknownMessagesAreIgnored) {
  auto const result = run_with(
      "{\"type\":\"SURPRISE\",\"surprise\":{}}\n{\"type\":\"LOG\",\"log\":{\"level\":\"INFO\",\"message\":\"x\"}}\n");
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_THAT(result.state_ids, ElementsAre(1, 2));
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 20));
}

TEST_F(BadInput, ARecordAfterComplete) {
  auto users = Stream("users").generations(2, 0);
  auto const result = run_with(status(users), users);
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.failure(), HasSubstr("users"));
  EXPECT_THAT(result.state_ids, ElementsAre(1));
}

TEST_F(BadInput, AStateOfAnotherKind) {
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
  Row const table[] = {
      {"config is no JSON", "{", good_catalog, ""},
      {"config without a folder", "{}", good_catalog, "destination_path"},
      {"an empty folder", R"({"destination_path":""})", good_catalog, "destination_path"},
      {"an unknown format", R"({"destination_path":"x","format":"xml"})", good_catalog, "format"},
      {"catalog is no JSON", good_config, "{\"streams\":[", ""},
      {"catalog without streams", good_config, "{}", "streams"},
      {"a stream twice", good_config, twice, "users"},
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

TEST_F(DestinationJsonl, AModeThatFilesDoNotHaveFailsItsStreamAlone) {
  Stream const users("users");
  std::vector<Stream> const wrong{Stream("a").mode("append_dedup"), Stream("b").mode("update"),
                                  Stream("c").mode("soft_delete"), Stream("d").mode("overwrite").generations(5, 3)};
  for (Stream const& other : wrong) {
    SCOPED_TRACE(other.name);
    fs::remove_all(data());
    catalog({users, other});
    auto const result = run(records(users, 0, 3) + records(other, 0, 3) + state(users, 1) + state(other, 2));
    EXPECT_NE(result.exit_code, 0);
    EXPECT_THAT(result.state_ids, ElementsAre(1));
    EXPECT_THAT(result.failure(), HasSubstr("stream " + other.name + ": "));
    EXPECT_EQ(rows_of("users.jsonl"), rows(0, 3));
    EXPECT_FALSE(fs::exists(data() / (other.name + ".jsonl")));
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

TEST_F(DestinationJsonl, AFileThatAnotherProgramEmptiesFailsItsStreamAndGetsNoHole) {
  Stream const users("users");
  catalog({users});
  auto const process = start();
  process->feed(records(users, 0, 10) + state(users, 1));
  auto result = read_until_state(*process, 1);
  write_file(data() / "users.jsonl", "");
  process->feed(records(users, 10, 10) + state(users, 2));
  result = finish(*process, result);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.failure().find("users.jsonl was changed by another program"), std::string::npos) << result.failure();
  EXPECT_EQ(result.state_ids, std::vector<int>{1});
  EXPECT_EQ(read_file(data() / "users.jsonl"), "");
}

TEST_F(DestinationJsonl, ALastLineOfAnotherProgramIsKeptAndToldOf) {
  Stream const users("users");
  catalog({users});
  fs::create_directories(data());
  write_file(data() / "users.jsonl", R"({"id": "another program's"})");
  auto const result = run(records(users, 0, 2) + state(users, 1));
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  auto expected = rows(0, 2);
  expected.insert(expected.begin(), R"({"id": "another program's"})");
  EXPECT_EQ(rows_of("users.jsonl"), expected);
  EXPECT_TRUE(result.says("users.jsonl did not end with a line feed"));
  auto const next = run(records(users, 2, 1) + state(users, 2));
  EXPECT_FALSE(next.says("did not end with a line feed"));
  EXPECT_EQ(rows_of("users.jsonl").size(), 4U);
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
