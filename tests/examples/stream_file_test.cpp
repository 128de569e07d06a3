#include "stream_file.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "record_maker.hpp"

namespace jsonl {
namespace {

namespace fs = std::filesystem;
using Rows = std::vector<std::string>;

/// Thrown where a test lets the process "die".
struct Crash {};

landfall::DestinationStream append_stream(std::optional<std::int64_t> generation = std::nullopt) {
  landfall::DestinationStream stream;
  stream.descriptor = landfall::StreamDescriptor("users", "public");
  stream.generation_id = generation;
  if (generation) stream.minimum_generation_id = 0;
  return stream;
}

landfall::DestinationStream truncate_stream(std::int64_t generation) {
  auto stream = append_stream(generation);
  stream.minimum_generation_id = generation;
  return stream;
}

landfall::DestinationStream overwrite_stream() {
  auto stream = append_stream();
  stream.destination_sync_mode = landfall::DestinationSyncMode::overwrite;
  return stream;
}

enum class End { good, bad, killed };

class StreamFileTest : public ::testing::Test {
 protected:
  StreamFileTest() {
    static int number = 0;
    folder_ =
        fs::path(::testing::TempDir()) / ("stream_file_" + std::to_string(::getpid()) + "_" + std::to_string(++number));
    fs::remove_all(folder_);
  }
  ~StreamFileTest() override { fs::remove_all(folder_); }

  /// One sync of the stream; `hook` sees every step that changes the disk.
  void sync(landfall::DestinationStream const& stream, Rows const& rows, End end, StepHook hook = {}) {
    DataFolder const data(folder_.string(), std::move(hook));
    StreamFile file(data, stream, RecordFormat::data, 1);
    file.blocking_open();
    for (auto const& row : rows) {  // each in a batch of its own
      RecordMaker records(stream);
      file.blocking_sync(file.blocking_write(records.batch_of({row}), Milliseconds()));
    }
    if (end == End::good) file.blocking_commit();
    if (end == End::bad) file.blocking_abandon();
  }

  fs::path path() const { return folder_ / "public" / "users.jsonl"; }

  std::optional<Rows> rows() const {
    if (!fs::exists(path())) return std::nullopt;
    std::ifstream file(path());
    Rows rows;
    for (std::string line; std::getline(file, line);) rows.push_back(line);
    return rows;
  }

  void write_raw(fs::path const& file, std::string const& text) const {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::app) << text;
  }

