// What the world does to a process that did nothing wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "destination_jsonl.hpp"
#include "few_threads.hpp"

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Failures : public DestinationJsonl {
 protected:
  /// The program, unable to make a file longer than `blocks` blocks of 512 bytes.
  std::unique_ptr<Process> start_with_file_size_limit(int blocks) {
    auto const script = "ulimit -f " + std::to_string(blocks) + "; exec \"$@\"";
    return std::make_unique<Process>(
        std::vector<std::string>{"/bin/sh", "-c", script, "sh", DESTINATION_JSONL, "write", "--config",
                                 folder_ / "config.json", "--catalog", folder_ / "catalog.json"},
        folder_ / "stderr");
  }

  /// Twenty rows with a STATE behind them, `count` times.
  static std::string records_with_states(Stream const& stream, int first, int count) {
    std::string input;
    for (int i = first; i < first + count; ++i) input += records(stream, 20 * i, 20) + state(stream, i + 1);
    return input;
  }

  static std::string stream_of(json::object const& state) {
    return std::string(state.at("stream").at("stream_descriptor").at("name").as_string());
  }

  void settings(json::object const& landfall) {
    write_file("config.json", json::serialize(json::object{
                                  {"destination_path", data().string()}, {"format", "data"}, {"landfall", landfall}}));
  }
};

using FewThreads = WithFewThreads<DestinationJsonl>;

TEST_F(FewThreads, AreEnoughOrTheSyncSaysSoBeforeItReadsAnything) {
  Stream const users("users");
  catalog({users});
  for (int threads = 1; threads <= 12; ++threads) {
    SCOPED_TRACE(threads);
    fs::remove_all(data());
    bool const is_loaded = ends_in_words(threads, records(users, 0, 100) + state(users, 1));
    EXPECT_EQ(fs::exists(data()), is_loaded);
    EXPECT_EQ(rows_of("users.jsonl"), rows(0, is_loaded ? 100 : 0));
  }
}

TEST_F(Failures, AReaderThatLeavesInTheMiddle) {
  Stream const users("users");
  catalog({users});
  auto const process = start();
  process->feed(records_with_states(users, 0, 1));
  auto const answered = read_until_state(*process, 1);
  ASSERT_THAT(answered.state_ids, ElementsAre(1));
  process->close_stdout();
  process->feed(records_with_states(users, 1, 10));
  process->close_stdin();
  EXPECT_EQ(process->wait(), 1);
  auto const written = rows_of("users.jsonl");
  ASSERT_GE(written.size(), 20U);
  EXPECT_EQ(written, rows(0, static_cast<int>(written.size())));
}

TEST_F(Failures, AFileThatMayNotGrow) {
  Stream const users("users");
  Stream const small("small");
  catalog({users, small});
  settings({{"checkpoint_seconds", 1}, {"batch_records", 50}});
  constexpr int total = 100;
  auto const process = start_with_file_size_limit(20);
  process->feed(records_with_states(small, 0, 1) + records_with_states(users, 0, total));
  auto const result = finish(*process);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.failure(), HasSubstr((data() / "users.jsonl").string() + ": File too large"));
  EXPECT_THAT(result.failure(), HasSubstr("ulimit -f"));

  auto const written = rows_of("users.jsonl");
  EXPECT_EQ(written, rows(0, static_cast<int>(written.size())));
  int acknowledged = 0;
  for (auto const& one : result.states) {
    if (stream_of(one) == "users") acknowledged = one.at("id").to_number<int>();
  }
  EXPECT_LT(acknowledged, total);
  EXPECT_LE(20U * static_cast<unsigned>(acknowledged), written.size());
  EXPECT_EQ(rows_of("small.jsonl"), rows(0, 20));

  auto const again = run(records_with_states(users, acknowledged, total - acknowledged));
  EXPECT_EQ(again.exit_code, 0) << again.failure();
  auto const all = rows_of("users.jsonl");
  for (auto const& row : rows(0, 20 * total)) EXPECT_THAT(all, Contains(row));
}

// Many times: while the third batch fails, the first one may be on its way to disk, or an answer about it to us.
TEST_F(Failures, AFileThatMayNotGrowLosesNoStateThatWasEarned) {
  Stream const users("users");
  catalog({users, Stream("small")});
  constexpr int batch_records = 1100;  // of 1 MB and more: such a batch is brought to disk by a call of its own
  settings({{"batch_records", batch_records}, {"batch_bytes", 4'000'000}});
  std::string input;
  for (int id = 0; id < 6; ++id) {
    for (int n = 0; n < batch_records; ++n) input += record(users, R"({"x":")" + std::string(1000, 'x') + R"("})");
    input += state(users, id + 1);
  }
  for (int times = 0; times < 10; ++times) {
    SCOPED_TRACE(times);
    fs::remove_all(data());
    auto const process = start_with_file_size_limit(5500);
    process->feed(input);
    auto const result = finish(*process);
    EXPECT_EQ(result.exit_code, 1);
    ASSERT_FALSE(result.state_ids.empty());
    EXPECT_EQ(result.state_ids.front(), 1);
    EXPECT_LE(result.state_ids.back(), 2) << "the third batch has failed";
    EXPECT_EQ(rows_of("users.jsonl").size(), 2U * batch_records);
  }
}

TEST_F(Failures, AFolderInThePlaceOfAFileFailsThatStreamAlone) {
  Stream const users("users");
  Stream const orders("orders");
  Stream const events("events");
  catalog({orders, users, events});
  fs::create_directories(data() / "users.jsonl");
  auto const result =
      run(records_with_states(users, 0, 1) + records_with_states(orders, 0, 2) + records_with_states(events, 0, 3));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.failure(), HasSubstr("users"));
  EXPECT_THAT(result.failure(), HasSubstr("a folder is in the place of the file: remove it"));
  EXPECT_EQ(rows_of("orders.jsonl"), rows(0, 40));
  EXPECT_EQ(rows_of("events.jsonl"), rows(0, 60));
  std::map<std::string, int> answers;
  for (auto const& one : result.states) ++answers[stream_of(one)];
  EXPECT_EQ(answers, (std::map<std::string, int>{{"orders", 2}, {"events", 3}}));
}

TEST_F(Failures, ASourceThatPausesLongerThanEveryTimeout) {
  auto const users = Stream("users").generations(1, 0);
  catalog({users});
  json::object const second{{"attempt_seconds", 1}, {"total_seconds", 1}};
  json::object retry;
  for (char const* const phase : {"check", "setup", "open", "process", "close", "teardown"}) retry[phase] = second;
  settings({{"batch_seconds", 1},
            {"checkpoint_seconds", 1},
            {"stop_seconds", 1},
            {"patience_seconds", 1},
            {"retry", retry}});
  auto const process = start();
  process->feed(records(users, 0, 10) + state(users, 1) + records(users, 10, 10));
  auto result = read_until_state(*process, 1);
  auto const end = std::chrono::steady_clock::now() + std::chrono::milliseconds(3500);
  for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
    process->await_output(std::chrono::duration_cast<std::chrono::microseconds>(end - now));
    ASSERT_FALSE(process->output_has_ended()) << "it has ended while its source was silent";
  }
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 20)) << "what is old enough is loaded meanwhile";
  process->feed(records(users, 20, 10) + state(users, 2) + status(users));
  result = finish(*process, result);
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_THAT(result.failures, ::testing::IsEmpty());
  EXPECT_THAT(result.state_ids, ElementsAre(1, 2));
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 30));
}

}  // namespace
