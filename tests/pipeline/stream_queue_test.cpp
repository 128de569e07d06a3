#include "pipeline/stream_queue.hpp"

#include <gtest/gtest.h>

#include <landfall/testing/simulation.hpp>

#include "runtime/spawned.hpp"

namespace landfall {
namespace {

DestinationCatalog catalog_of(std::vector<StreamDescriptor> const& names) {
  std::vector<DestinationStream> streams;
  for (StreamDescriptor const& name : names) {
    DestinationStream stream;
    stream.descriptor = name;
    streams.push_back(std::move(stream));
  }
  return DestinationCatalog(std::move(streams));
}

/// So many records, of so many bytes together.
ReadRun run_of(RecordNumber first, std::uint32_t count, std::uint64_t bytes) {
  auto block = std::make_shared<RecordBlock>();
  block->slices.resize(count);
  RecordRun run;
  run.block = std::move(block);
  run.end = count;
  run.first_number = first;
  run.bytes = bytes;
  return ReadRun(std::move(run), TimePoint());
}

struct StreamQueuesTest : ::testing::Test {
  bool was_woken(StreamQueue& queue) {
    bool woken = false;
    auto look = [](StreamQueue& q, bool& answer) -> awaitable<void> {
      (void)co_await q.wait();
      answer = true;
    };
    try {
      simulation.run_coroutine(look(queue, woken));
    } catch (std::runtime_error const&) {  // parked: nobody woke it
    }
    return woken;
  }

