#include "tasks/spill_to_disk_task.hpp"

#include "tasks/reading_fixture.hpp"

namespace landfall {
namespace {

RecordRun run_of(std::vector<std::uint32_t> const& sizes) {
  auto block = std::make_shared<RecordBlock>();
  RecordRun run;
  for (std::uint32_t const size : sizes) {
    RecordSlice slice;
    slice.data_size = size;
    block->slices.push_back(slice);
    run.bytes += size;
  }
  run.block = std::move(block);
  run.end = static_cast<std::uint32_t>(sizes.size());
  return run;
}

TEST(PartThatFits, Table) {
  struct Row {
    char const* name;
    std::uint64_t limit_bytes, limit_records;
    std::uint64_t batch_records, batch_bytes;
    std::vector<std::uint32_t> sizes;
    std::uint32_t records;
    std::uint64_t bytes;
  };
  Row const rows[] = {
      {"all of it", 100, 10, 0, 0, {10, 20, 30}, 3, 60},
      {"all of it, exactly", 60, 3, 0, 0, {10, 20, 30}, 3, 60},
      {"bytes end inside", 59, 10, 0, 0, {10, 20, 30}, 2, 30},
      {"records end inside", 100, 2, 0, 0, {10, 20, 30}, 2, 30},
      {"what the batch holds counts", 40, 10, 1, 15, {10, 20, 30}, 1, 10},
      {"nothing, by bytes", 40, 10, 1, 35, {10, 20}, 0, 0},
      {"nothing, by records", 40, 1, 1, 5, {10, 20}, 0, 0},
      {"one record always", 5, 10, 0, 0, {10, 20}, 1, 10},
      {"records of no bytes", 5, 10, 0, 0, {0, 0, 9}, 2, 0},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    BatchLimits limits;
    limits.bytes = row.limit_bytes;
    limits.records = row.limit_records;
    RunPart const part = part_that_fits(limits, row.batch_records, row.batch_bytes, run_of(row.sizes));
    EXPECT_EQ(part.records, row.records);
    EXPECT_EQ(part.bytes, row.bytes);
  }
}

TEST(SplitOff, BothPartsTogetherAreTheRun) {
  RecordRun rest = run_of({10, 20, 30});
  rest.first_number = 100;
  RunPart part;
  part.records = 2;
  part.bytes = 30;
  RecordRun const first = split_off(rest, part);
  EXPECT_EQ(first.begin, 0U);
  EXPECT_EQ(first.end, 2U);
  EXPECT_EQ(first.first_number, 100U);
  EXPECT_EQ(first.bytes, 30U);
  EXPECT_EQ(rest.begin, 2U);
  EXPECT_EQ(rest.first_number, 102U);
  EXPECT_EQ(rest.bytes, 30U);
}

class SpillToDiskTest : public ReadingTest {
 protected:
  static std::vector<std::string> many(std::size_t count, std::string const& name = "users") {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < count; ++i) lines.push_back(record(name, fmt::format(R"({{"n":"{:03}"}})", i)));
    return lines;
  }
  static std::vector<std::string> data(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(fmt::format(R"({{"n":"{:03}"}})", i));
    return all;
  }