  Rows names() const {
    Rows names;
    for (auto const& entry : fs::directory_iterator(folder_ / "public"))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  /// Runs `script` once for each step that changes the disk, killed right before that step, and then `check`.
  void kill_at_every_step(std::function<void()> const& prepare, std::function<void(StepHook)> const& script,
                          std::function<void()> const& check) {
    for (int last = 0;; ++last) {
      SCOPED_TRACE("killed before step " + std::to_string(last));
      fs::remove_all(folder_);
      prepare();
      int step = 0;
      bool killed = false;
      try {
        script([&](std::string_view) {
          if (step++ == last) throw Crash();
        });
      } catch (Crash const&) {
        killed = true;
      }
      check();
      if (HasFatalFailure() || HasNonfatalFailure()) return;
      if (!killed) {
        EXPECT_GT(last, 3);
        return;
      }
    }
  }

  fs::path folder_;
};

TEST_F(StreamFileTest, WhatIsWrittenToAFileThatWasRemovedIsNotSafe) {
  for (auto const& stream : {append_stream(), overwrite_stream(), truncate_stream(2)}) {
    fs::remove_all(folder_);
    DataFolder const data(folder_.string());
    StreamFile file(data, stream, RecordFormat::data, 1);
    file.blocking_open();
    RecordMaker records(stream);
    file.blocking_sync(file.blocking_write(records.batch_of({"1"}), Milliseconds()));
    for (auto const& name : names()) fs::remove(folder_ / "public" / name);
    EXPECT_THROW(file.blocking_commit(), landfall::Error);
    EXPECT_FALSE(fs::exists(path()));
    auto const mark = file.blocking_write(records.batch_of({"2"}), Milliseconds());
    EXPECT_THROW(file.blocking_sync(mark), landfall::Error);
    file.blocking_abandon();
  }
}

TEST_F(StreamFileTest, AppendAddsRows) {
  sync(append_stream(), {"{1}", "{2}"}, End::good);
  sync(append_stream(), {"{3}"}, End::bad);
  sync(append_stream(), {"{4}"}, End::killed);
  EXPECT_EQ(rows(), (Rows{"{1}", "{2}", "{3}", "{4}"}));
  EXPECT_EQ(names(), Rows{"users.jsonl"});
}

TEST_F(StreamFileTest, AStreamWithoutRecordsHasAnEmptyFile) {
  sync(append_stream(), {}, End::good);
  EXPECT_EQ(rows(), Rows{});
  sync(append_stream(), {"{1}"}, End::good);
  sync(truncate_stream(1), {}, End::good);
  EXPECT_EQ(rows(), Rows{});
}

TEST_F(StreamFileTest, ATornLineIsCutOff) {
  for (std::string const& torn : {std::string("{to"), std::string(200'000, 'x')}) {
    fs::remove_all(folder_);
    write_raw(path(), "{1}\n{2}\n" + torn);
    sync(append_stream(), {"{3}"}, End::good);
    EXPECT_EQ(rows(), (Rows{"{1}", "{2}", "{3}"}));
  }
}

TEST_F(StreamFileTest, AFileThatIsOneTornLineBecomesEmpty) {
  write_raw(path(), "{torn");
  sync(append_stream(), {}, End::good);
  EXPECT_EQ(rows(), Rows{});
}

TEST_F(StreamFileTest, OverwriteReplacesAtAGoodEndOnly) {
  sync(overwrite_stream(), {"{1}"}, End::good);
  sync(overwrite_stream(), {"{2}"}, End::bad);
  EXPECT_EQ(rows(), Rows{"{1}"});
  sync(overwrite_stream(), {"{3}"}, End::killed);
  EXPECT_EQ(rows(), Rows{"{1}"});
  sync(overwrite_stream(), {"{4}"}, End::good);
  EXPECT_EQ(rows(), Rows{"{4}"});
  EXPECT_EQ(names(), Rows{"users.jsonl"});
}

TEST_F(StreamFileTest, AFailedOverwriteLeavesNothingForALaterAppend) {
  sync(overwrite_stream(), {"{1}"}, End::good);
  sync(overwrite_stream(), {"{2}"}, End::bad);
  sync(append_stream(), {"{3}"}, End::good);
  EXPECT_EQ(rows(), (Rows{"{1}", "{3}"}));
  EXPECT_EQ(names(), Rows{"users.jsonl"});
}

TEST_F(StreamFileTest, OldRowsStayWhileATruncateIsNotDone) {
  sync(append_stream(1), {"{old}"}, End::good);
  sync(truncate_stream(2), {"{a}"}, End::bad);
  EXPECT_EQ(rows(), Rows{"{old}"});
}

TEST_F(StreamFileTest, AttemptsOfOneGenerationContinueEachOther) {
  sync(append_stream(1), {"{old}"}, End::good);
  sync(truncate_stream(2), {"{a}"}, End::bad);
  write_raw(folder_ / "public" / ".users.jsonl.new-2", "{torn");
  sync(truncate_stream(2), {"{b}"}, End::killed);
  sync(truncate_stream(2), {"{c}"}, End::good);
  EXPECT_EQ(rows(), (Rows{"{a}", "{b}", "{c}"}));
  EXPECT_EQ(names(), Rows{"users.jsonl"});
}

TEST_F(StreamFileTest, ARetryAfterTheSwapContinuesTheNewRows) {
  sync(append_stream(1), {"{old}"}, End::good);
  sync(truncate_stream(2), {"{a}"}, End::good);
  sync(truncate_stream(2), {"{b}"}, End::bad);
  sync(truncate_stream(2), {}, End::good);
  EXPECT_EQ(rows(), (Rows{"{a}", "{b}"}));
}

TEST_F(StreamFileTest, ANewGenerationDropsWhatAnOlderOneLeft) {
  sync(append_stream(1), {"{old}"}, End::good);
  sync(truncate_stream(2), {"{a}"}, End::bad);
  sync(truncate_stream(3), {"{b}"}, End::bad);
  sync(truncate_stream(4), {"{c}"}, End::good);
  EXPECT_EQ(rows(), Rows{"{c}"});
  EXPECT_EQ(names(), Rows{"users.jsonl"});
}

TEST_F(StreamFileTest, AnAppendAfterAFailedTruncateKeepsAllRows) {
  sync(append_stream(1), {"{old}"}, End::good);
  sync(truncate_stream(2), {"{a}", "{b}"}, End::bad);
  sync(append_stream(3), {"{c}"}, End::good);
  EXPECT_EQ(rows(), (Rows{"{old}", "{a}", "{b}", "{c}"}));
  EXPECT_EQ(names(), Rows{"users.jsonl"});
}

TEST_F(StreamFileTest, AnOverwriteWithoutGenerationsForgetsTheGeneration) {
  sync(truncate_stream(2), {"{a}"}, End::good);
  sync(overwrite_stream(), {"{b}"}, End::good);
  sync(truncate_stream(2), {"{c}"}, End::good);
  EXPECT_EQ(rows(), Rows{"{c}"});
}

TEST_F(StreamFileTest, AKillDuringATruncateLosesAndDoublesNothing) {
  kill_at_every_step(
      [&] {
        sync(append_stream(1), {"{old}"}, End::good);
        sync(truncate_stream(2), {"{a}"}, End::bad);
      },
      [&](StepHook hook) { sync(truncate_stream(2), {"{b}"}, End::good, hook); },
      [&] {
        auto const seen = rows();
        EXPECT_TRUE(seen == Rows{"{old}"} || seen == (Rows{"{a}", "{b}"}));
        sync(truncate_stream(2), {"{c}"}, End::good);
        auto const after = rows();
        EXPECT_TRUE(after == (Rows{"{a}", "{b}", "{c}"}) || after == (Rows{"{a}", "{c}"}));
      });
}

TEST_F(StreamFileTest, AKillDuringATruncateThenAnAppendKeepsWhatWasSynced) {
  kill_at_every_step(
      [&] {
        sync(append_stream(1), {"{old}"}, End::good);
        sync(truncate_stream(2), {"{a}"}, End::bad);
      },
      [&](StepHook hook) { sync(truncate_stream(2), {"{b}"}, End::good, hook); },
      [&] {
        sync(append_stream(3), {"{c}"}, End::good);
        auto const after = rows();
        EXPECT_TRUE(after == (Rows{"{old}", "{a}", "{c}"}) || after == (Rows{"{old}", "{a}", "{b}", "{c}"}) ||
                    after == (Rows{"{a}", "{b}", "{c}"}));
      });
}

TEST_F(StreamFileTest, AKillWhileRowsAreMovedLosesAndDoublesNothing) {
  auto const prepare = [&] {
    sync(append_stream(1), {"{old}"}, End::good);
    sync(truncate_stream(2), {"{a}", "{b}"}, End::bad);
  };
  auto const append = [&](StepHook hook) { sync(append_stream(3), {}, End::good, hook); };
  kill_at_every_step(prepare, append, [&] {
    append({});
    EXPECT_EQ(rows(), (Rows{"{old}", "{a}", "{b}"}));
    EXPECT_EQ(names(), Rows{"users.jsonl"});
  });
}

TEST_F(StreamFileTest, AKillDuringTheRepairOfAKillLosesAndDoublesNothing) {
  auto const append = [&](StepHook hook) { sync(append_stream(3), {}, End::good, hook); };
  for (std::string const first : {"write", "sync data", "remove"}) {  // while the rows are copied, and right after
    SCOPED_TRACE("first killed before " + first);
    auto const prepare = [&] {
      sync(append_stream(1), {"{old}"}, End::good);
      sync(truncate_stream(2), {"{a}", "{b}"}, End::bad);
      bool moving = false;
      EXPECT_THROW(append([&](std::string_view step) {
                     moving = moving || step == "rename";  // of the note
                     if (moving && step == first) throw Crash();
                   }),
                   Crash);
    };
    kill_at_every_step(prepare, append, [&] {
      append({});
      EXPECT_EQ(rows(), (Rows{"{old}", "{a}", "{b}"}));
      EXPECT_EQ(names(), Rows{"users.jsonl"});
    });
  }
}

TEST_F(StreamFileTest, AKillDuringAnOverwriteLeavesOldOrNew) {
  kill_at_every_step([&] { sync(truncate_stream(2), {"{old}"}, End::good); },
                     [&](StepHook hook) { sync(overwrite_stream(), {"{new}"}, End::good, hook); },
                     [&] {
                       auto const seen = rows();
                       EXPECT_TRUE(seen == Rows{"{old}"} || seen == Rows{"{new}"});
                       sync(append_stream(), {"{c}"}, End::good);
                       EXPECT_EQ(rows(), (Rows{seen->at(0), "{c}"}));
                       EXPECT_EQ(names(), Rows{"users.jsonl"});
                     });
}

TEST_F(StreamFileTest, ACopyIsNotRepairedOverForeignRows) {
  sync(append_stream(1), {"{old}"}, End::good);
  sync(truncate_stream(2), {"{a}"}, End::bad);
  bool copying = false;
  EXPECT_THROW(sync(append_stream(3), {}, End::good,
                    [&](std::string_view step) {
                      if (step == "rename") copying = true;
                      if (step == "write" && copying) throw Crash();
                    }),
               Crash);
  write_raw(path(), "{a row that somebody else has put there meanwhile}\n");
  try {
    sync(append_stream(3), {}, End::good);
    FAIL() << "the foreign row was cut off";
  } catch (landfall::Error const& error) {
    EXPECT_EQ(error.error_class(), landfall::ErrorClass::config);
  }
}

TEST_F(StreamFileTest, AFailedWriteLeavesNoHalfBatch) {
  ::signal(SIGXFSZ, SIG_IGN);
  DataFolder const data(folder_.string());
  StreamFile file(data, append_stream(), RecordFormat::data, 1);
  file.blocking_open();
  RecordMaker records(append_stream());
  file.blocking_sync(file.blocking_write(records.batch_of({"{1}"}), Milliseconds()));
  rlimit const before = [] {
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    return limit;
  }();
  rlimit small = before;
  small.rlim_cur = 1'500'000;  // in the middle of the batch's second write
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  auto const big = records.batch_of(Rows(300, "{" + std::string(10'000, 'x') + "}"));
  try {
    file.blocking_write(big, Milliseconds());
    ADD_FAILURE() << "the disk was full";
  } catch (landfall::Error const& error) {
    EXPECT_EQ(error.error_class(), landfall::ErrorClass::config);
    EXPECT_NE(std::string(error.what()).find(path().string()), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("File too large"), std::string::npos);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(rows(), Rows{"{1}"});
  file.blocking_sync(file.blocking_write(big, Milliseconds()));  // the retry
  file.blocking_commit();
  EXPECT_EQ(rows()->size(), 301U);
}

TEST_F(StreamFileTest, AFailedSyncIsNeverTakenBack) {
  bool fail = false;
  DataFolder const data(folder_.string(), [&](std::string_view step) {
    if (step == "sync data" && std::exchange(fail, false)) throw landfall::transient_error("no disk");
  });
  StreamFile file(data, append_stream(), RecordFormat::data, 1);
  file.blocking_open();
  RecordMaker records(append_stream());
  file.blocking_sync(file.blocking_write(records.batch_of({"{1}"}), Milliseconds()));
  auto const mark = file.blocking_write(records.batch_of({"{2}"}), Milliseconds());
  fail = true;
  EXPECT_THROW(file.blocking_sync(mark), landfall::Error);
  EXPECT_THROW(file.blocking_sync(mark), landfall::Error);
  EXPECT_THROW(file.blocking_write(records.batch_of({"{3}"}), Milliseconds()), landfall::Error);
  EXPECT_THROW(file.blocking_commit(), landfall::Error);
  file.blocking_abandon();
  EXPECT_EQ(rows(), Rows{"{1}"});  // {2} was never acknowledged, and nobody knows what of it is on disk
}

TEST_F(StreamFileTest, SyncsThatMeetShareOne) {
  int syncs = 0;
  DataFolder const data(folder_.string(), [&](std::string_view step) { syncs += step == "sync data" ? 1 : 0; });
  StreamFile file(data, append_stream(), RecordFormat::data, 1);
  file.blocking_open();
  syncs = 0;
  RecordMaker records(append_stream());
  auto const first = file.blocking_write(records.batch_of({"{1}"}), Milliseconds());
  auto const second = file.blocking_write(records.batch_of({"{2}"}), Milliseconds());
  {
    std::jthread const one([&] { file.blocking_sync(first); });
    std::jthread const two([&] { file.blocking_sync(second); });
  }
  file.blocking_commit();
  EXPECT_EQ(syncs, 1);
}

TEST_F(StreamFileTest, SymbolicLinksAreNotFollowed) {
  auto const outside = folder_.string() + "_outside";
  fs::remove_all(outside);
  fs::create_directories(outside);
  fs::create_directories(folder_);
  fs::create_directory_symlink(outside, folder_ / "public");
  EXPECT_THROW(sync(append_stream(), {"{1}"}, End::good), landfall::Error);
  fs::remove(folder_ / "public");
  write_raw(outside + "/target", "{mine}\n");
  fs::create_directories(folder_ / "public");
  fs::create_symlink(outside + "/target", path());
  EXPECT_THROW(sync(append_stream(), {"{1}"}, End::good), landfall::Error);
  sync(overwrite_stream(), {"{2}"}, End::good);  // takes the place of the link, not of its target
  EXPECT_EQ(rows(), Rows{"{2}"});
  EXPECT_EQ(fs::file_size(outside + "/target"), 7U);
  fs::remove_all(outside);
}

TEST_F(StreamFileTest, SomethingElseInTheFilesPlaceIsAnErrorOfTheUser) {
  fs::create_directories(folder_ / "public");
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  try {
    sync(append_stream(), {"{1}"}, End::good);
    ADD_FAILURE() << "a pipe was taken for a file";
  } catch (landfall::Error const& error) {
    EXPECT_EQ(error.error_class(), landfall::ErrorClass::config) << error.what();
  }
  fs::remove(path());
  fs::create_directories(path());
  EXPECT_THROW(sync(append_stream(), {"{1}"}, End::good), landfall::Error);
}

TEST_F(StreamFileTest, AFolderBelongsToOneAtATime) {
  {
    DataFolder const first(folder_.string());
    try {
      DataFolder const second(folder_.string());
      ADD_FAILURE() << "two have the folder";
    } catch (landfall::Error const& error) {
      EXPECT_EQ(error.error_class(), landfall::ErrorClass::transient);
      EXPECT_NE(std::string(error.what()).find(folder_.string()), std::string::npos);
    }
  }
  DataFolder const third(folder_.string());
}

TEST_F(StreamFileTest, AFolderBelowAFileIsAnErrorOfTheUser) {
  write_raw(folder_, "a file\n");
  for (auto const* const path : {"", "/x", "/x/y"}) {
    try {
      probe_folder(folder_.string() + path);
      ADD_FAILURE() << path;
    } catch (landfall::Error const& error) {
      EXPECT_EQ(error.error_class(), landfall::ErrorClass::config);
    }
  }
}

TEST_F(StreamFileTest, TheProbeMakesTheFolderAndLeavesNothingInIt) {
  probe_folder((folder_ / "a" / "b").string() + "/");
  EXPECT_TRUE(fs::is_empty(folder_ / "a" / "b"));
}

TEST(Replacement, FollowsModeAndGenerations) {
  using Kind = Replacement::Kind;
  EXPECT_EQ(replacement_of(append_stream()), Replacement());
  EXPECT_EQ(replacement_of(append_stream(3)), Replacement());
  EXPECT_EQ(replacement_of(truncate_stream(3)), Replacement(Kind::generation, 3));
  EXPECT_EQ(replacement_of(overwrite_stream()), Replacement(Kind::fresh));
  auto stream = overwrite_stream();
  stream.generation_id = 5;
  stream.minimum_generation_id = 0;  // generations that mean nothing: else a second sync would add to the first
  EXPECT_EQ(replacement_of(stream), Replacement(Kind::fresh));
  stream.minimum_generation_id = 3;
  EXPECT_THROW(replacement_of(stream), landfall::Error);
}

}  // namespace
}  // namespace jsonl