  testing::Simulation simulation;
  StreamQueues queues{catalog_of({StreamDescriptor("a"), StreamDescriptor("b"), StreamDescriptor("a", "x")})};
};

TEST_F(StreamQueuesTest, EveryStreamOfTheCatalogHasOneInItsOrder) {
  ASSERT_EQ(queues.all().size(), 3U);
  EXPECT_EQ(queues.all()[2]->stream->descriptor, StreamDescriptor("a", "x"));
  EXPECT_EQ(queues.find(StreamDescriptor("a", "x")), queues.all()[2].get());
  EXPECT_EQ(queues.find(StreamDescriptor("a", "")), nullptr);
}

TEST(StreamQueues, NumbersMayGoOnWhereAnEarlierSyncHasEnded) {
  StreamQueues queues(catalog_of({StreamDescriptor("a"), StreamDescriptor("b")}), {7, 0});
  StreamQueue& resumed = *queues.all()[0];
  EXPECT_EQ(resumed.first_number, 7U);
  EXPECT_EQ(queues.all()[1]->first_number, 0U);
  resumed.push(run_of(7, 2, 10));
  queues.request_flush_of_all();
  EXPECT_TRUE(resumed.is_flush_requested(8));
  EXPECT_FALSE(resumed.is_flush_requested(9));
}

TEST_F(StreamQueuesTest, AFlushIsAskedOfThoseThatHoldRecords) {
  StreamQueue& holding = *queues.find(StreamDescriptor("b"));
  holding.push(run_of(0, 4, 10));
  queues.request_flush_of_all();
  EXPECT_TRUE(holding.is_flush_requested(3));
  EXPECT_FALSE(holding.is_flush_requested(4));  // comes later, and is not meant
  EXPECT_TRUE(was_woken(holding));
  EXPECT_FALSE(was_woken(*queues.find(StreamDescriptor("a"))));
}

TEST_F(StreamQueuesTest, ItsTaskIsWokenWhenABatchIsDueAndNotBefore) {
  struct Row {
    char const* name;
    std::uint64_t due_bytes, due_records;
    std::vector<ReadRun> runs;
    bool woken;
  };
  Row const rows[] = {
      {"less than either", 100, 10, {run_of(0, 9, 99)}, false},
      {"bytes, exactly", 100, 10, {run_of(0, 1, 100)}, true},
      {"bytes, in two runs", 100, 10, {run_of(0, 1, 50), run_of(1, 1, 60)}, true},
      {"records, exactly", 100, 10, {run_of(0, 4, 1), run_of(4, 6, 1)}, true},
      {"one record less", 100, 10, {run_of(0, 4, 1), run_of(4, 5, 1)}, false},
      {"no end of records", 100, UINT64_MAX, {run_of(0, 4, 1)}, false},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    StreamQueues fresh(catalog_of({StreamDescriptor("a")}));
    StreamQueue& queue = *fresh.all().front();
    queue.begin_batch(row.due_bytes, row.due_records);
    for (ReadRun const& run : row.runs) queue.push(run);
    EXPECT_EQ(was_woken(queue), row.woken);
  }
}

TEST_F(StreamQueuesTest, RecordsAreDueByTheirNumberSinceTheLastBatch) {
  StreamQueue& queue = *queues.find(StreamDescriptor("a"));
  queue.begin_batch(100, 10);
  queue.push(run_of(0, 10, 20));
  EXPECT_TRUE(was_woken(queue));
  RecordBatch batch(queue.stream, BatchId(1));
  batch.append(run_of(0, 10, 20).records);
  queue.end_batch(batch);
  EXPECT_EQ(queue.accumulated_bytes(), 0U);
  queue.begin_batch(100, 10);
  queue.push(run_of(10, 9, 20));
  EXPECT_FALSE(was_woken(queue));
  queue.push(run_of(19, 1, 20));
  EXPECT_TRUE(was_woken(queue));
}

TEST_F(StreamQueuesTest, WhatWasPutBackComesFirst) {
  StreamQueue& queue = *queues.find(StreamDescriptor("a"));
  queue.push(run_of(0, 2, 1));
  StreamQueue::Taken taken = queue.take();
  ASSERT_EQ(taken.elements.size(), 1U);
  queue.push(run_of(2, 3, 1));
  queue.put_back(std::move(taken.elements));
  taken = queue.take();
  ASSERT_EQ(taken.elements.size(), 2U);
  EXPECT_EQ(std::get<ReadRun>(taken.elements[0]).records.first_number, 0U);
  EXPECT_EQ(std::get<ReadRun>(taken.elements[1]).records.first_number, 2U);
  EXPECT_FALSE(taken.ended);
}

TEST_F(StreamQueuesTest, TheEndWakesItsTask) {
  StreamQueue& queue = *queues.find(StreamDescriptor("a"));
  queue.push_end(EndOfStream());
  EXPECT_TRUE(was_woken(queue));
  EXPECT_TRUE(queue.take().ended);
}

TEST_F(StreamQueuesTest, TheLargestAreFlushedUntilItIsEnough) {
  for (std::size_t i = 0; i < 3; ++i) queues.all()[i]->push(run_of(0, 4, 10 * (i + 1)));
  queues.request_flush(31);
  EXPECT_FALSE(queues.all()[0]->is_flush_requested(0));
  EXPECT_TRUE(queues.all()[1]->is_flush_requested(0));
  EXPECT_TRUE(queues.all()[2]->is_flush_requested(0));
  queues.request_flush(0);
  EXPECT_FALSE(queues.all()[0]->is_flush_requested(0));
}

TEST_F(StreamQueuesTest, AClosedBatchCountsUntilTheLastOfItsRecordsIsGone) {
  StreamQueue& queue = *queues.find(StreamDescriptor("a"));
  queue.push(run_of(0, 4, 40));
  auto batch = std::make_optional<RecordBatch>(queue.stream, BatchId(1));
  auto block = run_of(0, 4, 40).records;
  batch->append(block);
  queue.end_batch(*batch);
  EXPECT_EQ(queues.closed_bytes(), 40U);
  auto halves = batch->halves();
  RecordBatch rest = halves.first.without({0});
  batch.reset();
  halves.first.clear();
  RecordBatch moved = std::move(halves.second);
  moved.clear();
  EXPECT_EQ(queues.closed_bytes(), 40U);
  rest.clear();
  EXPECT_EQ(queues.closed_bytes(), 0U);
}

// A stream with one closed batch that is not done, and its spill task, which waits for that.
struct ProgressTest : StreamQueuesTest {
  ProgressTest() : queue(*queues.find(StreamDescriptor("a"))), before(queue.one_unfinished()) {}

