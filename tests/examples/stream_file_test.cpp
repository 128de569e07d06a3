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
    notices_.listen([this](landfall::Notice const& notice) { warnings_.push_back(notice.text); });
  }
  ~StreamFileTest() override { fs::remove_all(folder_); }

  /// One sync of the stream; `hook` sees every step that changes the disk.
  void sync(landfall::DestinationStream const& stream, Rows const& rows, End end, StepHook hook = {}) {
    DataFolder const data(folder_.string(), std::move(hook));
    StreamFile file(data, stream, RecordFormat::data, 1, notices_);
    file.blocking_open();
    for (auto const& row : rows) {  // each in a batch of its own
      RecordMaker records(stream);
      file.blocking_sync(file.blocking_write(records.batch_of({row}), Milliseconds()));
    }
    if (end == End::good) file.blocking_commit();
    if (end == End::bad) file.blocking_abandon();
  }

  fs::path path() const { return folder_ / "public" / "users.jsonl"; }

  std::optional<Rows> rows() const { return rows_of(path()); }

  static std::optional<Rows> rows_of(fs::path const& path) {
    if (!fs::exists(path)) return std::nullopt;
    std::ifstream file(path);
    Rows rows;
    for (std::string line; std::getline(file, line);) rows.push_back(line);
    return rows;
  }

  void write_raw(fs::path const& file, std::string const& text) const {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::app) << text;
  }

  Rows names() const { return names_in(folder_ / "public"); }

  Rows names_of_notes() const { return names_in(folder_ / ".landfall" / "streams" / "public"); }

  static Rows names_in(fs::path const& folder) {
    Rows names;
    if (!fs::exists(folder)) return names;
    for (auto const& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  /// Since the last call.
  Rows warnings() { return std::exchange(warnings_, {}); }

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
  landfall::Notices notices_;
  Rows warnings_;
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
    EXPECT_THROW(file.blocking_write(records.batch_of({"2"}), Milliseconds()), landfall::Error);
    file.blocking_abandon();
  }
}

/// What another program may do to a file that does not ask for its lock.
struct Change {
  std::string_view name;
  void (*act)(fs::path const& file);
  std::string_view expected;  // in the error
};

constexpr Change changes[] = {
    {"emptied", [](fs::path const& file) { fs::resize_file(file, 0); }, "has 0 bytes instead of 4"},
    {"shortened", [](fs::path const& file) { fs::resize_file(file, 2); }, "has 2 bytes instead of 4"},
    {"appended to", [](fs::path const& file) { std::ofstream(file, std::ios::app) << "a note"; },
     "has 10 bytes instead of 4"},
    {"removed", [](fs::path const& file) { fs::remove(file); }, "was removed, renamed or replaced"},
    {"renamed", [](fs::path const& file) { fs::rename(file, file.string() + ".old"); },
     "was removed, renamed or replaced"},
    {"replaced by a copy",
     [](fs::path const& file) {
       fs::copy_file(file, file.string() + ".copy");
       fs::rename(file.string() + ".copy", file);
     },
     "was removed, renamed or replaced"},
};

