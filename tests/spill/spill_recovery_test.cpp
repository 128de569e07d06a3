#include "spill/spill_recovery.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "spill/spill_fixture.hpp"

namespace landfall {
namespace {

bool contains(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

// ---- which batches come again ----

Snapshot::PendingBatch pending(std::uint64_t id, std::uint64_t offset, RecordNumber first, std::uint64_t count) {
  Snapshot::PendingBatch all;
  all.batch.id = BatchId(id);
  all.batch.place = SpillPlace(1, offset);
  all.batch.first_number = first;
  all.batch.record_count = count;
  all.batch.frame_records = count;
  return all;
}

struct Kept {
  std::uint64_t id;
  std::uint64_t offset;
  std::uint64_t record_count;
  friend bool operator==(Kept const&, Kept const&) = default;
};

TEST(CutAtPositions, LeavesAcknowledgedRecordsAndEachBatchOnce) {
  struct Row {
    char const* name;
    RecordNumber position;
    std::vector<Snapshot::PendingBatch> batches;
    std::vector<Kept> expected;
  };
  std::vector<Row> const rows = {
      {"nothing", 5, {}, {}},
      {"wholly before", 10, {pending(1, 0, 0, 10)}, {{1, 0, 10}}},
      {"wholly behind", 10, {pending(1, 0, 10, 5)}, {}},
      {"cut", 10, {pending(1, 0, 8, 5)}, {{1, 0, 2}}},
      {"nothing acknowledged", 0, {pending(1, 0, 0, 10)}, {}},
      {"in the order written", 9, {pending(5, 0, 0, 3), pending(2, 9, 3, 3)}, {{5, 0, 3}, {2, 9, 3}}},
      {"written twice", 9, {pending(1, 0, 0, 3), pending(1, 9, 0, 3)}, {{1, 9, 3}}},
  };
  for (auto const& row : rows) {
    SCOPED_TRACE(row.name);
    Snapshot state;
    state.streams.emplace_back(StreamDescriptor("users"), row.position);
    state.batches = row.batches;
    cut_at_positions(state);
    std::vector<Kept> kept;
    for (auto const& [batch, nonce] : state.batches) {
      kept.push_back({batch.id.value, batch.place.offset, batch.record_count});
    }
    EXPECT_EQ(kept, row.expected);
  }
}

TEST(CutAtPositions, EachStreamIsCutAtItsOwn) {
  Snapshot state;
  state.streams.emplace_back(StreamDescriptor("users"), 5);
  state.streams.emplace_back(StreamDescriptor("orders"), 9);
  state.batches = {pending(1, 0, 5, 2), pending(2, 9, 5, 6)};  // the first one is wholly behind
  state.batches[1].batch.stream_index = 1;
  cut_at_positions(state);
  ASSERT_EQ(state.batches.size(), 1u);
  EXPECT_EQ(state.batches[0].batch.id, BatchId(2));
  EXPECT_EQ(state.batches[0].batch.record_count, 4u);
}

// ---- what a frame means ----

FrameHeader batch_header(std::uint64_t record_count, std::uint64_t table_bytes) {
  FrameHeader header;
  header.kind = FrameKind::batch;
  header.batch = BatchId(7);
  header.record_count = record_count;
  header.table_bytes = table_bytes;
  header.content_bytes = 4;
  return header;
}

FrameHeader of_stream(FrameHeader header, std::uint32_t stream) {
  header.stream_index = stream;
  return header;
}

TEST(ApplyFrame, TakesABatchOnlyWhenItsTableHasAnEntryForEachRecord) {
  struct Row {
    char const* name;
    FrameHeader header;
    bool expected;
  };
  Row const rows[] = {
      {"one record", batch_header(1, table_entry_bytes), true},
      {"three records", batch_header(3, 3 * table_entry_bytes), true},
      {"of the last stream", of_stream(batch_header(1, table_entry_bytes), 1), true},
      {"of no stream", of_stream(batch_header(1, table_entry_bytes), 2), false},
      {"a table that is too short", batch_header(3, 2 * table_entry_bytes), false},
      {"a table that is too long", batch_header(3, 4 * table_entry_bytes), false},
      {"a table that ends within an entry", batch_header(3, 3 * table_entry_bytes - 1), false},
      {"records without a table", batch_header(3, 0), false},
      {"a table without records", batch_header(0, table_entry_bytes), false},
      {"no records and no table", batch_header(0, 0), false},
      {"a product that wraps around", batch_header((UINT64_MAX / table_entry_bytes) + 2, table_entry_bytes), false},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    Snapshot state;
    state.streams.emplace_back(StreamDescriptor("users"), 0);
    state.streams.emplace_back(StreamDescriptor("orders"), 0);
    EXPECT_EQ(apply(row.header, "", SegmentHeader(1, 2), state), row.expected);
    EXPECT_EQ(state.batches.size(), row.expected ? 1u : 0u);
  }
}

TEST(ApplyFrame, AcknowledgesOnlyStreamsThatThereAre) {
  FrameHeader header;
  header.kind = FrameKind::acknowledged;
  for (auto const& [stream, expected] : {std::pair<std::uint64_t, bool>{0, true}, {1, false}, {2, false}}) {
    SCOPED_TRACE(stream);
    Snapshot state;
    state.streams.emplace_back(StreamDescriptor("users"), 3);
    EXPECT_EQ(apply(header, encode(NumberPairs{{stream, 5}}), SegmentHeader(1, 2), state), expected);
    EXPECT_EQ(state.streams[0].position, expected ? 5u : 3u);
  }
}

TEST(ApplyFrame, ASnapshotStandsOnlyAtTheBeginning) {
  FrameHeader header;
  header.kind = FrameKind::snapshot;
  Snapshot state;
  EXPECT_FALSE(apply(header, encode(NumberPairs()), SegmentHeader(1, 2), state));
  header.kind = FrameKind::released;
  EXPECT_FALSE(apply(header, "half a pair", SegmentHeader(1, 2), state));
}

// ---- restarts ----

class ResumeTest : public SpillStoreTest {
 protected:
  SpillRecovery const& start() { return open(resume_settings()).recovered(); }
  SpillRecovery const& restart() {
    kill();
    return start();
  }
  std::string error_of_open(SpillSettings const& settings) {
    make(settings);
    return error_of([&] { simulation.run_coroutine(store().open()); });
  }
  static constexpr auto folder = "landfall-resume";
  static Texts files_of_a_start(std::uint64_t segment = 1) {
    return {"landfall-resume/acknowledged", "landfall-resume/lock", "landfall-resume/" + segment_name(segment)};
  }
  /// A frame of 16 bytes of content behind the last one of the only segment, with a header that says otherwise.
  void append_to_segment(FrameKind kind, std::uint64_t table_bytes, std::uint64_t content_bytes) const {
    auto const name = segment_name(1);
    auto const file = disk->blocking_open(folder, name);
    std::string bytes(segment_header_bytes, '\0');
    ASSERT_EQ(file->blocking_read(0, bytes), bytes.size());
    auto const segment = decode_segment_header(bytes);
    ASSERT_TRUE(segment.has_value());
    Frame frame = control_frame(FrameKind::acknowledged, encode(NumberPairs{{0, 2}}));
    frame.header.kind = kind;
    frame.header.record_count = 1;
    frame.header.table_bytes = table_bytes;
    frame.header.content_bytes = content_bytes;
    frame.seal(*segment, file->blocking_size(), 0);
    std::vector<std::string_view> pieces;
    frame.add_pieces_to(pieces);
    file->blocking_write(file->blocking_size(), pieces);
  }
  void flip_byte(std::string const& name, std::uint64_t offset) const {
    auto const file = disk->blocking_open(folder, name);
    std::string byte(1, '\0');
    ASSERT_EQ(file->blocking_read(offset, byte), 1u);
    byte[0] = static_cast<char>(byte[0] ^ 1);
    std::vector<std::string_view> const pieces{byte};
    file->blocking_write(offset, pieces);
  }
};

TEST_F(ResumeTest, AFreshFolderHasNothingToLoadAndIdsThatNoEarlierOneHad) {
  auto const first = start().next_batch_id;
  EXPECT_EQ(store().recovered().positions, (std::vector<RecordNumber>{0, 0}));
  EXPECT_TRUE(store().recovered().batches.empty());
  write(batch(0, first + 5, 0, {"{}"}));
  close();
  EXPECT_TRUE(disk->file_names().empty());
  simulation.run_for(std::chrono::seconds(1));
  EXPECT_GT(start().next_batch_id, first + 5);
}

TEST_F(ResumeTest, AcknowledgedBatchesComeAgainUnderTheirIdsAndTheNumbersGoOn) {
  start();
  write(batch(0, 1'000'000'000'000'000'000, 0, {"{\"a\":0}", "{\"a\":1}"}));
  write(batch(1, 1'000'000'000'000'000'001, 0, {"{\"b\":0}"}));
  write(batch(0, 1'000'000'000'000'000'002, 2, {"{\"a\":2}", "{\"a\":3}", "{\"a\":4}"}));
  acknowledge(0, 3);
  auto const& recovered = restart();
  EXPECT_EQ(recovered.positions, (std::vector<RecordNumber>{3, 0}));
  ASSERT_EQ(recovered.batches.size(), 2u);
  EXPECT_EQ(recovered.batches[0].id, BatchId(1'000'000'000'000'000'000));
  EXPECT_EQ(read(recovered.batches[0]), (Texts{"{\"a\":0}", "{\"a\":1}"}));
  EXPECT_EQ(recovered.batches[1].id, BatchId(1'000'000'000'000'000'002));
  EXPECT_EQ(read(recovered.batches[1]), Texts{"{\"a\":2}"});
  EXPECT_EQ(recovered.batches[1].end_number(), 3u);
  EXPECT_EQ(recovered.next_batch_id, 1'000'000'000'000'000'003u);
}

TEST_F(ResumeTest, ReleasedBatchesDoNotComeAgain) {
  start();
  auto const first = write(batch(0, 1, 0, {"{}"}));
  write(batch(0, 2, 1, {"{\"second\":true}"}));
  acknowledge(0, 2);
  release(first);
  acknowledge(1, 0);  // takes the release to disk
  auto const& recovered = restart();
  ASSERT_EQ(recovered.batches.size(), 1u);
  EXPECT_EQ(read(recovered.batches[0]), Texts{"{\"second\":true}"});
}

TEST_F(ResumeTest, WhenNothingIsLeftARestartKnowsItAlthoughNothingWasWrittenSince) {
  start();
  auto const first = write(batch(0, 1, 0, {"{}"}));
  auto const second = write(batch(0, 2, 1, {"{}"}));
  acknowledge(0, 2);
  release(first);
  release(second);
  simulation.run();
  kill();
  disk = disk->after_crash(0);  // what was not synced is gone
  auto const& recovered = start();
  EXPECT_TRUE(recovered.batches.empty());
  EXPECT_EQ(recovered.positions[0], 2u);
}

TEST_F(ResumeTest, WhatARestartHasCutStaysCutAlsoWhenMoreIsAcknowledged) {
  start();
  write(batch(0, 1, 0, {"{\"run\":1,\"a\":0}", "{\"run\":1,\"a\":1}"}));
  acknowledge(0, 1);
  restart();
  write(batch(0, 2, 1, {"{\"run\":2,\"a\":1}"}));  // the source has sent it again
  acknowledge(0, 2);
  auto const& recovered = restart();
  ASSERT_EQ(recovered.batches.size(), 2u);
  EXPECT_EQ(read(recovered.batches[0]), Texts{"{\"run\":1,\"a\":0}"});
  EXPECT_EQ(read(recovered.batches[1]), Texts{"{\"run\":2,\"a\":1}"});
}

TEST_F(ResumeTest, ManyRestartsAndSegmentsChangeNothing) {
  start();
  for (std::uint64_t i = 0; i < 6; ++i) write(batch(0, i, i, {std::string(2500, static_cast<char>('a' + i))}));
  acknowledge(0, 5);
  for (int times = 0; times < 5; ++times) {
    auto const& recovered = restart();
    ASSERT_EQ(recovered.batches.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(read(recovered.batches[i]), Texts{std::string(2500, static_cast<char>('a' + i))});
    }
  }
  auto const batches = store().recovered().batches;
  for (auto const& recovered : batches) release(recovered);
  close();
  EXPECT_TRUE(disk->file_names().empty());
}

TEST_F(ResumeTest, PositionsNeverGoBack) {
  start();
  write(batch(0, 1, 0, {"{}", "{}"}));
  acknowledge(0, 2);
  acknowledge(0, 1);
  EXPECT_EQ(restart().positions[0], 2u);
}

TEST_F(ResumeTest, ClosingKeepsAcknowledgedBatchesAndOnlyThose) {
  start();
  write(batch(0, 1, 0, {"{}"}));
  close();  // nothing of it was acknowledged
  EXPECT_TRUE(disk->file_names().empty());
  start();
  write(batch(0, 1, 0, {"{}"}));
  acknowledge(0, 1);
  close();
  EXPECT_EQ(start().batches.size(), 1u);
}

TEST_F(ResumeTest, WhatWasReleasedBeforeClosingDoesNotComeAgain) {
  start();
  auto const first = write(batch(0, 1, 0, {"{}"}));
  write(batch(0, 2, 1, {"{}"}));
  acknowledge(0, 2);
  release(first);
  close();
  ASSERT_EQ(start().batches.size(), 1u);
  EXPECT_EQ(store().recovered().batches[0].id, BatchId(2));
}

/// Whoever holds the lock ends, and removes it, just after we have opened it.
class VanishingLock final : public SpillStorage {
 public:
  explicit VanishingLock(std::shared_ptr<SpillStorage> storage) : storage_(std::move(storage)) {}
  std::string path_of(std::string_view f, std::string_view name) const override { return storage_->path_of(f, name); }
  void blocking_check_writable() override { storage_->blocking_check_writable(); }
  std::vector<std::string> blocking_list(std::string const& f) override { return storage_->blocking_list(f); }
  bool blocking_is_private(std::string const& f) override { return storage_->blocking_is_private(f); }
  bool blocking_make_folder(std::string const& f) override { return storage_->blocking_make_folder(f); }
  bool blocking_remove_folder(std::string const& f) override { return storage_->blocking_remove_folder(f); }
  std::unique_ptr<SpillFile> blocking_create(std::string const& f, std::string const& name) override {
    return storage_->blocking_create(f, name);
  }
  std::unique_ptr<SpillFile> blocking_open(std::string const& f, std::string const& name) override {
    auto file = storage_->blocking_open(f, name);
    storage_->blocking_remove(f, name);
    storage_->blocking_remove_folder(f);
    return file;
  }
  void blocking_rename(std::string const& f, std::string const& from, std::string const& to) override {
    storage_->blocking_rename(f, from, to);
  }
  void blocking_remove(std::string const& f, std::string const& name) override { storage_->blocking_remove(f, name); }
  void blocking_sync_folder(std::string const& f) override { storage_->blocking_sync_folder(f); }

 private:
  std::shared_ptr<SpillStorage> storage_;
};

TEST_F(ResumeTest, ALockThatItsHolderHasRemovedIsNoLock) {
  start();
  kill();
  VanishingLock storage(disk);
  EXPECT_TRUE(contains(error_of([&] { SpillFolder::blocking_take_for_resume(storage); }), "transient: "));
}

TEST_F(ResumeTest, AFolderThatIsInUseIsATransientError) {
  SpillStore other(resume_settings(), disk, simulation, catalog);
  simulation.run_coroutine(other.open());
  auto const text = error_of_open(resume_settings());
  EXPECT_TRUE(contains(text, "transient: spill: another process is using the folder disk/landfall-resume")) << text;
  simulation.run_coroutine(store().close());
  EXPECT_EQ(disk->file_names(), files_of_a_start());
}

TEST_F(ResumeTest, AnotherCatalogOrGenerationIsRefusedAndNothingIsTouched) {
  start();
  write(batch(0, 1, 0, {"{}", "{}"}));
  acknowledge(0, 2);
  kill();
  auto const files = disk->file_names();
  auto const own_catalog = catalog;
  for (auto const& other : {catalog_of({"users"}), catalog_of({"users", "orders"}, 2)}) {
    catalog = other;
    auto const text = error_of_open(resume_settings());
    for (auto const* const part :
         {"config: ", "disk/landfall-resume", "1 batches with 2 acknowledged records of public.users",
          "run that catalog once more", "remove the folder"}) {
      EXPECT_TRUE(contains(text, part)) << part << " in " << text;
    }
    simulation.run_coroutine(store().close());
    EXPECT_EQ(disk->file_names(), files);
    kill();
  }
  catalog = own_catalog;
  EXPECT_EQ(start().batches.size(), 1u);
}

TEST_F(ResumeTest, AnotherCatalogIsFineWhenNothingAcknowledgedIsLeft) {
  start();
  auto const first = write(batch(0, 1'000'000'000'000'000'000, 0, {"{}"}));
  write(batch(0, 1'000'000'000'000'000'001, 1, {"{}"}));
  acknowledge(0, 1);
  release(first);
  acknowledge(0, 1);
  kill();
  catalog = catalog_of({"users", "orders"}, 2);
  auto const& recovered = start();
  EXPECT_EQ(recovered.positions, (std::vector<RecordNumber>{0, 0}));
  EXPECT_TRUE(recovered.batches.empty());
  EXPECT_EQ(recovered.next_batch_id, 1'000'000'000'000'000'002u);
  EXPECT_EQ(disk->file_names(), files_of_a_start(2));
}

TEST_F(ResumeTest, AStartWithoutResumeRefusesAcknowledgedBatchesAndNeverRemovesThem) {
  start();
  write(batch(1, 1, 0, {"{}"}));
  acknowledge(1, 1);
  kill();
  auto const text = error_of_open(small_settings());
  for (auto const* const part : {"config: ", "1 acknowledged records of public.orders", "start once with resume"}) {
    EXPECT_TRUE(contains(text, part)) << text;
  }
  simulation.run_coroutine(store().close());
  kill();
  EXPECT_EQ(start().batches.size(), 1u);
}

TEST_F(ResumeTest, AStartWithoutResumeRemovesWhatNobodyAcknowledged) {
  start();
  write(batch(1, 1, 0, {"{}"}));
  kill();
  open(small_settings());
  EXPECT_TRUE(disk->blocking_list("").empty());
}

TEST_F(ResumeTest, AStartWithoutResumeLeavesAFolderInUseAlone) {
  SpillStore other(resume_settings(), disk, simulation, catalog);
  simulation.run_coroutine(other.open());
  open(small_settings());
  EXPECT_EQ(disk->file_names(), files_of_a_start());
}

TEST_F(ResumeTest, AnAcknowledgedBatchWhoseFileIsGoneIsAnError) {
  start();
  write(batch(0, 1, 0, {std::string(3000, 'x')}));
  write(batch(0, 2, 1, {std::string(3000, 'x')}));
  acknowledge(0, 2);
  kill();
  auto const missing = disk->file_names()[2];
  disk->blocking_remove(folder, missing.substr(missing.find('/') + 1));
  auto const text = error_of_open(resume_settings());
  EXPECT_TRUE(contains(text, "config: spill: disk/" + missing + " is damaged (it is missing)")) << text;
}

TEST_F(ResumeTest, ADamagedBeginningIsAnErrorAndNothingIsTouched) {
  for (std::uint64_t const offset : {0, 20, 40, 100, 130}) {
    SCOPED_TRACE(offset);
    disk = std::make_shared<testing::SimulatedDisk>();
    start();
    write(batch(0, 1, 0, {"{}"}));
    acknowledge(0, 1);
    kill();
    flip_byte("segment-00000001", offset);
    auto const text = error_of_open(resume_settings());
    EXPECT_TRUE(contains(text, "config: spill: disk/landfall-resume/segment-00000001 is damaged")) << text;
    simulation.run_coroutine(store().close());
    EXPECT_EQ(disk->file_names(), files_of_a_start());
    kill();
  }
}

// Checksums do not help against one who makes them: nothing is reserved for what cannot be true.
TEST_F(ResumeTest, NumbersThatCannotBeTrueAreAnErrorBeforeAnythingIsReserved) {
  struct Row {
    char const* name;
    void (*spoil)(std::vector<Snapshot::PendingBatch>& batches);
    char const* message;
  };
  Row const rows[] = {
      {"more bytes than the file has", [](auto& b) { b[0].batch.bytes = std::uint64_t{1} << 60; }, "it is too short"},
      {"a table larger than the file", [](auto& b) { b[0].batch.frame_records = std::uint64_t{1} << 60; },
       "it is too short"},
      {"sizes that wrap around",
       [](auto& b) {
         b[0].batch.frame_records = std::uint64_t{1} << 60;
         b[0].batch.bytes = 0;
       },
       "it is too short"},
      {"more records than were written", [](auto& b) { b[0].batch.record_count = 9; }, "it is too short"},
      {"no record", [](auto& b) { b[0].batch.record_count = 0; }, "it is too short"},
      {"a place behind the file", [](auto& b) { b[0].batch.place.offset = UINT64_MAX - 10; }, "it is too short"},
      // Behind the batch there is the frame that acknowledges it.
      {"one byte more than the file has", [](auto& b) { b[0].batch.place.offset += frame_header_bytes + 16 + 1; },
       "it is too short"},
      {"a table of one byte more than the file has", [](auto& b) { b[0].batch.frame_records += 7; }, "it is too short"},
      {"records that overlap the next ones",
       [](auto& b) {
         b.push_back(b[0]);
         b[1].batch.id = BatchId(2);
         b[1].batch.first_number = 1;
       },
       "two batches hold the same records"},
      {"records that overlap the ones before",
       [](auto& b) {
         b.push_back(b[0]);
         b[1].batch.id = BatchId(0);
         b[0].batch.first_number = 1;
         std::swap(b[0], b[1]);
       },
       "two batches hold the same records"},
      {"records twice",
       [](auto& b) {
         b.push_back(b[0]);
         b[1].batch.id = BatchId(2);
       },
       "two batches hold the same records"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    disk = std::make_shared<testing::SimulatedDisk>();
    start();
    auto const spilled = write(batch(0, 1, 0, {"{}", "{}"}));
    acknowledge(0, 20);
    kill();
    Snapshot snapshot;
    snapshot.streams.emplace_back(StreamDescriptor("a"), 20);
    snapshot.batches.emplace_back().batch = spilled;
    row.spoil(snapshot.batches);
    SegmentHeader const header(9, 1);
    Frame frame = control_frame(FrameKind::snapshot, encode(snapshot));
    frame.seal(header, segment_header_bytes, 0);
    std::string const head = encode(header);
    std::vector<std::string_view> pieces{head};
    frame.add_pieces_to(pieces);
    disk->blocking_create(folder, segment_name(9))->blocking_write(0, pieces);
    auto const text = error_of_open(resume_settings());
    EXPECT_TRUE(contains(text, row.message)) << text;
  }
}

TEST_F(ResumeTest, AFrameThatIsLongerThanItsFileIsATornOneAndNothingIsReservedForIt) {
  struct Row {
    char const* name;
    std::uint64_t table_bytes;
    std::uint64_t content_bytes;
  };
  Row const rows[] = {
      {"its content", 0, std::uint64_t{1} << 60},
      {"its table", std::uint64_t{1} << 60, 0},
      {"both", std::uint64_t{1} << 60, std::uint64_t{1} << 60},
      {"a sum that wraps around", UINT64_MAX, 2},
      {"one byte", 0, 17},
  };
  for (Row const& row : rows) {
    for (FrameKind const kind : {FrameKind::acknowledged, FrameKind::batch}) {
      SCOPED_TRACE(row.name);
      disk = std::make_shared<testing::SimulatedDisk>();
      start();
      write(batch(0, 1, 0, {"{}", "{}"}));
      acknowledge(0, 1);
      kill();
      append_to_segment(kind, row.table_bytes, row.content_bytes);
      auto const& recovered = start();
      EXPECT_EQ(recovered.positions[0], 1u);
      EXPECT_EQ(recovered.batches.size(), 1u);
      kill();
    }
  }
}

TEST_F(ResumeTest, BatchesThatFollowEachOtherWithoutAGapHoldNoRecordTwice) {
  start();
  write(batch(0, 1, 0, {"{}", "{}"}));
  write(batch(0, 2, 2, {"{}", "{}"}));
  write(batch(1, 3, 0, {"{}", "{}"}));  // the same numbers of another stream
  acknowledge(0, 4);
  acknowledge(1, 2);
  EXPECT_EQ(restart().batches.size(), 3u);
}

TEST_F(ResumeTest, ADamagedBatchIsNoticedWhenItIsRead) {
  start();
  auto const spilled = write(batch(0, 1, 0, {std::string(3000, 'x')}));
  write(batch(0, 2, 1, {std::string(3000, 'x')}));
  acknowledge(0, 2);
  kill();
  flip_byte("segment-00000001", spilled.place.offset + 1000);
  auto const& recovered = start();
  ASSERT_EQ(recovered.batches.size(), 2u);
  EXPECT_TRUE(contains(error_of([&] { read(recovered.batches[0]); }), "the checksum is wrong"));
  EXPECT_EQ(read(recovered.batches[1]), Texts{std::string(3000, 'x')});
}

TEST_F(ResumeTest, AFrameThatIsDamagedThoughALaterOneSaysItWasSyncedIsNotTakenForATornOne) {
  auto const damage_first_of = [this](bool has_second, std::uint64_t at) {
    disk = std::make_shared<testing::SimulatedDisk>();
    start();
    auto const spilled = write(batch(0, 1, 0, {"{}"}));
    if (has_second) acknowledge(0, 1);
    kill();
    flip_byte("segment-00000001", spilled.place.offset + at);
    auto text = error_of_open(resume_settings());
    kill();
    return text;
  };
  for (std::uint64_t at = 0; at < frame_header_bytes + table_entry_bytes + 2; ++at) {
    SCOPED_TRACE(at);
    EXPECT_TRUE(contains(damage_first_of(true, at), "a frame that was synced is not whole"));
    EXPECT_EQ(damage_first_of(false, at), "");  // it may as well be torn
  }
}

TEST_F(ResumeTest, AFailedAcknowledgementIsToldAndItsPositionIsNotBelieved) {
  start();
  write(batch(0, 1, 0, {"{}", "{}"}));
  disk->fail_step(disk->steps() + 2, testing::DiskFault::io_error);
  EXPECT_TRUE(contains(error_of([&] { acknowledge(0, 2); }), "transient: "));
  acknowledge(0, 1);
  kill();
  disk = disk->after_crash(0);
  EXPECT_EQ(start().positions[0], 1u);
}

}  // namespace
}  // namespace landfall
