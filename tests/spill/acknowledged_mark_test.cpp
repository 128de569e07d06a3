// What was acknowledged is known beside the segments: whatever becomes of those between two processes is noticed.
#include "spill/acknowledged_mark.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "spill/spill_check.hpp"
#include "spill/spill_fixture.hpp"
#include "spill/spill_format.hpp"

namespace landfall {
namespace {

bool contains(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

// ---- the slots ----

AcknowledgedMark mark_of(std::uint64_t segment, std::size_t batch_count, std::string const& stream = "users") {
  AcknowledgedMark mark;
  mark.segment = segment;
  mark.nonce = 5;
  mark.end = 4711;
  mark.last_frame = 4600;
  mark.last_frame_checksum = 99;
  mark.batch_count = batch_count;
  mark.record_count = 3 * batch_count;
  for (std::size_t i = 0; i < batch_count; ++i) {
    auto& batch = mark.batches.emplace_back();
    batch.id = BatchId(100 + i, i);
    batch.stream_index = i;
    batch.first_number = 3 * i;
    batch.record_count = 3;
    batch.stream = stream;
  }
  return mark;
}

TEST(AcknowledgedMark, ComesBackAsItWas) {
  auto const decoded = decode_mark(encode(mark_of(7, 2), 12));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->sequence, 12U);
  auto const& mark = decoded->mark;
  EXPECT_EQ(mark.segment, 7U);
  EXPECT_EQ(mark.nonce, 5U);
  EXPECT_EQ(mark.end, 4711U);
  EXPECT_EQ(mark.last_frame, 4600U);
  EXPECT_EQ(mark.last_frame_checksum, 99U);
  EXPECT_EQ(mark.batch_count, 2U);
  EXPECT_EQ(mark.record_count, 6U);
  ASSERT_EQ(mark.batches.size(), 2U);
  EXPECT_EQ(mark.batches[1].id, BatchId(101, 1));
  EXPECT_EQ(mark.batches[1].stream_index, 1U);
  EXPECT_EQ(mark.batches[1].first_number, 3U);
  EXPECT_EQ(mark.batches[1].end_number(), 6U);
  EXPECT_EQ(mark.batches[1].stream, "users");
}

TEST(AcknowledgedMark, ListsAsManyBatchesAsFitIntoASlot) {
  auto const slot = encode(mark_of(7, 1000, std::string(1000, 'x')), 1);
  EXPECT_LE(slot.size(), mark_slot_bytes);
  auto const decoded = decode_mark(slot);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->mark.batch_count, 1000U);
  EXPECT_GT(decoded->mark.batches.size(), 10U);
  EXPECT_LT(decoded->mark.batches.size(), 1000U);
}

TEST(AcknowledgedMark, AnyByteThatIsNotAsWrittenAndAnyShorterSlotIsNoticed) {
  auto const slot = encode(mark_of(7, 2), 12);
  for (std::size_t i = 0; i < slot.size(); ++i) {
    auto spoiled = slot;
    spoiled[i] = static_cast<char>(spoiled[i] ^ 1);
    EXPECT_FALSE(decode_mark(spoiled)) << i;
    EXPECT_FALSE(decode_mark(std::string_view(slot).substr(0, i))) << i;
  }
}

class AcknowledgedFileTest : public ::testing::Test {
 protected:
  AcknowledgedFileTest() { disk->blocking_make_folder(folder); }
  std::optional<AcknowledgedMark> found() const { return AcknowledgedFile::blocking_read(*disk, folder).mark; }