std::string text_of(fs::path const& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

template <class Work>
void expect_error(Work work, std::string_view expected) {
  try {
    work();
    ADD_FAILURE() << "no error";
  } catch (landfall::Error const& error) {
    EXPECT_EQ(error.error_class(), landfall::ErrorClass::system);
    EXPECT_NE(error.message().find(expected), std::string::npos) << error.message();
  }
}

TEST_F(StreamFileTest, WhatOthersDoToTheFileIsSeenBeforeRowsAreWrittenAndStays) {
  for (auto const& stream : {append_stream(), overwrite_stream(), truncate_stream(2)}) {
    for (Change const& change : changes) {
      SCOPED_TRACE(change.name);
      fs::remove_all(folder_);
      DataFolder const data(folder_.string());
      StreamFile file(data, stream, RecordFormat::data, 1);
      file.blocking_open();
      RecordMaker records(stream);
      file.blocking_sync(file.blocking_write(records.batch_of({"{1}"}), Milliseconds()));
      fs::path const written = folder_ / "public" / names().at(0);
      change.act(written);
      auto const left = text_of(written);
      for (int i = 0; i < 2; ++i) {
        expect_error([&] { file.blocking_write(records.batch_of({"{2}"}), Milliseconds()); }, change.expected);
      }
      expect_error([&] { file.blocking_commit(); }, change.expected);
      file.blocking_abandon();
      EXPECT_EQ(text_of(written), left);
      EXPECT_EQ(names_of_notes(), Rows());
    }
  }
}

TEST_F(StreamFileTest, RowsThatOthersHaveCutOffAreNotSafe) {
  DataFolder const data(folder_.string());
  StreamFile file(data, append_stream(), RecordFormat::data, 1);
  file.blocking_open();
  RecordMaker records(append_stream());
  auto const mark = file.blocking_write(records.batch_of({"{1}", "{2}"}), Milliseconds());
  fs::resize_file(path(), 4);
  expect_error([&] { file.blocking_sync(mark); }, "has 4 bytes instead of 8");
  file.blocking_abandon();
  EXPECT_EQ(rows(), Rows{"{1}"});
}

// Rows go to the end of the file, wherever that is.
TEST_F(StreamFileTest, WhatOthersAppendAtTheSameTimeIsNotWrittenOver) {
  bool is_next = false;
  DataFolder const data(folder_.string(), [&](std::string_view step) {
    if (step == "write" && is_next) std::ofstream(path(), std::ios::app) << "a note";
  });
  StreamFile file(data, append_stream(), RecordFormat::data, 1);
  file.blocking_open();
  RecordMaker records(append_stream());
  file.blocking_sync(file.blocking_write(records.batch_of({"{1}"}), Milliseconds()));
  is_next = true;
  expect_error([&] { file.blocking_write(records.batch_of({"{2}"}), Milliseconds()); }, "has 14 bytes instead of 8");
  file.blocking_abandon();
  EXPECT_EQ(text_of(path()), "{1}\na note{2}\n");
}

TEST_F(StreamFileTest, AWriteThatFailsCutsOffNothingOfOthers) {
  bool is_next = false;
  DataFolder const data(folder_.string(), [&](std::string_view step) {
    if (step != "write" || !is_next) return;
    std::ofstream(path(), std::ios::app) << "a long note of others";
    throw landfall::transient_error("no disk");
  });
  StreamFile file(data, append_stream(), RecordFormat::data, 1);
  file.blocking_open();
  RecordMaker records(append_stream());
  file.blocking_sync(file.blocking_write(records.batch_of({"{1}"}), Milliseconds()));
  is_next = true;
  EXPECT_THROW(file.blocking_write(records.batch_of({"{2}"}), Milliseconds()), landfall::Error);
  file.blocking_abandon();
  EXPECT_EQ(text_of(path()), "{1}\na long note of others");
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

TEST_F(StreamFileTest, ALineThatAKillHasTornIsCutOff) {
  for (std::string const& torn : {std::string("{to"), std::string(200'000, 'x'), std::string(3, '\0')}) {
    fs::remove_all(folder_);
    write_raw(path(), "{1}\n");
    sync(append_stream(), {"{2}"}, End::killed);
    write_raw(path(), torn);
    sync(append_stream(), {"{3}"}, End::good);
    EXPECT_EQ(rows(), (Rows{"{1}", "{2}", "{3}"}));
    EXPECT_EQ(warnings(), Rows{});
  }
}

TEST_F(StreamFileTest, AFirstLineThatAKillHasTornIsCutOff) {
  sync(append_stream(), {R"({"a":1})"}, End::killed);
  fs::resize_file(path(), 3);
  sync(append_stream(), {"{2}"}, End::good);
  EXPECT_EQ(rows(), Rows{"{2}"});
}

TEST_F(StreamFileTest, TheNoteOfOneStreamSaysNothingOfAnother) {
  auto other = append_stream();
  other.descriptor.name = "others";
  sync(append_stream(), {"{1}"}, End::killed);
  write_raw(path(), "{to");
  write_raw(folder_ / "public" / "others.jsonl", "{1}\n{foreign");
  sync(other, {"{2}"}, End::good);
  sync(append_stream(), {"{2}"}, End::good);
  EXPECT_EQ(rows(), (Rows{"{1}", "{2}"}));
  EXPECT_EQ(rows_of(folder_ / "public" / "others.jsonl"), (Rows{"{1}", "{foreign", "{2}"}));
}

/// What others may leave in the place of a stream's file, without a line feed at its end, between two syncs.
struct ForeignRow {
  char const* name;
  std::optional<End> earlier_sync;  ///< of the rows {1} and {2}
  bool removes = false;             ///< the file of the earlier sync
  std::string adds;
  Rows expected;
};

TEST_F(StreamFileTest, ALastLineThatIsNotOursIsKeptWithALineFeedAndAWarning) {
  std::string const large(200'000, 'x');
  std::vector<ForeignRow> const table = {
      {"one line of another program", std::nullopt, false, "{foreign", {"{foreign", "{3}"}},
      {"several lines", std::nullopt, false, "{0}\n{foreign", {"{0}", "{foreign", "{3}"}},
      {"a large line", std::nullopt, false, large, {large, "{3}"}},
      {"a blank", std::nullopt, false, "{0}\n ", {"{0}", " ", "{3}"}},
      {"added after a good end", End::good, false, "{foreign", {"{1}", "{2}", "{foreign", "{3}"}},
      {"added after a failure", End::bad, false, "{foreign", {"{1}", "{2}", "{foreign", "{3}"}},
      {"a shorter file than the one of a killed sync", End::killed, true, "{f", {"{f", "{3}"}},
      {"a longer one", End::killed, true, "{a row}\n{another}\n{foreign", {"{a row}", "{another}", "{foreign", "{3}"}},
      {"one that begins like it", End::killed, true, "{1}{foreign", {"{1}{foreign", "{3}"}}};
  for (auto const& row : table) {
    SCOPED_TRACE(row.name);
    fs::remove_all(folder_);
    warnings();
    if (row.earlier_sync) sync(append_stream(), {"{1}", "{2}"}, *row.earlier_sync);
    if (row.removes) fs::remove(path());
    write_raw(path(), row.adds);
    sync(append_stream(), {"{3}"}, End::good);
    EXPECT_EQ(rows(), row.expected);
    auto const told = warnings();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_NE(told[0].find(path().string()), std::string::npos) << told[0];
  }
}

TEST_F(StreamFileTest, AFileThatWasReplacedWhereASyncBeganInItIsNotCut) {
  write_raw(path(), "{old}\n");
  sync(append_stream(), {"{1}"}, End::killed);
  fs::remove(path());
  write_raw(path(), "{new}\n{1}\n{foreign");
  sync(append_stream(), {"{2}"}, End::good);
  EXPECT_EQ(rows(), (Rows{"{new}", "{1}", "{foreign", "{2}"}));
}

TEST_F(StreamFileTest, AForeignLastLineIsKeptByEveryWayToAddRows) {
  std::string const foreign = "{old}\n{foreign";
  write_raw(path(), foreign);
  sync(truncate_stream(2), {"{a}"}, End::bad);
  sync(append_stream(3), {"{b}"}, End::good);  // rows of the attempt are put behind
  EXPECT_EQ(rows(), (Rows{"{old}", "{foreign", "{a}", "{b}"}));
  sync(truncate_stream(4), {"{c}"}, End::good);
  write_raw(path(), "{foreign");
  sync(truncate_stream(4), {"{d}"}, End::good);  // goes on in the file that it has replaced
  EXPECT_EQ(rows(), (Rows{"{c}", "{foreign", "{d}"}));
  write_raw(path(), "{foreign");
  sync(overwrite_stream(), {"{e}"}, End::bad);
  EXPECT_EQ(rows(), (Rows{"{c}", "{foreign", "{d}", "{foreign"}));
}

TEST_F(StreamFileTest, AnAppendAfterAnOverwriteThatFollowsAKillCutsNothingOfOthers) {
  for (auto const& replacing : {overwrite_stream(), truncate_stream(2)}) {
    fs::remove_all(folder_);
    sync(append_stream(), {"{1}"}, End::killed);
    write_raw(path(), "{to");
    sync(replacing, {"{1}"}, End::good);  // as the note says of the file before: {1} at its beginning
    write_raw(path(), "{foreign");
    sync(append_stream(3), {"{2}"}, End::good);
    EXPECT_EQ(rows(), (Rows{"{1}", "{foreign", "{2}"}));
  }
}

TEST_F(StreamFileTest, AKillDuringAnAppendToAForeignFileLosesNothingAndLeavesNoTornLine) {
  auto const prepare = [&] { write_raw(path(), "{foreign"); };
  auto const append = [&](StepHook hook) { sync(append_stream(), {"{1}"}, End::good, hook); };
  kill_at_every_step(prepare, append, [&] {
    bool const wrote = fs::file_size(path()) > std::string("{foreign\n").size();
    bool const ended = names_of_notes().empty();
    if (wrote && !ended) write_raw(path(), "{to");  // what the system had not written yet when we were killed
    sync(append_stream(), {"{2}"}, End::good);
    auto const seen = rows();
    EXPECT_TRUE(seen == (Rows{"{foreign", "{2}"}) || seen == (Rows{"{foreign", "{1}", "{2}"}));
  });
}

TEST_F(StreamFileTest, AKillDuringTheRepairOfATornLineLeavesNone) {
  auto const prepare = [&] {
    write_raw(path(), "{0}\n");
    sync(append_stream(), {"{1}"}, End::killed);
    write_raw(path(), "{to");
  };
  auto const append = [&](StepHook hook) { sync(append_stream(), {}, End::good, hook); };
  kill_at_every_step(prepare, append, [&] {
    append({});
    EXPECT_EQ(rows(), (Rows{"{0}", "{1}"}));
    EXPECT_EQ(names_of_notes(), Rows{});
  });
}

TEST_F(StreamFileTest, WhatIsWrittenAfterAWriteThatFailedIsOursToo) {
  {
    bool noted = false;
    bool fail = true;
    DataFolder const data(folder_.string(), [&](std::string_view step) {
      noted = noted || step == "rename";
      if (noted && step == "write" && std::exchange(fail, false)) throw landfall::transient_error("no disk");
    });
    StreamFile file(data, append_stream(), RecordFormat::data, 1);
    file.blocking_open();
    RecordMaker records(append_stream());
    EXPECT_THROW(file.blocking_write(records.batch_of({"{first}"}), Milliseconds()), landfall::Error);
    file.blocking_write(records.batch_of({"{1}"}), Milliseconds());
  }
  write_raw(path(), "{to");
  sync(append_stream(), {"{2}"}, End::good);
  EXPECT_EQ(rows(), (Rows{"{1}", "{2}"}));
}

TEST_F(StreamFileTest, ANoteIsGoneAfterEveryEndOfASync) {
  for (End const end : {End::good, End::bad}) {
    sync(append_stream(), {"{1}"}, end);
    EXPECT_EQ(names_of_notes(), Rows{});
  }
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

TEST_F(StreamFileTest, AFailedSyncAtABadEndIsNeverTakenBack) {
  bool fail = false;
  DataFolder const data(folder_.string(), [&](std::string_view step) {
    if (step == "sync data" && std::exchange(fail, false)) throw landfall::transient_error("no disk");
  });
  StreamFile file(data, append_stream(), RecordFormat::data, 1);
  file.blocking_open();
  RecordMaker records(append_stream());
  file.blocking_write(records.batch_of({"{1}"}), Milliseconds());
  fail = true;
  expect_error([&] { file.blocking_abandon(); }, "no disk");
  file.blocking_abandon();
  EXPECT_EQ(rows(), Rows());
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