  /// As the heartbeat task, without a launcher's help.
  void heartbeat_every(Duration interval, std::function<void(StreamQueues&)> beat) {
    when_run("heartbeat", [this, interval, beat]() -> awaitable<void> {
      for (int i = 0; i < 100; ++i) {
        co_await simulation.sleep_for(interval);
        beat(*queues);
      }
    });
  }
};

TEST_F(SpillToDiskTest, ABatchIsClosedByItsNumberOfRecordsAlsoInsideABlock) {
  limits.records = 4;
  source.lines(many(10)).lines({complete("users")});
  read({"users"});
  EXPECT_EQ(batch_sizes("users"), (std::vector<std::size_t>{4, 4, 2}));
  EXPECT_EQ(data_of("users"), data(10));
  EXPECT_EQ(queues->find(stream("users"))->accumulated_bytes(), 0U);
}

TEST_F(SpillToDiskTest, ABatchIsClosedByItsBytes) {
  limits.bytes = 35;  // each record has 11
  source.lines(many(7)).lines({complete("users")});
  read({"users"});
  EXPECT_EQ(batch_sizes("users"), (std::vector<std::size_t>{3, 3, 1}));
  EXPECT_EQ(data_of("users"), data(7));
}

TEST_F(SpillToDiskTest, BatchesOfAStreamHaveIncreasingIdsAndNoGaps) {
  limits.records = 3;
  for (int i = 0; i < 5; ++i) source.lines(many(4)).lines(many(2, "orders"));
  read({"users", "orders"});
  for (std::string const name : {"users", "orders"}) {
    RecordNumber next = 0;
    std::uint64_t last_id = 0;
    for (Loaded const& entry : loaded) {
      if (entry.stream != name) continue;
      EXPECT_EQ(entry.first, next);
      EXPECT_GT(entry.id, last_id);
      next += entry.data.size();
      last_id = entry.id;
    }
  }
  EXPECT_EQ(data_of("users").size(), 20U);
  EXPECT_EQ(data_of("orders").size(), 10U);
}

TEST_F(SpillToDiskTest, AnEndThatFollowsAFullBatchMakesNoEmptyOne) {
  limits.records = 3;
  auto lines = many(3);
  lines.push_back(complete("users"));
  source.lines(lines);
  read({"users"});
  EXPECT_EQ(batch_sizes("users"), (std::vector<std::size_t>{3}));
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(SpillToDiskTest, AnEmptyStreamEndsWithoutABatch) {
  source.lines({complete("users")});
  read({"users"});
  EXPECT_TRUE(loaded.empty());
  EXPECT_EQ(times("close users"), 1);
  EXPECT_TRUE(outcome->succeeded());
}

TEST_F(SpillToDiskTest, ABatchIsClosedByAgeWhenSomebodyLooksAlthoughNothingArrives) {
  limits.age = std::chrono::seconds(10);
  heartbeat_every(std::chrono::seconds(3), [](StreamQueues& all) { all.check_age_of_all(); });
  source.pause(std::chrono::seconds(1)).lines(many(2)).pause(std::chrono::seconds(60)).lines({complete("users")});
  read({"users"});
  ASSERT_EQ(batch_sizes("users"), (std::vector<std::size_t>{2}));
  EXPECT_EQ(loaded[0].at, TimePoint(std::chrono::seconds(12)));  // at 11 s it is old enough, at 12 s somebody looks
}

TEST_F(SpillToDiskTest, AFlushClosesWhatIsHeldAndNothingThatComesLater) {
  limits.age = std::chrono::hours(1);
  when_run("heartbeat", [this]() -> awaitable<void> {
    queues->request_flush_of_all();  // nothing is held yet
    co_await simulation.sleep_for(std::chrono::seconds(5));
    queues->request_flush_of_all();
  });
  source.pause(std::chrono::seconds(1))
      .lines(many(2))
      .pause(std::chrono::seconds(1))
      .lines(many(1))
      .pause(std::chrono::seconds(10))
      .lines(many(1))
      .pause(std::chrono::seconds(10))
      .lines(many(1));
  read({"users"});
  EXPECT_EQ(batch_sizes("users"), (std::vector<std::size_t>{3, 2}));
  EXPECT_EQ(loaded.at(0).at, TimePoint(std::chrono::seconds(5)));
}

TEST_F(SpillToDiskTest, AFlushAlsoMeansTheRecordsBehindAFullBatch) {
  limits.records = 3;
  limits.age = std::chrono::hours(1);
  when_run("heartbeat", [this]() -> awaitable<void> {
    co_await simulation.sleep_for(std::chrono::seconds(5));
    queues->request_flush_of_all();
  });
  source.lines(many(4)).pause(std::chrono::seconds(60)).lines(many(1));
  read({"users"});
  EXPECT_EQ(batch_sizes("users"), (std::vector<std::size_t>{3, 1, 1}));
  EXPECT_EQ(loaded.at(1).at, TimePoint(std::chrono::seconds(5)));
}

TEST_F(SpillToDiskTest, AQueueThatIsClosedWithoutAnEndFailsItsStreamAlone) {
  when_run("heartbeat", [this]() -> awaitable<void> {
    co_await simulation.sleep_for(std::chrono::seconds(1));
    queues->find(stream("users"))->discard();
  });
  source.lines(many(2)).pause(std::chrono::seconds(5)).lines(many(2)).lines(many(2, "orders"));
  read({"users", "orders"});
  EXPECT_EQ(times("fail_stream users close"), 1);
  EXPECT_EQ(times("close orders"), 1);
  EXPECT_EQ(data_of("orders").size(), 2U);
  EXPECT_EQ(budget.reserved_bytes(), 0U);
  EXPECT_TRUE(outcome.has_value());
}

}  // namespace
}  // namespace landfall
