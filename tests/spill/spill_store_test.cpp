#include <landfall/spill/spill_store.hpp>

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/thread_pool.hpp>

#include <landfall/spill/folder_storage.hpp>
#include "spill/acknowledged_mark.hpp"
#include "spill/spill_fixture.hpp"
#include "spill/spill_format.hpp"

namespace landfall {
namespace {

using testing::DiskFault;
using testing::Simulation;

bool contains(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

constexpr std::uint64_t mark_bytes = 2 * mark_slot_bytes;  // of the file with the mark of what was acknowledged

/// So many bytes of records in one text.
Texts bulk(std::size_t bytes, char letter = 'x') { return {std::string(bytes, letter)}; }

SpillSettings group_settings() {
  auto settings = small_settings();
  settings.sync = SpillSync::group;
  return settings;
}

/// A write in the background.
struct Writer {
  std::optional<SpilledBatch> spilled;
  std::string error;

  static awaitable<void> write(Writer& writer, SpillStore& store, RecordBatch batch) {
    try {
      writer.spilled = co_await store.write(std::move(batch));
    } catch (Error const& error) {
      writer.error = std::string(to_string(error.error_class())) + ": " + error.what();
    }
  }
};

class WritersTest : public SpillStoreTest {
 protected:
  Spawned start(Writer& writer, RecordBatch records) {
    return Spawned(simulation.get_executor(), Writer::write(writer, store(), std::move(records)));
  }
};

// ---- write and read ----

TEST_F(SpillStoreTest, ABatchComesBackAsItWasWritten) {
  open(small_settings());
  Texts const texts = {"{\"a\":1}", "{}", "{\"b\":22}", "{\"c\":null}", "[]"};
  auto const spilled = write(batch_of(catalog.streams()[1], BatchId(7, 2), 40, texts, "{\"m\":1}"));
  EXPECT_EQ(spilled.id, BatchId(7, 2));
  EXPECT_EQ(spilled.stream, catalog.streams()[1]);
  EXPECT_EQ(spilled.stream_index, 1u);
  EXPECT_EQ(spilled.first_number, 40u);
  EXPECT_EQ(spilled.end_number(), 45u);

  auto const batch = simulation.run_coroutine(store().read(spilled, Reservation()));
  EXPECT_EQ(texts_of(batch), texts);
  EXPECT_EQ(batch.id(), BatchId(7, 2));
  EXPECT_EQ(&batch.stream(), catalog.streams()[1].get());
  EXPECT_EQ(batch.first_number(), 40u);
  EXPECT_EQ(batch.end_number(), 45u);
  EXPECT_EQ(batch.bytes(), spilled.bytes);
  std::int64_t emitted_at_ms = 1000;
  for (Record const record : batch) {
    EXPECT_EQ(record.meta(), "{\"m\":1}");
    EXPECT_EQ(record.emitted_at().time_since_epoch().count(), emitted_at_ms++);
  }
  release(spilled);
  close();
  EXPECT_TRUE(disk->file_names().empty());
}

TEST_F(SpillStoreTest, BehindEachRecordAParserMayReadOn) {
  open(small_settings());
  auto const spilled = write(batch(0, 1, 0, {"{\"a\":1}", "{}"}));
  auto const records = simulation.run_coroutine(store().read(spilled, Reservation()));
  unsigned sum = 0;
  for (Record const record : records) {
    char const* const end = record.data().data() + record.data().size();
    for (std::size_t i = 0; i < Block::padding; ++i)
      sum += static_cast<unsigned char>(end[i]);  // AddressSanitizer looks on
  }
  EXPECT_LT(sum, UINT32_MAX);
}

TEST_F(SpillStoreTest, TheBatchHoldsTheMemoryThatItWasReadInto) {
  MemoryBudget budget(1 << 20);
  open(small_settings());
  auto const spilled = write(batch(0, 1, 0, bulk(1000)));
  EXPECT_GE(spilled.memory_bytes(), 1000u + Block::padding + sizeof(RecordSlice));
  {
    auto memory = simulation.run_coroutine(budget.reserve(spilled.memory_bytes()));
    auto const records = simulation.run_coroutine(store().read(spilled, std::move(memory)));
    EXPECT_EQ(budget.reserved_bytes(), spilled.memory_bytes());
  }
  EXPECT_EQ(budget.reserved_bytes(), 0u);
}

TEST_F(SpillStoreTest, ADamagedBatchIsAnErrorThatNamesFileOffsetStreamAndRecords) {
  open(small_settings());
  write(batch(0, 1, 0, bulk(100)));
  auto const spilled = write(batch(1, 2, 30, bulk(100)));
  auto const names = disk->file_names();
  for (auto const& name : names) {
    auto const slash = name.find('/');
    if (name.ends_with("lock")) continue;
    auto const file = disk->blocking_open(name.substr(0, slash), name.substr(slash + 1));
    std::vector<std::string_view> const other{"y"};
    file->blocking_write(spilled.place.offset + spilled.frame_bytes() - 1, other);
  }
  auto const text = error_of([&] { read(spilled); });
  for (auto const* const part :
       {"system: ", "segment-00000001", "at offset ", "batch 2", "public.orders", "records 30 to 31"}) {
    EXPECT_TRUE(contains(text, part)) << part << " in " << text;
  }
}

TEST_F(SpillStoreTest, NothingIsOnDiskBeforeTheFirstWriteAndAfterTheEnd) {
  open(small_settings());
  EXPECT_EQ(disk->steps(), 0u);
  close();
  open(small_settings());
  write(batch(0, 1, 0, {"{}"}));  // nobody releases it: the sync failed
  EXPECT_EQ(disk->file_names().size(), 2u);
  close();
  EXPECT_TRUE(disk->file_names().empty());
  EXPECT_TRUE(disk->blocking_list("").empty());
}

// ---- files ----

TEST_F(SpillStoreTest, AFileGoesWithTheLastOfItsBatchesWhateverTheOrder) {
  open(small_settings());
  std::vector<SpilledBatch> batches;
  for (std::uint64_t i = 0; i < 6; ++i) batches.push_back(write(batch(0, i, i, bulk(1500))));  // two fit a file
  ASSERT_EQ(batches[1].place.segment, batches[0].place.segment);
  ASSERT_NE(batches[2].place.segment, batches[0].place.segment);
  EXPECT_EQ(disk->file_names().size(), 1u + 3u);
  release(batches[3]);
  release(batches[0]);
  EXPECT_EQ(disk->file_names().size(), 1u + 3u);
  auto const before = store().disk_bytes();
  release(batches[2]);
  EXPECT_EQ(disk->file_names().size(), 1u + 2u);
  EXPECT_LT(store().disk_bytes(), before);
  EXPECT_EQ(store().disk_bytes(), disk->used_bytes());
  EXPECT_EQ(read(batches[1]), bulk(1500));
  release(batches[1]);
  EXPECT_EQ(disk->file_names().size(), 1u + 1u);
}

TEST_F(SpillStoreTest, AFileThatCannotBeRemovedIsToldAtTheEnd) {
  open(small_settings());
  auto const first = write(batch(0, 1, 0, bulk(3000)));
  write(batch(0, 2, 1, bulk(3000)));
  disk->fail_step(disk->steps() + 1, DiskFault::io_error);
  release(first);
  EXPECT_EQ(write(batch(0, 3, 2, {"{}"})).id, BatchId(3));
  EXPECT_TRUE(contains(error_of([&] { close(); }), "transient: spill: cannot remove"));
}

// ---- group commit ----

TEST_F(WritersTest, ManyWritersShareOneSync) {
  auto settings = group_settings();
  settings.segment_bytes = 1 << 20;
  open(settings);
  write(batch(0, 1, 0, {"{}"}));
  auto const before = disk->syncs();
  std::vector<Writer> writers(20);
  for (std::size_t i = 0; i < writers.size(); ++i) {
    start(writers[i], batch(i % 2, i, i, {"{\"i\":" + std::to_string(i) + "}"}));
  }
  simulation.run();
  for (std::size_t i = 0; i < writers.size(); ++i) {
    ASSERT_TRUE(writers[i].spilled);
    EXPECT_EQ(read(*writers[i].spilled), Texts{"{\"i\":" + std::to_string(i) + "}"});
  }
  EXPECT_LE(disk->syncs() - before, 5u);
}

TEST_F(SpillStoreTest, WithoutSyncNothingIsSynced) {
  open(small_settings());
  for (std::uint64_t i = 0; i < 6; ++i) write(batch(0, i, i, bulk(1500)));
  EXPECT_EQ(disk->syncs(), 0u);
}

TEST_F(SpillStoreTest, AWrittenBatchSurvivesACrashWithSync) {
  open(group_settings());
  for (std::uint64_t i = 0; i < 6; ++i) {
    auto const spilled = write(batch(0, i, i, bulk(1500)));
    auto const crashed = disk->after_crash(0);
    EXPECT_EQ(crashed->file_names().size(), disk->file_names().size());
    EXPECT_EQ(crashed->used_bytes(), disk->used_bytes());
  }
}

TEST_F(WritersTest, ACancelledWriterHarmsNobodyAndLeavesNothing) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    for (std::uint64_t point = 0; point < 60; ++point) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", cancelled after event " << point);
      Simulation its_simulation(seed);
      auto const its_disk = std::make_shared<testing::SimulatedDisk>();
      SpillStore its_store(group_settings(), its_disk, its_simulation, catalog);
      its_simulation.run_coroutine(its_store.open());
      constexpr std::size_t writer_count = 5;
      auto const cancelled = seed % writer_count;
      std::vector<Writer> writers(writer_count);
      std::vector<Spawned> running;
      for (std::size_t i = 0; i < writers.size(); ++i) {
        running.emplace_back(its_simulation.get_executor(),
                             Writer::write(writers[i], its_store, batch(0, i, i, bulk(2500))));
      }
      auto const events = its_simulation.events();
      while (its_simulation.events() < events + point && its_simulation.run_one()) continue;
      running[cancelled].cancel();
      EXPECT_EQ(its_simulation.run(), 0u);
      for (std::size_t i = 0; i < writers.size(); ++i) {
        EXPECT_TRUE(running[i].ended());
        if (i != cancelled) {
          EXPECT_TRUE(running[i].succeeded() && writers[i].spilled);
        }
        if (writers[i].spilled) its_store.release(*writers[i].spilled);
      }
      auto const last = its_simulation.run_coroutine(its_store.write(batch(0, 9, 9, bulk(3000))));
      its_simulation.run();
      EXPECT_EQ(its_disk->file_names().size(), 2u);  // the lock, and the last one's: the cancelled batch was released
      its_store.release(last);
      its_simulation.run_coroutine(its_store.close());
      EXPECT_TRUE(its_disk->file_names().empty());
    }
  }
}