  /// Whether something moved, and after how long.
  std::pair<bool, Duration> wait() {
    TimePoint const began = simulation.now();
    bool const moved = simulation.run_coroutine(
        queue.wait_for_progress(queue.finished_batches(), simulation, std::chrono::seconds(2)));
    return {moved, simulation.now() - began};
  }
  void finish_in(Duration time) {
    alarm = simulation.call_at(simulation.get_executor(), simulation.now() + time, [this] { before.reset(); });
  }

  StreamQueue& queue;
  std::shared_ptr<void const> before;
  std::unique_ptr<Alarm> alarm;
};

TEST_F(ProgressTest, WhoWaitsHearsOfTheNextBatchThatIsDone) {
  finish_in(std::chrono::seconds(1));
  EXPECT_EQ(wait(), std::pair(true, Duration(std::chrono::seconds(1))));
  EXPECT_EQ(queue.unfinished_batches(), 0U);
}

TEST_F(ProgressTest, AStreamStandsStillFromTheEndOfPatienceUntilSomethingMoves) {
  EXPECT_FALSE(queue.stands_still());
  EXPECT_EQ(wait(), std::pair(false, Duration(std::chrono::seconds(2))));
  EXPECT_TRUE(queue.stands_still());
  before.reset();
  EXPECT_FALSE(queue.stands_still());
}

TEST_F(ProgressTest, WhatIsDoneBeforeTheWaitBeginsCountsToo) {
  std::uint64_t const seen = queue.finished_batches();
  before.reset();
  EXPECT_TRUE(simulation.run_coroutine(queue.wait_for_progress(seen, simulation, std::chrono::hours(1))));
}

TEST_F(ProgressTest, ACancelledWaitEnds) {
  auto body = [](ProgressTest& test) -> awaitable<void> {
    (void)co_await test.queue.wait_for_progress(0, test.simulation, std::chrono::seconds(2));
  };
  Spawned const waiting(simulation.get_executor(), body(*this));
  waiting.cancel();
  simulation.run();
  EXPECT_TRUE(waiting.was_cancelled());
}

TEST(BytesToFlush, Table) {
  EXPECT_EQ(bytes_to_flush(400, 400, 0), 100U);
  EXPECT_EQ(bytes_to_flush(400, 400, 60), 40U);
  EXPECT_EQ(bytes_to_flush(400, 400, 74), 26U);
  EXPECT_EQ(bytes_to_flush(400, 400, 75), 0U);
  EXPECT_EQ(bytes_to_flush(400, 400, 100), 0U);
  EXPECT_EQ(bytes_to_flush(400, 400, 300), 0U);
  EXPECT_EQ(bytes_to_flush(400, 500, 60), 140U);  // copies may go beyond the capacity
  EXPECT_EQ(bytes_to_flush(3, 1, 0), 1U);         // something, however small the budget
}

TEST_F(StreamQueuesTest, WhileMemoryIsWaitedForAnotherBatchIsClosedWhenOneIsGone) {
  MemoryBudget budget(100);
  queues.serve(budget);
  Reservation held = simulation.run_coroutine(budget.reserve(100));
  for (std::size_t i = 0; i < 2; ++i) queues.all()[i]->push(run_of(0, 4, 25));
  RecordBatch batch(queues.all()[0]->stream, BatchId(1));
  batch.append(run_of(0, 4, 25).records);
  queues.all()[0]->end_batch(batch);
  auto waits = [](MemoryBudget& of) -> awaitable<void> { Reservation const mine = co_await of.reserve(10); };
  EXPECT_THROW(simulation.run_coroutine(waits(budget)), std::runtime_error);  // parked
  queues.free_memory(budget);
  EXPECT_FALSE(queues.all()[1]->is_flush_requested(0));  // the closed one is enough
  batch.clear();
  EXPECT_TRUE(queues.all()[1]->is_flush_requested(0));  // it was not
  held.release();
  simulation.run();
}

TEST_F(StreamQueuesTest, AllAreWokenToLookAtTheirAge) {
  queues.check_age_of_all();
  for (auto const& queue : queues.all()) EXPECT_TRUE(was_woken(*queue));
}

}  // namespace
}  // namespace landfall
