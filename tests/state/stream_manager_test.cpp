#include <landfall/state/stream_manager.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "state/streams.hpp"

namespace landfall {
namespace {

// ---- stream_end ----

struct EndRow {
  std::string_view name;
  DestinationStream stream;
  StreamStatus status;
  bool state_after_last_record;
  bool input_complete;
  StreamEnd expected;
};

TEST(StreamEnd, IsCompleteOnlyWhereItIsCertain) {
  DestinationStream const append = append_stream("users");
  DestinationStream const replace = overwrite_stream("users");
  DestinationStream const keep_generations = generation_stream("users", 3, 0);
  DestinationStream const truncate = generation_stream("users", 3, 3);
  auto const complete = StreamStatus::complete;
  auto const incomplete = StreamStatus::incomplete;
  auto const missing = StreamStatus::missing;
  EndRow const rows[] = {
      {"append, COMPLETE", append, complete, false, true, StreamEnd::complete},
      {"append, COMPLETE, input broken off", append, complete, false, false, StreamEnd::complete},
      {"append, INCOMPLETE", append, incomplete, true, true, StreamEnd::incomplete},
      {"append, no status", append, missing, false, true, StreamEnd::complete},
      {"append, no status, input broken off", append, missing, true, false, StreamEnd::incomplete},
      {"overwrite, COMPLETE", replace, complete, false, true, StreamEnd::complete},
      {"overwrite, COMPLETE, input broken off", replace, complete, false, false, StreamEnd::complete},
      {"overwrite, INCOMPLETE", replace, incomplete, true, true, StreamEnd::incomplete},
      {"overwrite, no status, STATE last", replace, missing, true, true, StreamEnd::complete},
      {"overwrite, no status, record last", replace, missing, false, true, StreamEnd::incomplete},
      {"overwrite, no status, STATE last, input broken off", replace, missing, true, false, StreamEnd::incomplete},
      {"generations, COMPLETE", keep_generations, complete, false, true, StreamEnd::complete},
      {"generations, COMPLETE, input broken off", keep_generations, complete, false, false, StreamEnd::complete},
      {"generations, INCOMPLETE", keep_generations, incomplete, true, true, StreamEnd::incomplete},
      {"generations, no status, STATE last", keep_generations, missing, true, true, StreamEnd::incomplete},
      {"truncate, COMPLETE", truncate, complete, false, true, StreamEnd::complete},
      {"truncate, INCOMPLETE", truncate, incomplete, true, true, StreamEnd::incomplete},
      {"truncate, no status, STATE last", truncate, missing, true, true, StreamEnd::incomplete},
  };
  for (EndRow const& row : rows) {
    for (RecordNumber const record_count : {RecordNumber{0}, RecordNumber{7}}) {
      SCOPED_TRACE(testing::Message() << row.name << ", " << record_count << " records");
      EndOfStream const end(row.status, record_count, row.state_after_last_record, row.input_complete);
      EXPECT_EQ(stream_end(row.stream, end), row.expected);
    }
  }
}

// ---- StreamManager ----

StreamManager manager_of(DestinationStream stream) {
  return StreamManager(std::make_shared<DestinationStream const>(std::move(stream)));
}
StreamManager users() { return manager_of(append_stream("users")); }

EndOfStream end_after(RecordNumber record_count) {
  return EndOfStream(StreamStatus::complete, record_count, true, true);
}

BatchEnvelope answer(Interval records, Batch batch, std::string stream = "users") {
  return BatchEnvelope(StreamDescriptor(std::move(stream)), BatchId(7), records, std::move(batch));
}

StreamOutcome good(std::uint64_t records = 0) { return StreamOutcome(StreamEnd::complete, records); }

TEST(StreamManager, StartsActiveOpenAndEmpty) {
  StreamManager const stream = users();
  EXPECT_TRUE(stream.is_active());
  EXPECT_FALSE(stream.is_closed());
  EXPECT_FALSE(stream.had_records());
  EXPECT_EQ(stream.bytes_read(), 0u);
  EXPECT_EQ(stream.end_of_stream(), std::nullopt);
  EXPECT_EQ(stream.stream().descriptor.name, "users");
}

TEST(StreamManager, CountsRecordsAndBytes) {  // 57, 58
  StreamManager stream = users();
  stream.add_read(10, 100);
  stream.add_read(15, 40);
  EXPECT_EQ(stream.ledger().records_read(), 15u);
  EXPECT_EQ(stream.bytes_read(), 140u);
  EXPECT_TRUE(stream.had_records());
}

TEST(StreamManager, TwoStreamsDoNotInfluenceEachOther) {  // 72
  StreamManager a = users();
  StreamManager b = manager_of(append_stream("orders"));
  a.add_read(5, 1);
  b.add_read(5, 1);
  a.update_batch_state(answer({0, 5}, Batch::staged().in_group("g")));
  b.update_batch_state(answer({0, 5}, Batch::complete().in_group("g"), "orders"));
  a.mark_end_of_stream(end_after(5));
  EXPECT_FALSE(a.is_safe_until(5));
  EXPECT_TRUE(b.is_safe_until(5));
  EXPECT_FALSE(a.is_batch_processing_complete());
  EXPECT_FALSE(b.is_batch_processing_complete());
}

TEST(StreamManager, RefusesSuccessBeforeTheEndOfTheStream) {  // 59
  StreamManager stream = users();
  expect_system_error("stream users was closed before its end was known", [&] { stream.mark_succeeded(good()); });
  EXPECT_TRUE(stream.is_active());
  stream.mark_end_of_stream(end_after(0));
  EXPECT_TRUE(stream.mark_succeeded(good()));
  EXPECT_FALSE(stream.is_active());
  EXPECT_EQ(stream.result()->end, StreamEnd::complete);
}

TEST(StreamManager, MayFailAtAnyTime) {  // 60
  StreamManager stream = users();
  stream.add_read(3, 30);
  EXPECT_TRUE(stream.mark_failed(transient_error("the disk is full")));
  EXPECT_FALSE(stream.is_active());
  EXPECT_EQ(stream.result()->end, StreamEnd::failed);
  EXPECT_EQ(stream.result()->record_count, 3u);
  EXPECT_STREQ(stream.result()->error->what(), "the disk is full");
}

TEST(StreamManager, TheFirstResultWins) {  // 61
  StreamManager succeeded = users();
  succeeded.mark_end_of_stream(end_after(0));
  EXPECT_TRUE(succeeded.mark_succeeded(good()));
  EXPECT_FALSE(succeeded.mark_failed(system_error("late")));
  EXPECT_FALSE(succeeded.mark_succeeded(StreamOutcome(StreamEnd::incomplete, 9)));
  EXPECT_EQ(succeeded.result()->end, StreamEnd::complete);
  EXPECT_EQ(succeeded.result()->record_count, 0u);

  StreamManager failed = users();
  EXPECT_TRUE(failed.mark_failed(system_error("first")));
  EXPECT_FALSE(failed.mark_failed(system_error("second")));
  EXPECT_FALSE(failed.mark_succeeded(good()));  // its end is not known, but there is a result already
  EXPECT_STREQ(failed.result()->error->what(), "first");
}

TEST(StreamManager, KeepsTheOutcomeOfAnIncompleteStream) {
  StreamManager stream = users();
  stream.mark_end_of_stream(EndOfStream(StreamStatus::incomplete, 0, false, true));
  EXPECT_TRUE(stream.mark_succeeded(StreamOutcome(StreamEnd::incomplete, 4, transient_error("the source stopped"))));
  EXPECT_EQ(stream.result()->end, StreamEnd::incomplete);
  EXPECT_EQ(stream.result()->record_count, 4u);
  EXPECT_STREQ(stream.result()->error->what(), "the source stopped");
}

TEST(StreamManager, RefusesRecordsBeyondItsEnd) {  // 62
  StreamManager stream = users();
  stream.mark_end_of_stream(end_after(5));
  expect_system_error("stream users ended after 5 records, but 6 were read", [&] { stream.add_read(6, 10); });
  EXPECT_EQ(stream.ledger().records_read(), 5u);
  EXPECT_EQ(stream.bytes_read(), 0u);
  stream.add_read(5, 10);  // the last of those that were announced
  EXPECT_EQ(stream.bytes_read(), 10u);
}

TEST(StreamManager, EndsOnce) {  // 63
  StreamManager stream = users();
  stream.mark_end_of_stream(end_after(5));
  expect_system_error("stream users ended a second time", [&] { stream.mark_end_of_stream(end_after(6)); });
  EXPECT_EQ(stream.ledger().records_read(), 5u);
  EXPECT_EQ(stream.end_of_stream()->record_count, 5u);
}

TEST(StreamManager, RefusesAnEndBeforeRecordsThatWereRead) {
  StreamManager stream = users();
  stream.add_read(5, 10);
  expect_system_error("stream users ended after 4 records, but 5 were read",
                      [&] { stream.mark_end_of_stream(end_after(4)); });
  EXPECT_EQ(stream.end_of_stream(), std::nullopt);
  stream.mark_end_of_stream(end_after(5));
}

TEST(StreamManager, AnEmptyStreamIsProcessedAtItsEnd) {  // 64, 65
  StreamManager stream = users();
  EXPECT_FALSE(stream.is_batch_processing_complete());
  stream.mark_end_of_stream(end_after(0));
  EXPECT_TRUE(stream.is_batch_processing_complete());
  EXPECT_FALSE(stream.had_records());
}

TEST(StreamManager, WaitsForRecordsThatOnlyItsEndAnnounced) {
  StreamManager stream = users();
  stream.add_read(5, 1);
  stream.update_batch_state(answer({0, 5}, Batch::complete()));
  stream.mark_end_of_stream(end_after(6));
  EXPECT_FALSE(stream.is_batch_processing_complete());
  stream.update_batch_state(answer({5, 6}, Batch::complete()));
  EXPECT_TRUE(stream.is_batch_processing_complete());
}

TEST(StreamManager, ACompleteBatchIsNotTheEnd) {  // 68
  StreamManager stream = users();
  stream.add_read(10, 1);
  stream.update_batch_state(answer({0, 10}, Batch::complete()));
  EXPECT_FALSE(stream.is_batch_processing_complete());
  stream.mark_end_of_stream(end_after(10));
  EXPECT_TRUE(stream.is_batch_processing_complete());
}

TEST(StreamManager, IsProcessedExactlyWhenAllHasArrivedInEveryOrder) {  // 79
  using Event = std::function<void(StreamManager&)>;
  std::array<Event, 4> const events{
      [](StreamManager& s) { s.update_batch_state(answer({0, 4}, Batch::complete())); },
      [](StreamManager& s) { s.update_batch_state(answer({4, 7}, Batch::complete())); },
      [](StreamManager& s) { s.update_batch_state(answer({7, 10}, Batch::complete())); },
      [](StreamManager& s) { s.mark_end_of_stream(end_after(10)); },
  };
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  do {
    SCOPED_TRACE(testing::PrintToString(order));
    StreamManager stream = users();
    stream.add_read(10, 1);
    for (std::size_t i = 0; i < order.size(); ++i) {
      EXPECT_FALSE(stream.is_batch_processing_complete());
      events[order[i]](stream);
    }
    EXPECT_TRUE(stream.is_batch_processing_complete());
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(StreamManager, SetClosedIsWonOnce) {  // 66
  StreamManager stream = users();
  EXPECT_TRUE(stream.set_closed());
  EXPECT_FALSE(stream.set_closed());
  EXPECT_FALSE(stream.set_closed());
  EXPECT_TRUE(stream.is_closed());
}

TEST(StreamManager, NamesBatchStreamAndRangeOfAFalseReport) {  // 83
  StreamManager stream = users();
  stream.add_read(3, 1);
  expect_system_error("batch 7 of stream users: records 2 to 4 were reported",
                      [&] { stream.update_batch_state(answer({2, 5}, Batch::complete())); });
  EXPECT_EQ(stream.ledger().count(BatchState::processed), 0u);
}

TEST(StreamManagerDeathTest, ABatchOfAnotherStreamIsOurOwnBug) {
  StreamManager stream = users();
  stream.add_read(3, 1);
  EXPECT_DEATH(stream.update_batch_state(answer({0, 3}, Batch::complete(), "orders")), "envelope.stream");
}

TEST(StreamManagerDeathTest, AFailureIsNoSuccess) {
  StreamManager stream = users();
  stream.mark_end_of_stream(end_after(0));
  EXPECT_DEATH(stream.mark_succeeded(StreamOutcome(StreamEnd::failed, 0)), "StreamEnd::failed");
}

// ---- when a STATE may be printed ----

enum class Result { none, complete, incomplete, failed };

struct SafeRow {
  std::string_view name;
  DestinationStream stream;
  Result result;
  bool safe;
};

TEST(StreamManager, IsSafeOnceItsRecordsArePersistedAndStay) {
  DestinationStream const append = append_stream("users");
  DestinationStream const replace = overwrite_stream("users");
  DestinationStream const truncate = generation_stream("users", 3, 3);
  DestinationStream overwrite_with_generations = generation_stream("users", 3, 0);
  overwrite_with_generations.destination_sync_mode = DestinationSyncMode::overwrite;
  SafeRow const rows[] = {
      {"append, active", append, Result::none, true},
      {"append, complete", append, Result::complete, true},
      {"append, incomplete", append, Result::incomplete, true},
      {"append, failed", append, Result::failed, true},
      {"overwrite, active: may still be thrown away", replace, Result::none, false},
      {"overwrite, complete", replace, Result::complete, true},
      {"overwrite, incomplete: was thrown away", replace, Result::incomplete, false},
      {"overwrite, failed: was thrown away", replace, Result::failed, false},
      {"truncate, active", truncate, Result::none, true},
      {"truncate, complete", truncate, Result::complete, true},
      {"truncate, incomplete: its generation goes on", truncate, Result::incomplete, true},
      {"truncate, failed: its generation goes on", truncate, Result::failed, true},
      {"overwrite with generations that mean nothing, active", overwrite_with_generations, Result::none, false},
      {"overwrite with generations that mean nothing, failed", overwrite_with_generations, Result::failed, false},
      {"overwrite with generations that mean nothing, complete", overwrite_with_generations, Result::complete, true},
  };
  for (SafeRow const& row : rows) {
    SCOPED_TRACE(row.name);
    StreamManager stream = manager_of(row.stream);
    stream.add_read(10, 1);
    stream.mark_end_of_stream(end_after(10));
    stream.update_batch_state(answer({0, 6}, Batch::persisted()));
    stream.update_batch_state(answer({6, 10}, Batch::loaded()));
    if (row.result == Result::complete) stream.mark_succeeded(good(10));
    if (row.result == Result::incomplete) stream.mark_succeeded(StreamOutcome(StreamEnd::incomplete, 10));
    if (row.result == Result::failed) stream.mark_failed(system_error("broken"));
    EXPECT_EQ(stream.is_safe_until(0), row.safe);
    EXPECT_EQ(stream.is_safe_until(6), row.safe);
    EXPECT_FALSE(stream.is_safe_until(7));
    EXPECT_FALSE(stream.is_safe_until(11));
  }
}

TEST(StreamManager, AStateBeforeAnyRecordIsSafeAtOnce) {  // 82
  EXPECT_TRUE(users().is_safe_until(0));
  EXPECT_FALSE(users().is_safe_until(1));
}

// ---- what it notes ----

struct ChangeRow {
  std::string_view name;
  std::function<void(StreamManager&)> change;
};

TEST(StreamManager, NotesWhatMayReleaseAState) {
  BatchEnvelope const batch(StreamDescriptor("a"), BatchId(1), Interval{0, 1}, Batch::persisted());
  ChangeRow const rows[] = {
      {"a batch", [&](StreamManager& stream) { stream.update_batch_state(batch); }},
      {"rejected records", [](StreamManager& stream) { stream.reject_records({0}); }},
      {"it is going to fail", [](StreamManager& stream) { stream.mark_failing(); }},
      {"it failed", [](StreamManager& stream) { stream.mark_failed(system_error("broken")); }},
      {"it was closed",
       [](StreamManager& stream) {
         stream.mark_end_of_stream(EndOfStream(StreamStatus::complete, 2, true, true));
         stream.mark_succeeded(StreamOutcome(StreamEnd::complete, 2));
       }},
  };
  for (ChangeRow const& row : rows) {
    SCOPED_TRACE(row.name);
    ChangedStreams changed(3);
    StreamManager stream(std::make_shared<DestinationStream const>(append_stream("a")), &changed, 2);
    stream.add_read(2, 0);
    EXPECT_EQ(changed.take(), std::vector<std::size_t>());
    row.change(stream);
    EXPECT_EQ(changed.take(), std::vector<std::size_t>{2});
    EXPECT_EQ(changed.take(), std::vector<std::size_t>());
  }
}

TEST(StreamManager, OfABrokenOffStreamWhatStandsBeforeThePlaceIsAcknowledged) {
  auto const broken_off = [] {
    StreamManager manager(std::make_shared<DestinationStream const>(append_stream("users")));
    manager.add_read(2, 20);
    EndOfStream end(StreamStatus::missing, 3, false, false);
    end.failure = config_error("no");
    manager.mark_end_of_stream(end);
    return manager;
  };
  StreamManager manager = broken_off();
  EXPECT_TRUE(manager.is_failing());
  EXPECT_TRUE(manager.is_active());
  EXPECT_TRUE(manager.is_lost_until(4));
  EXPECT_FALSE(manager.is_lost_until(3));
  EXPECT_FALSE(manager.is_safe_until(3));
  manager.update_batch_state(BatchEnvelope(StreamDescriptor("users"), BatchId(1), Interval{0, 3}, Batch::complete()));
  EXPECT_TRUE(manager.is_safe_until(3));
  EXPECT_FALSE(manager.is_safe_until(4));
  EXPECT_TRUE(manager.is_batch_processing_complete());

  StreamManager fails_later = broken_off();
  fails_later.update_batch_state(
      BatchEnvelope(StreamDescriptor("users"), BatchId(1), Interval{0, 1}, Batch::complete()));
  fails_later.mark_failing();
  fails_later.settle_failure();
  EXPECT_TRUE(fails_later.is_safe_until(1));
  EXPECT_TRUE(fails_later.is_lost_until(2));
}

}  // namespace
}  // namespace landfall