// ---- failures of the disk ----

TEST_F(SpillStoreTest, AFailedWriteIsToldAndTheNextOneIsFine) {
  open(group_settings());
  auto const first = write(batch(0, 1, 0, bulk(500, 'a')));
  disk->fail_step(disk->steps() + 1, DiskFault::io_error);
  EXPECT_TRUE(contains(error_of([&] { write(batch(0, 2, 1, bulk(700, 'b'))); }), "transient: "));
  auto const second = write(batch(0, 3, 1, bulk(100, 'c')));
  EXPECT_EQ(second.place.segment, first.place.segment);
  EXPECT_EQ(read(first), bulk(500, 'a'));
  EXPECT_EQ(read(second), bulk(100, 'c'));
}

TEST_F(SpillStoreTest, AfterAFailedSyncAnotherFileIsUsed) {
  open(group_settings());
  auto const first = write(batch(0, 1, 0, bulk(500, 'a')));
  disk->fail_step(disk->steps() + 2, DiskFault::io_error);
  EXPECT_TRUE(contains(error_of([&] { write(batch(0, 2, 1, bulk(700, 'b'))); }), "cannot sync"));
  auto const second = write(batch(0, 3, 1, bulk(100, 'c')));
  EXPECT_NE(second.place.segment, first.place.segment);
  EXPECT_EQ(read(first), bulk(500, 'a'));
  EXPECT_EQ(read(second), bulk(100, 'c'));
}