  static constexpr auto folder = "landfall-resume";
  std::shared_ptr<testing::SimulatedDisk> disk = std::make_shared<testing::SimulatedDisk>();
};

TEST_F(AcknowledgedFileTest, ACrashAtAnyStepLeavesThisMarkOrTheLastOne) {
  disk->blocking_sync_folder("");
  AcknowledgedFile file(*disk, folder);
  file.blocking_write(mark_of(1, 1));
  for (std::uint64_t segment = 2; segment < 8; ++segment) {
    for (std::uint64_t step = 0; step < 2; ++step) {
      disk->cut_power_after(disk->steps() + step);
      EXPECT_THROW(file.blocking_write(mark_of(segment, segment)), testing::PowerCut);
      disk->restore_power();
      for (std::uint64_t variant = 0; variant < 40; ++variant) {
        auto const after = AcknowledgedFile::blocking_read(*disk->after_crash(variant), folder).mark;
        ASSERT_TRUE(after) << "variant " << variant;
        EXPECT_TRUE(after->segment == segment || after->segment == segment - 1) << after->segment;
      }
    }
    file.blocking_write(mark_of(segment, segment));
    auto const after = AcknowledgedFile::blocking_read(*disk->after_crash(0), folder).mark;
    ASSERT_TRUE(after);
    EXPECT_EQ(after->segment, segment);
  }
}

TEST_F(AcknowledgedFileTest, AfterAFailedSyncAnotherFileIsMade) {
  disk->blocking_sync_folder("");
  AcknowledgedFile file(*disk, folder);
  file.blocking_write(mark_of(1, 1));
  disk->fail_step(disk->steps() + 2, testing::DiskFault::io_error);
  EXPECT_THROW(file.blocking_write(mark_of(2, 1)), Error);
  file.blocking_write(mark_of(3, 1));
  auto const after = AcknowledgedFile::blocking_read(*disk->after_crash(0), folder).mark;
  ASSERT_TRUE(after);
  EXPECT_EQ(after->segment, 3U);
}

// ---- between two processes ----

class MarkedFolderTest : public SpillStoreTest {
 protected:
  SpillRecovery const& start(bool discards = false) {
    auto settings = resume_settings();
    settings.discard_damaged = discards;
    return open(settings).recovered();
  }
  std::string error_of_start() {
    auto text = error_of([&] { start(); });
    kill();
    return text;
  }
  /// Batches 1 to 3 of ten users each, of which 25 are acknowledged, and batch 4 of two orders.
  void leave_acknowledged_batches() {
    kill();
    disk = std::make_shared<testing::SimulatedDisk>();
    start();
    for (std::uint64_t i = 0; i < 3; ++i) places_[i] = write(batch(0, i + 1, 10 * i, Texts(10, "{\"user\":1}"))).place;
    write(batch(1, 4, 0, Texts(2, "{\"order\":1}")));
    acknowledge(1, 2);
    acknowledge(0, 25);
    kill();
  }
  std::unique_ptr<SpillFile> newest() const { return disk->blocking_open(folder, segment_name(1)); }
  void cut_off(std::uint64_t bytes) const { newest()->blocking_truncate(newest()->blocking_size() - bytes); }
  void flip_byte(std::string const& name, std::uint64_t offset) const {
    auto const file = disk->blocking_open(folder, name);
    std::string byte(1, '\0');
    ASSERT_EQ(file->blocking_read(offset, byte), 1U);
    byte[0] = static_cast<char>(byte[0] ^ 1);
    std::array<std::string_view, 1> const pieces{byte};
    file->blocking_write(offset, pieces);
  }
  static std::uint64_t records_of(SpillRecovery const& recovered) {
    std::uint64_t records = 0;
    for (auto const& batch : recovered.batches) records += batch.record_count;
    return records;
  }

