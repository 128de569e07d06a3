#include "tasks/input_consumer_task.hpp"

#include "tasks/reading_fixture.hpp"

namespace landfall {
namespace {

class InputConsumerTest : public ReadingTest {
 protected:
  InputConsumerTest() { reader.block_bytes = 4096; }
};

TEST_F(InputConsumerTest, ReadsToTheEndAndLoadsEveryRecordOnceAndInOrder) {
  source.lines({record("users", R"({"n":1})"), record("orders", R"({"n":2})"), record("users", R"({"n":3})")})
      .pause(std::chrono::seconds(1))
      .lines({record("users", R"({"n":4})"), complete("users"), complete("orders")});
  read({"users", "orders"});
  EXPECT_EQ(data_of("users"), (std::vector<std::string>{R"({"n":1})", R"({"n":3})", R"({"n":4})"}));
  EXPECT_EQ(data_of("orders"), (std::vector<std::string>{R"({"n":2})"}));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->succeeded());
  EXPECT_EQ(ends.at(stream("users")).status, StreamStatus::complete);
  EXPECT_EQ(ends.at(stream("users")).record_count, 3U);
  EXPECT_EQ(progress->lines.load(), 6U);
}

TEST_F(InputConsumerTest, EveryChunkSizeGivesTheSameResult) {
  for (std::size_t const size : {1, 3, 50, 1000}) {
    SCOPED_TRACE(size);
    std::string text;
    for (int i = 0; i < 30; ++i) text += record("users", fmt::format(R"({{"n":{}}})", i)) + "\n";
    testing::Simulation own(size);
    MemoryBudget memory(1 << 20);
    testing::ScriptedSource chunks(own);
    chunks.in_chunks_of(size, text);
    StreamQueues one(catalog_of({"users"}));
    CheckpointQueue states(1 << 20);
    InputProgress counters(1);
    LineReader lines(chunks, memory, 512, 4096);
    Router router(one, states, own, Validation::full, counters);
    auto read_all = [](LineReader& from, Router& to) -> awaitable<void> {
      for (;;) {
        std::optional<InputLines> const block = co_await from.next();
        if (!block) co_return;
        to.route(*block);
      }
    };
    own.run_coroutine(read_all(lines, router));
    EXPECT_EQ(counters.streams[0].records.load(), 30U);
  }
}

TEST_F(InputConsumerTest, AStreamWithoutAWordEndsWithTheInput) {
  source.lines({record("users"), state("users")});
  read({"users", "orders"});
  EXPECT_EQ(ends.at(stream("users")).status, StreamStatus::missing);
  EXPECT_TRUE(ends.at(stream("users")).state_after_last_record);
  EXPECT_TRUE(ends.at(stream("users")).input_complete);
  EXPECT_EQ(ends.at(stream("orders")).record_count, 0U);
  EXPECT_TRUE(outcome.has_value());
}

TEST_F(InputConsumerTest, ABadLineEndsTheReadingAndWhatCameBeforeItIsLoaded) {
  source.lines({record("users", R"({"n":1})"), complete("orders"), "garbage", record("users", R"({"n":2})")})
      .lines({record("users", R"({"n":3})")});
  read({"users", "orders"});
  EXPECT_EQ(data_of("users"), (std::vector<std::string>{R"({"n":1})"}));
  EXPECT_FALSE(ends.at(stream("users")).input_complete);
  EXPECT_TRUE(ends.at(stream("orders")).input_complete);
  EXPECT_FALSE(source.exhausted());
  ASSERT_TRUE(outcome.has_value());
  ASSERT_TRUE(outcome->error.has_value());
  EXPECT_NE(std::string(outcome->error->what()).find("line 3"), std::string::npos) << outcome->error->what();
}

TEST_F(InputConsumerTest, AFailureOfTheSourceIsTheErrorOfTheSync) {
  source.lines({record("users")}).fail(transient_error("the pipe broke"));
  read({"users"});
  EXPECT_EQ(data_of("users").size(), 1U);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->error->message(), "the pipe broke");
}

TEST_F(InputConsumerTest, AStopEndsTheStreamsAsBrokenOff) {
  source.lines({record("users"), complete("orders")}).pause(std::chrono::hours(100)).lines({record("users")});
  when_run("heartbeat", [this]() -> awaitable<void> {
    co_await simulation.sleep_for(std::chrono::minutes(1));
    launcher->request_stop(transient_error("stopped"));
  });
  read({"users", "orders"});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_LT(simulation.now(), TimePoint(std::chrono::hours(1)));
  EXPECT_EQ(data_of("users").size(), 1U);
  EXPECT_FALSE(ends.at(stream("users")).input_complete);
  EXPECT_EQ(ends.at(stream("orders")).status, StreamStatus::complete);
}

TEST_F(InputConsumerTest, ALineThatNeedsAllOfTheMemoryGetsTheRoomForCopiesToo) {
  std::string const usual = record("users", R"({"text":")" + std::string(400, 'x') + R"("})") + "\n";
  source.chunk(usual + usual + record("orders") + "\n");  // the few bytes of orders are copied out
  source.chunk(record("users", R"({"text":")" + std::string(budget.capacity_bytes(), 'x') + R"("})") + "\n");
  read({"users", "orders"});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->succeeded());
  EXPECT_EQ(data_of("users").size(), 3U);
  EXPECT_EQ(data_of("orders").size(), 1U);
}

TEST_F(InputConsumerTest, AnInputMuchLargerThanTheMemoryIsReadInItsBounds) {
  auto const read_bytes = 3'000'000U;
  std::size_t records = 0;
  for (std::size_t bytes = 0; bytes < read_bytes; ++records) {
    std::string const line = record("users", R"({"text":")" + std::string(400, 'x') + R"("})") + "\n";
    bytes += line.size();
    source.chunk(line);
  }
  reader.block_bytes = 64 << 10;
  limits.bytes = 1 << 30;  // only memory closes batches
  limits.records = 1'000'000;
  loading_takes = std::chrono::seconds(1);
  read({"users"});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->succeeded());
  EXPECT_EQ(data_of("users").size(), records);
  EXPECT_LE(budget.peak_bytes(), budget.capacity_bytes() + (256 << 10));  // the slices are added without waiting
  EXPECT_EQ(budget.reserved_bytes(), 0U);
}

// An input that brings this much and then nothing for an hour, of a memory of 1 MiB. Only memory closes batches.
struct PausingInputTest : InputConsumerTest {
  bool closes_batches_before_the_pause_ends(std::uint64_t read_bytes) {
    std::string const line = record("users", R"({"text":")" + std::string(400, 'x') + R"("})") + "\n";
    std::string text;
    while (text.size() < read_bytes) text += line;
    source.chunk(text).pause(std::chrono::hours(1));
    reader.block_bytes = 16 << 10;
    limits.bytes = 1 << 30;
    limits.records = 1'000'000;
    limits.age = std::chrono::hours(10);
    TimePoint const began = simulation.now();
    read({"users"});
    EXPECT_FALSE(loaded.empty());
    return !loaded.empty() && loaded.front().at < began + std::chrono::minutes(30);
  }
};

TEST_F(PausingInputTest, BatchesAreClosedWhenMemoryIsNearlyFullAlthoughNobodyWaitsForIt) {
  EXPECT_TRUE(closes_batches_before_the_pause_ends(880'000));
}

TEST_F(PausingInputTest, BatchesStayOpenWhileThereIsMemory) {
  EXPECT_FALSE(closes_batches_before_the_pause_ends(500'000));
}

}  // namespace
}  // namespace landfall