TEST_F(SpillStoreTest, WhicheverStepFailsTheOthersAreFine) {
  for (bool const with_resume : {false, true}) {
    for (std::uint64_t step = 1; step < 60; ++step) {
      for (auto const fault : {DiskFault::io_error, DiskFault::disk_full}) {
        SCOPED_TRACE(::testing::Message() << "step " << step << (with_resume ? " with resume" : "")
                                          << (fault == DiskFault::disk_full ? " full" : ""));
        disk = std::make_shared<testing::SimulatedDisk>();
        disk->fail_step(step, fault);
        make(with_resume ? resume_settings() : group_settings());
        std::vector<std::pair<SpilledBatch, Texts>> written;
        int failures = 0;
        auto const count_failure = [&](auto call) {
          auto const text = error_of(call);
          failures += text.empty() ? 0 : 1;
          return text.empty();
        };
        if (!count_failure([&] { simulation.run_coroutine(store().open()); })) {
          EXPECT_EQ(failures, 1);
          kill();
          continue;
        }
        for (std::uint64_t i = 0; i < 7; ++i) {
          auto const texts = bulk(1000 + i, static_cast<char>('a' + i));
          count_failure([&] { written.emplace_back(write(batch(0, i, i, texts)), texts); });
          if (i == 4 && written.size() > 1) release(written.front().first);
          if (i == 4 && written.size() > 1) written.erase(written.begin());
        }
        for (auto const& [spilled, texts] : written) EXPECT_EQ(read(spilled), texts);
        for (auto const& [spilled, texts] : written) release(spilled);
        count_failure([&] { simulation.run_coroutine(store().close()); });
        EXPECT_LE(failures, 2);  // the step's own, and at the end again if it left something
        kill();
      }
    }
  }
}