  static constexpr auto folder = "landfall-resume";
  SpillPlace places_[3];
};

TEST_F(MarkedFolderTest, ASegmentThatIsShorterThanWhatWasAcknowledgedIsAnErrorWhereverItIsCut) {
  leave_acknowledged_batches();
  auto const size = newest()->blocking_size();
  for (std::uint64_t bytes = 1; bytes <= size; ++bytes) {
    SCOPED_TRACE(bytes);
    leave_acknowledged_batches();
    cut_off(bytes);
    auto const text = error_of_start();
    for (auto const* const part : {"config: ", "disk/landfall-resume/segment-00000001 is damaged", "batch 3: records ",
                                   "run a full refresh of public.", "spill.discard_damaged: true"}) {
      ASSERT_TRUE(contains(text, part)) << part << " in " << text;
    }
  }
}

TEST_F(MarkedFolderTest, TheErrorSaysWhatIsLost) {
  leave_acknowledged_batches();
  cut_off(10);
  EXPECT_TRUE(
      contains(error_of_start(),
               "25 acknowledged records are no longer there (batch 3: records 20 to 24 of public.users; batch 2: "
               "records 10 to 19 of public.users; batch 1: records 0 to 9 of public.users): run a full refresh of "
               "public.users, with spill.discard_damaged: true"))
      << error_of_start();
}

TEST_F(MarkedFolderTest, WhateverBecomesOfTheFilesAStartNoticesIt) {
  struct Row {
    char const* name;
    std::function<void()> spoil;
    char const* what;
  };
  std::shared_ptr<testing::SimulatedDisk> other;
  Row const rows[] = {
      {"the last frame is damaged", [&] { flip_byte(segment_name(1), newest()->blocking_size() - 1); },
       "segment-00000001 is damaged (it is not as it was written before offset"},
      {"only zeros at its end",
       [&] {
         auto const size = newest()->blocking_size();
         cut_off(10);
         std::string const zeros(10, '\0');
         std::array<std::string_view, 1> const pieces{zeros};
         newest()->blocking_write(size - 10, pieces);
       },
       "segment-00000001 is damaged (it is not as it was written before offset"},
      {"the segment is missing", [&] { disk->blocking_remove(folder, segment_name(1)); },
       "segment-00000001 is damaged (it is missing)"},
      {"the segment is empty", [&] { newest()->blocking_truncate(0); }, "segment-00000001 is damaged (no header)"},
      {"another segment is in its place",
       [&] {
         auto const mark = AcknowledgedFile::blocking_read(*disk, folder);
         kill();
         disk = std::make_shared<testing::SimulatedDisk>();
         start();
         write(batch(0, 1, 0, Texts(10, "{\"user\":1}")));
         acknowledge(0, 10);
         kill();
         AcknowledgedFile(*disk, folder).blocking_write(*mark.mark);
       },
       "segment-00000001 is damaged (it is another file than the one that was made)"},
      {"the mark is missing", [&] { disk->blocking_remove(folder, std::string(AcknowledgedFile::name)); },
       "acknowledged is damaged (it is missing), and which acknowledged records are lost is not known"},
      {"the mark is empty",
       [&] { disk->blocking_open(folder, std::string(AcknowledgedFile::name))->blocking_truncate(0); },
       "acknowledged is damaged (it is not as it was written)"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    leave_acknowledged_batches();
    row.spoil();
    auto const files = disk->file_names();
    auto const text = error_of_start();
    EXPECT_TRUE(contains(text, "config: spill: disk/landfall-resume/")) << text;
    EXPECT_TRUE(contains(text, row.what)) << text;
    EXPECT_TRUE(contains(text, "spill.discard_damaged: true")) << text;
    EXPECT_EQ(disk->file_names(), files) << "nothing is touched";
  }
}

TEST_F(MarkedFolderTest, DamageIsRefusedAlsoByACheckAndByAStartWithoutResume) {
  leave_acknowledged_batches();
  cut_off(10);
  auto const files = disk->file_names();
  for (bool const resume : {true, false}) {
    SCOPED_TRACE(resume);
    auto settings = resume ? resume_settings() : small_settings();
    auto const checked = error_of([&] { blocking_check_spill(settings, *disk); });
    EXPECT_TRUE(contains(checked, "segment-00000001 is damaged")) << checked;
    EXPECT_TRUE(contains(error_of([&] { open(settings); }), "segment-00000001 is damaged"));
    kill();
    settings.discard_damaged = true;
    EXPECT_EQ(error_of([&] { blocking_check_spill(settings, *disk); }).empty(), resume) << "whole ones are left";
    EXPECT_EQ(disk->file_names(), files);
  }
}

TEST_F(MarkedFolderTest, DiscardingGivesUpWhatIsDamagedAndLoadsTheRest) {
  struct Row {
    char const* name;
    std::function<void()> spoil;
    std::uint64_t records_left;
    char const* notice;
  };
  Row const rows[] = {
      {"only what acknowledged is cut off: the batches are whole", [&] { cut_off(10); }, 27,
       "segment-00000001 was damaged (it has "},
      {"the newest batch is cut", [&] { newest()->blocking_truncate(places_[2].offset + 300); }, 20,
       "7 acknowledged records are no longer there (batch 4: records 0 to 1 of public.orders; batch 3: "
       "records 20 to 24 of public.users)"},
      {"the segment is missing", [&] { disk->blocking_remove(folder, segment_name(1)); }, 0,
       "27 acknowledged records are no longer there"},
      {"the mark is missing", [&] { disk->blocking_remove(folder, std::string(AcknowledgedFile::name)); }, 27,
       "which acknowledged records are lost is not known"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    leave_acknowledged_batches();
    row.spoil();
    auto recovered = start(true);
    EXPECT_EQ(records_of(recovered), row.records_left);
    ASSERT_EQ(recovered.discarded.size(), 1U);
    EXPECT_TRUE(contains(recovered.discarded[0], row.notice)) << recovered.discarded[0];
    kill();
    EXPECT_EQ(records_of(start()), row.records_left) << "the next start finds nothing damaged";
    for (auto const& batch : store().recovered().batches) EXPECT_EQ(read(batch).size(), batch.record_count);
  }
}

TEST_F(MarkedFolderTest, ABatchInAnOlderSegmentThatIsNotAsItWasWrittenIsGivenUp) {
  auto const leave = [this] {
    kill();
    disk = std::make_shared<testing::SimulatedDisk>();
    start();
    for (std::uint64_t i = 0; i < 3; ++i) write(batch(0, i + 1, i, {std::string(3000, 'x')}));
    acknowledge(0, 3);
    kill();
  };
  struct Row {
    char const* name;
    std::function<void()> spoil;
    char const* what;
  };
  auto const name = segment_name(1);
  Row const rows[] = {
      {"missing", [&] { disk->blocking_remove(folder, name); }, "it is missing"},
      {"too short", [&] { newest()->blocking_truncate(2000); }, "it is too short"},
      {"its header", [&] { flip_byte(name, newest()->blocking_size() - 3100); },
       "another batch, or none, is in its place"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    leave();
    row.spoil();
    auto const text = error_of_start();
    EXPECT_TRUE(contains(text, row.what)) << text;
    EXPECT_TRUE(contains(text, "1 acknowledged records are no longer there (batch 1: records 0 to 0 of public.users)"))
        << text;
    EXPECT_EQ(records_of(start(true)), 2U);
    ASSERT_EQ(store().recovered().discarded.size(), 1U);
  }
  leave();
  flip_byte(name, newest()->blocking_size() - 100);
  auto const spilled = start().batches.at(0);
  auto const text = error_of([&] { read(spilled); });
  EXPECT_TRUE(contains(text, "config: spill: disk/landfall-resume/segment-00000001 is damaged at offset")) << text;
  EXPECT_TRUE(contains(text, "spill.discard_damaged: true")) << text;
  kill();
  EXPECT_EQ(records_of(start(true)), 2U) << "its content is looked at before it is too late to leave it out";
}

TEST_F(MarkedFolderTest, AfterDamageTheWholeBatchesOfARefreshedStreamAreGivenUpAndThoseOfOthersAreNot) {
  leave_acknowledged_batches();
  cut_off(10);
  auto const own_catalog = catalog;
  auto const refreshed = [](Texts const& names, Texts const& all) {
    std::vector<DestinationStream> streams;
    auto const old = catalog_of(all);
    for (auto const& stream : old.streams()) {
      streams.push_back(*stream);
      if (std::ranges::find(names, stream->descriptor.name) == names.end()) continue;
      streams.back().generation_id = 2;
      streams.back().minimum_generation_id = 2;
    }
    return DestinationCatalog(std::move(streams));
  };
  catalog = refreshed({"users"}, {"users", "orders"});
  auto const text = error_of([&] { start(true); });
  EXPECT_TRUE(contains(text, "holds 1 batches with 2 acknowledged records of public.orders")) << text;
  kill();
  catalog = refreshed({"users", "orders"}, {"users", "orders"});
  auto const recovered = start(true);
  EXPECT_TRUE(recovered.batches.empty());
  ASSERT_EQ(recovered.discarded.size(), 2U);
  EXPECT_TRUE(contains(recovered.discarded[1],
                       "4 batches with 27 acknowledged records of public.orders, public.users are given up"))
      << recovered.discarded[1];
}

TEST_F(MarkedFolderTest, WhatNobodyAcknowledgedMayBeLost) {
  start();
  write(batch(0, 1, 0, {"{}", "{}"}));
  acknowledge(0, 1);
  auto const acknowledged = newest()->blocking_size();
  write(batch(0, 2, 2, {"{}"}));
  kill();
  newest()->blocking_truncate(acknowledged);
  EXPECT_EQ(records_of(start()), 1U);
}

TEST_F(MarkedFolderTest, IdsOfBatchesThatWereLostWithoutBeingAcknowledgedAreNotUsedAgain) {
  auto const first = start().next_batch_id;
  write(batch(0, first, 0, {"{}"}));
  acknowledge(0, 1);
  auto const acknowledged = newest()->blocking_size();
  write(batch(0, first + 1, 1, {"{}"}));  // the destination may have it
  kill();
  newest()->blocking_truncate(acknowledged);
  simulation.run_for(std::chrono::seconds(1));
  EXPECT_GT(start().next_batch_id, first + 1);
}

TEST_F(MarkedFolderTest, ASegmentOfAnEarlierVersionHasNoMarkAndIsReadAllTheSame) {
  leave_acknowledged_batches();
  auto const found = [this] {
    auto const locked = SpillFolder::blocking_find_for_resume(*disk);
    return blocking_recover(*disk, *locked, OnDamage::refuse);
  }();
  SegmentHeader old(2, 5);
  old.version = 1;
  Frame frame = control_frame(FrameKind::snapshot, encode(found->state, old.version));
  frame.seal(old, segment_header_bytes, 0);
  auto const head = encode(old);
  std::vector<std::string_view> pieces{head};
  frame.add_pieces_to(pieces);
  disk->blocking_create(folder, segment_name(2))->blocking_write(0, pieces);
  disk->blocking_remove(folder, std::string(AcknowledgedFile::name));
  EXPECT_EQ(records_of(start()), 27U);
}

}  // namespace
}  // namespace landfall