// ---- room ----

SpillSettings quota_of(std::uint64_t bytes) {
  auto settings = small_settings();
  settings.segment_bytes = 8192;
  settings.max_disk_bytes = bytes;
  return settings;
}

TEST_F(WritersTest, AWriteThatExceedsTheQuotaWaitsForReleases) {
  open(quota_of(10'000));
  auto const first = write(batch(0, 1, 0, bulk(4000, 'a')));
  auto const second = write(batch(0, 2, 1, bulk(4000, 'b')));
  Writer third;
  start(third, batch(0, 3, 2, bulk(4000, 'c')));
  simulation.run_for(std::chrono::seconds(1));
  EXPECT_FALSE(third.spilled);
  release(second);
  ASSERT_TRUE(third.spilled);
  EXPECT_EQ(read(*third.spilled), bulk(4000, 'c'));
  EXPECT_EQ(read(first), bulk(4000, 'a'));
}

TEST_F(WritersTest, TheQuotaIsNeverExceededAndEverybodyIsServed) {
  open(quota_of(20'000));
  std::vector<Writer> writers(30);
  for (std::size_t i = 0; i < writers.size(); ++i) start(writers[i], batch(0, i, i, bulk(1000 + 137 * i)));
  std::size_t released = 0;
  for (int events = 0; released < writers.size() && events < 10'000; ++events) {
    simulation.run_one();
    EXPECT_LE(disk->used_bytes(), 20'000u);
    if (simulation.has_ready_work() && simulation.events() % 7 != 0) continue;
    for (auto& writer : writers) {
      EXPECT_EQ(writer.error, "");
      if (!writer.spilled) continue;
      store().release(*writer.spilled);
      writer.spilled.reset();
      ++released;
      break;
    }
  }
  EXPECT_EQ(released, writers.size());
  EXPECT_LT(simulation.now(), TimePoint(std::chrono::seconds(1)));
}

TEST_F(SpillStoreTest, ABatchLargerThanTheQuotaIsRefusedAtOnce) {
  open(quota_of(4000));
  auto const text = error_of([&] { write(batch(0, 1, 0, bulk(4000))); });
  EXPECT_TRUE(contains(text, "config: ")) << text;
  EXPECT_TRUE(contains(text, "max_disk_bytes (4000)")) << text;
}

TEST_F(SpillStoreTest, ThatNobodyReleasesInTimeIsAnErrorThatSaysWhatToDo) {
  open(quota_of(6000));
  write(batch(0, 1, 0, bulk(4000)));
  auto const begin = simulation.now();
  auto const text = error_of([&] { write(batch(0, 2, 1, bulk(4000))); });
  EXPECT_EQ(simulation.now() - begin, std::chrono::seconds(30));
  for (auto const* const part :
       {"transient: ", "no room in disk for 4104 bytes", "none was made in time", "raise max_disk_bytes"}) {
    EXPECT_TRUE(contains(text, part)) << text;
  }
}

// Where a batch may as well stay in memory, nothing is waited for; but what can be removed is.
TEST_F(SpillStoreTest, AWriteThatDoesNotWaitIsRefusedAtOnceUnlessRoomCanBeMade) {
  for (bool const by_quota : {true, false}) {
    SCOPED_TRACE(by_quota);
    disk = std::make_shared<testing::SimulatedDisk>(by_quota ? testing::SimulatedDisk::unlimited : 6000);
    open(by_quota ? quota_of(6000) : small_settings());
    auto const write_now = [&](RecordBatch records) {
      return simulation.run_coroutine(store().write(std::move(records), WhenFull::refuse));
    };
    auto const begin = simulation.now();
    for (std::uint64_t id = 1; id <= 3; ++id) {
      auto const spilled = write_now(batch(0, id, id - 1, bulk(4000)));
      auto const text = error_of([&] { write_now(batch(0, 9, 9, bulk(4000))); });
      EXPECT_TRUE(contains(text, "transient: ")) << text;
      release(spilled);
    }
    EXPECT_EQ(simulation.now(), begin);
    close();
    EXPECT_TRUE(disk->file_names().empty());
  }
}

TEST_F(WritersTest, OnAFullDiskAWriteWaitsForReleasesAndNothingIsTorn) {
  for (bool const with_resume : {false, true}) {
    SCOPED_TRACE(with_resume);
    auto const of_mark = with_resume ? mark_bytes : 0;
    disk = std::make_shared<testing::SimulatedDisk>(10'000 + of_mark);
    open(with_resume ? resume_settings() : group_settings());
    auto const first = write(batch(0, 1, 0, bulk(4000, 'a')));
    auto const second = write(batch(0, 2, 1, bulk(4000, 'b')));
    Writer third;
    start(third, batch(0, 3, 2, bulk(3000, 'c')));
    simulation.run_for(std::chrono::seconds(5));
    EXPECT_FALSE(third.spilled);
    EXPECT_EQ(third.error, "");
    EXPECT_LT(disk->used_bytes(), 9'500u + of_mark);  // the torn frame was cut off
    release(first);
    ASSERT_TRUE(third.spilled);
    EXPECT_EQ(read(*third.spilled), bulk(3000, 'c'));
    EXPECT_EQ(read(second), bulk(4000, 'b'));
    kill();
  }
}

TEST_F(WritersTest, RoomThatOthersMakeOnAFullDiskIsNoticed) {
  disk = std::make_shared<testing::SimulatedDisk>(6000);
  open(small_settings());
  write(batch(0, 1, 0, bulk(4000)));
  Writer second;
  start(second, batch(0, 2, 1, bulk(4000)));
  simulation.run_for(std::chrono::milliseconds(2500));
  EXPECT_FALSE(second.spilled);
  disk->set_capacity(20'000);
  simulation.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(second.spilled);
}

TEST_F(SpillStoreTest, OnADiskThatIsFullOfOthersFilesAWriteFailsAtOnce) {
  disk = std::make_shared<testing::SimulatedDisk>(1000);
  open(small_settings());
  auto const text = error_of([&] { write(batch(0, 1, 0, bulk(4000))); });
  EXPECT_EQ(simulation.now(), TimePoint());
  for (auto const* const part :
       {"transient: ", "no room in disk", "nothing is left that could be released", "the disk is full"}) {
    EXPECT_TRUE(contains(text, part)) << text;
  }
  EXPECT_EQ(write(batch(0, 2, 0, bulk(100))).id, BatchId(2));
}

TEST_F(SpillStoreTest, OnAFullDiskASmallAcknowledgementStillFits) {
  disk = std::make_shared<testing::SimulatedDisk>(6000 + mark_bytes);
  auto settings = resume_settings();
  settings.full_deadline = Duration::zero();
  open(settings);
  write(batch(0, 1, 0, bulk(4000)));
  EXPECT_TRUE(contains(error_of([&] { write(batch(0, 2, 1, bulk(4000))); }), "none was made in time"));
  acknowledge(0, 1);
  kill();
  disk = disk->after_crash(0);
  EXPECT_EQ(open(settings).recovered().positions[0], 1u);
}

TEST_F(WritersTest, OnAFullDiskAnAcknowledgementDoesNotWaitWithTheBatches) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {  // in some of them both are in one group
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    disk = std::make_shared<testing::SimulatedDisk>(6000 + mark_bytes);
    Simulation its_simulation(seed);
    SpillStore its_store(resume_settings(), disk, its_simulation, catalog);
    its_simulation.run_coroutine(its_store.open());
    its_simulation.run_coroutine(its_store.write(batch(0, 1, 0, bulk(4000))));
    Writer small;
    Spawned const before(its_simulation.get_executor(), Writer::write(small, its_store, batch(1, 3, 0, bulk(10))));
    Writer second;
    Spawned const writing(its_simulation.get_executor(), Writer::write(second, its_store, batch(0, 2, 1, bulk(4000))));
    std::vector<SpillAcknowledgement> all{SpillAcknowledgement(0, 1)};
    Spawned const acknowledging(its_simulation.get_executor(), its_store.acknowledge(std::move(all)));
    its_simulation.run_for(Duration::zero());
    EXPECT_TRUE(acknowledging.succeeded());
    EXPECT_FALSE(second.spilled);
    disk->set_capacity(60'000 + mark_bytes);
    its_simulation.run();
    EXPECT_TRUE(second.spilled);
  }
}

TEST_F(WritersTest, AWriterThatIsCancelledWhileItWaitsForRoomHarmsNobody) {
  for (std::uint64_t point = 0; point < 40; ++point) {
    SCOPED_TRACE(point);
    disk = std::make_shared<testing::SimulatedDisk>();
    open(quota_of(10'000));
    auto const first = write(batch(0, 1, 0, bulk(4000)));
    auto const second = write(batch(0, 2, 1, bulk(4000)));
    Writer cancelled;
    Writer other;
    auto const running = start(cancelled, batch(0, 3, 2, bulk(4000)));
    start(other, batch(0, 4, 3, bulk(4000)));
    simulation.run_for(Duration::zero());
    store().release(first);
    auto const events = simulation.events();
    while (simulation.events() < events + point && simulation.has_ready_work()) simulation.run_one();
    running.cancel();
    simulation.run_for(Duration::zero());
    if (cancelled.spilled) release(*cancelled.spilled);
    EXPECT_TRUE(other.spilled);
    EXPECT_EQ(read(second), bulk(4000));
    kill();
  }
}

// ---- folders ----

TEST_F(SpillStoreTest, WhatADeadProcessLeftIsRemovedAndALiveOnesFilesAreNot) {
  SpillStore other(small_settings(), disk, simulation, catalog);
  simulation.run_coroutine(other.open());
  auto const theirs = simulation.run_coroutine(other.write(batch(0, 1, 0, {"{}"})));
  open(small_settings());
  write(batch(0, 1, 0, {"{}"}));
  kill();
  EXPECT_EQ(disk->file_names().size(), 4u);
  open(small_settings());
  EXPECT_EQ(disk->file_names().size(), 2u);
  EXPECT_EQ(texts_of(simulation.run_coroutine(other.read(theirs, Reservation()))), Texts{"{}"});
}

TEST_F(SpillStoreTest, LeftoversOfACrashAreRemovedWhateverBecameOfThem) {
  open(small_settings());
  for (std::uint64_t i = 0; i < 4; ++i) write(batch(0, i, i, bulk(2500)));
  kill();
  auto const before = disk;
  for (std::uint64_t variant = 0; variant < 50; ++variant) {
    SCOPED_TRACE(variant);
    disk = before->after_crash(variant);
    open(small_settings());
    EXPECT_TRUE(disk->blocking_list("").empty());
    kill();
  }
}

TEST_F(SpillStoreTest, OtherFoldersInTheDirectoryAreNotTouched) {
  for (auto const* const name : {"landfall-spill-", "landfall-spill-123", "landfall-spill-000000000000000g", "mine"}) {
    disk->blocking_make_folder(name);
    disk->blocking_create(name, "file");
  }
  open(small_settings());
  EXPECT_EQ(disk->file_names().size(), 4u);
}

TEST_F(SpillStoreTest, AForeignFileInTheFolderWithResumeIsNamedAndNotTouched) {
  auto const folder = "landfall-resume";
  for (bool const with_resume : {false, true}) {
    SCOPED_TRACE(with_resume);
    disk = std::make_shared<testing::SimulatedDisk>();
    disk->blocking_make_folder(folder);
    disk->blocking_create(folder, "segment-00000001");
    disk->blocking_create(folder, "notes.txt");
    make(with_resume ? resume_settings() : small_settings());
    auto const text = error_of([&] { simulation.run_coroutine(store().open()); });
    EXPECT_TRUE(contains(text, "config: ")) << text;
    EXPECT_TRUE(contains(text, std::string(folder) + "/notes.txt is not a file of landfall")) << text;
    simulation.run_coroutine(store().close());
    EXPECT_NE(disk->blocking_open(folder, "notes.txt"), nullptr);
    EXPECT_NE(disk->blocking_open(folder, "segment-00000001"), nullptr);
    kill();
  }
}

TEST_F(SpillStoreTest, AForeignFileInWhatADeadProcessLeftIsNoHarm) {
  auto const folder = "landfall-spill-0123456789abcdef";
  disk->blocking_make_folder(folder);
  disk->blocking_create(folder, "notes.txt");
  open(small_settings());
  write(batch(0, 1, 0, {"{}"}));
  close();
  EXPECT_NE(disk->blocking_open(folder, "notes.txt"), nullptr);
}

// ---- the system's folder for temporary files ----

SpillSettings temporary_settings() {
  auto settings = small_settings();
  settings.directory.clear();
  return settings;
}

TEST_F(SpillStoreTest, WhereNoDirectoryWasNamedNothingIsTouchedBeforeABatchGoesToDisk) {
  disk->cut_power_after(0);  // whatever is asked of it throws
  open(temporary_settings());
  EXPECT_FALSE(disk->power_is_cut());
  disk->restore_power();
  write(batch(0, 1, 0, {"{}"}));
  EXPECT_EQ(disk->file_names().size(), 2u);
  close();
  EXPECT_TRUE(disk->blocking_list("").empty());
}

TEST_F(SpillStoreTest, AmongOthersFilesOnlyMarkedFoldersOfThisUserAreRemoved) {
  open(temporary_settings());
  write(batch(0, 1, 0, {"{}"}));
  kill();
  auto const own = disk->blocking_list("").at(0);
  open(temporary_settings());
  write(batch(0, 1, 0, {"{}"}));
  kill();
  EXPECT_TRUE(disk->blocking_list(own).empty()) << "what a dead process left";
  auto const given_away = disk->blocking_list("").at(0);
  disk->give_away(given_away);
  struct Row {
    char const* name;
    bool has_lock;
  };
  Row const rows[] = {{"landfall-spill-0000000000000001", false}, {"landfall-spill-0000000000000002", true}};
  for (Row const& row : rows) {
    disk->blocking_make_folder(row.name);
    disk->blocking_create(row.name, segment_name(1));
    if (row.has_lock) disk->blocking_create(row.name, "lock");
  }
  disk->blocking_make_folder("landfall-resume");
  disk->blocking_create("landfall-resume", "notes.txt");
  auto const files = disk->file_names();
  open(temporary_settings());
  write(batch(0, 1, 0, {"{}"}));
  EXPECT_EQ(disk->file_names().size(), files.size() + 2);
  close();
  EXPECT_EQ(disk->file_names(), files);
}

TEST_F(SpillStoreTest, SettingsThatContradictEachOtherAreRefusedBeforeAnythingIsTouched) {
  auto settings = resume_settings();
  settings.sync = SpillSync::none;
  make(settings);
  EXPECT_TRUE(contains(error_of([&] { simulation.run_coroutine(store().open()); }), "config: spill: resume needs"));
  EXPECT_EQ(disk->steps(), 0u);
}

// ---- with threads and a real disk ----

awaitable<void> write_and_read(SpillStore& store, DestinationCatalog const& catalog, std::uint64_t writer, int rounds,
                               std::set<SpillPlace>& places, std::mutex& mutex) {
  RecordNumber number = 0;
  for (int round = 0; round < rounds; ++round) {
    Texts texts;
    for (int i = 0; i <= round % 5; ++i) {
      texts.push_back("{\"writer\":" + std::to_string(writer) + ",\"text\":\"" + std::string(900, 'x') + "\"}");
    }
    auto records = batch_of(catalog.streams()[writer % 2], BatchId(writer * 1000 + static_cast<std::uint64_t>(round)),
                            number, texts);
    number += texts.size();
    auto const spilled = co_await store.write(std::move(records));
    {
      std::lock_guard const lock(mutex);
      EXPECT_TRUE(places.insert(spilled.place).second);
    }
    auto const again = co_await store.read(spilled, Reservation());
    EXPECT_EQ(texts_of(again), texts);
    store.release(spilled);
  }
}

TEST(SpillStoreWithThreads, WritersReadBackWhatTheyWroteAndNothingIsLeft) {
  auto const path = std::filesystem::path(::testing::TempDir()) / ("threads_" + std::to_string(::getpid()));
  std::filesystem::create_directories(path);
  auto const catalog = catalog_of({"users", "orders"});
  for (bool const with_resume : {false, true}) {
    for (std::uint64_t const quota : {0, 60'000}) {
      SCOPED_TRACE(::testing::Message() << with_resume << quota);
      asio::thread_pool pool(4);
      SystemClock clock;
      auto settings = with_resume ? resume_settings() : small_settings();
      settings.max_disk_bytes = quota;
      SpillStore store(settings, std::make_shared<FolderStorage>(path.string()), clock, catalog);
      std::set<SpillPlace> places;
      std::mutex mutex;
      auto const all = [&]() -> awaitable<void> {
        co_await store.open();
        std::vector<Spawned> writers;
        for (std::uint64_t writer = 0; writer < 8; ++writer) {
          writers.emplace_back(pool.get_executor(), write_and_read(store, catalog, writer, 25, places, mutex));
        }
      };
      Spawned const running(pool.get_executor(), all());
      pool.join();
      EXPECT_TRUE(running.succeeded());
      EXPECT_EQ(places.size(), 8u * 25u);
      asio::thread_pool another_pool(1);
      Spawned const closing(another_pool.get_executor(), store.close());
      another_pool.join();
      EXPECT_TRUE(closing.succeeded());
      EXPECT_TRUE(std::filesystem::is_empty(path));
    }
  }
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace landfall
