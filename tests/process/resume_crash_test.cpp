// With spill.resume a STATE is printed for records that are only on disk. So a process that is killed leaves something
// to its next start, which must not lose it.
//
//   LANDFALL_CRASH_ROUNDS=200 LANDFALL_CRASH_SEED=7 resume_crash_test

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "crash_rounds.hpp"

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// The store, while somebody else uses it: syncs read and acknowledge what they have on disk, and load nothing.
class HeldStore {
 public:
  explicit HeldStore(fs::path const& data)
      : lock_(::open((data / ".landfall" / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) throw std::runtime_error("the store cannot be held");
  }
  HeldStore(HeldStore const&) = delete;
  HeldStore& operator=(HeldStore const&) = delete;
  ~HeldStore() { ::close(lock_); }

 private:
  int lock_;
};

/// How long an attempt finds the store held.
enum class Hold { never, at_first, to_the_end };

/// Rows that an attempt may have left on disk: from where it began until its last STATE.
struct Leftover {
  int begin;
  int end;
};

/// Of a stream whose attempts continue each other.
struct Continued {
  bool may_find() const { return !leftovers.empty(); }

  std::vector<Leftover> leftovers;  // of earlier attempts, the first one first
  std::set<int> loaded;             // they are in its file
  bool has_new_rows = false;        // this attempt has loaded some that no leftover holds
};

class ResumeCrashTest : public CrashRounds {
 protected:
  ResumeCrashTest() { fs::create_directories(spill()); }

  fs::path spill() const { return folder_ / "spill"; }

  /// A store that is held is asked again and again.
  void settings(int batch_records, bool resume = true, bool discard_damaged = false) {
    json::object spilling{{"directory", spill().string()}};
    if (resume) spilling["resume"] = true;
    if (discard_damaged) spilling["discard_damaged"] = true;
    json::object const patient{{"attempts", 1000}, {"first_delay_ms", 1}, {"longest_delay_ms", 20}};
    json::object const landfall{{"checkpoint_seconds", 1},
                                {"batch_records", batch_records},
                                {"memory_bytes", 4 << 20},
                                {"spill", spilling},
                                {"retry", {{"setup", patient}}}};
    write_file("config.json", json::serialize(json::object{
                                  {"destination_path", data().string()}, {"format", "data"}, {"landfall", landfall}}));
  }

  fs::path newest_segment() const {
    fs::path newest;
    for (auto const& entry : fs::directory_iterator(spill() / "landfall-resume")) {
      if (entry.path().filename().string().starts_with("segment-")) newest = std::max(newest, entry.path());
    }
    return newest;
  }

  std::vector<std::string> spill_entries() const {
    std::vector<std::string> names;
    for (auto const& entry : fs::directory_iterator(spill())) names.push_back(entry.path().filename());
    return names;
  }

  void configure(int batch_records) override {
    fs::remove_all(spill());
    fs::create_directories(spill());
    continued_.clear();
    settings(batch_records);
  }

  Result attempt(Random& random, Moment moment, int signal_number) override {
    hold_ = static_cast<Hold>(random_from(random, 0, 2));
    if (hold_ == Hold::to_the_end && moment == Moment::never) hold_ = Hold::at_first;
    if (hold_ != Hold::never) held_.emplace(data());
    auto result = CrashRounds::attempt(random, moment, signal_number);
    held_.reset();
    if (result.says("an earlier process left")) ++starts_with_leftovers_;
    check_resumed(result);
    return result;
  }

  void feed_until_moment(Process& process, Input& input, Result& result, Random& random, Moment moment) override {
    auto const some_time = [&random] { return std::chrono::microseconds(random_from(random, 0, 30'000)); };
    auto const let_go = [this] {
      if (hold_ == Hold::at_first) held_.reset();
    };
    bool const may_find_some = std::ranges::any_of(continued_, [](auto const& any) { return any.second.may_find(); });
    if (may_find_some) {  // it reads nothing before that is loaded: only what fits into the pipe is taken from us
      auto const size = std::min<std::size_t>(input.size(), 30'000);
      EXPECT_TRUE(input.feed_until(process, size));
      take_output_for(process, some_time());
      let_go();
      bool const is_ended = moment != Moment::never && (held_ || random_from(random, 0, 1) == 0);
      if (is_ended) return take_output_for(process, some_time());
    }
    CrashRounds::feed_until_moment(process, input, result, random, moment);
    let_go();
    if (moment != Moment::never) take_output_for(process, some_time());
  }

  /// The rows are those of earlier attempts, then what was found on disk, then the first ones of this attempt: of what
  /// an attempt has left each row at most once, and none that was not behind one of its STATEs.
  void check_continued(SourceStream& one, Rows const& rows) override {
    ASSERT_GE(rows.size(), one.kept.size()) << "rows of an earlier attempt are gone";
    EXPECT_TRUE(std::equal(one.kept.begin(), one.kept.end(), rows.begin()))
        << "rows of an earlier attempt have changed";
    auto const added = ids_of(rows, one.kept.size(), one);
    auto& continued = continued_[one.stream.name];
    auto const new_rows = static_cast<std::size_t>(new_row_count(added, one.begin));
    auto const first_new = added.end() - static_cast<std::ptrdiff_t>(new_rows);
    auto found = added.begin();
    for (auto const& leftover : continued.leftovers) found = skip_rows_of(leftover, found, first_new);
    if (found != first_new) ADD_FAILURE() << "row " << *found << " comes again, and was neither sent nor left";
    continued.has_new_rows = std::any_of(first_new, added.end(), [&](int id) { return !is_left(continued, id); });
    rows_found_ += first_new - added.begin();
    rows_found_again_ += std::count_if(added.begin(), first_new, [&](int id) { return continued.loaded.contains(id); });
    continued.loaded.insert(added.begin(), added.end());
    one.kept = rows;
  }

  /// Reading begins when all that was found is loaded, for good. A good end leaves nothing.
  void check_resumed(Result const& result) {
    bool const has_read = result.exit_code == 0 || std::ranges::any_of(streams_, [this](auto const& one) {
                            return one.acknowledged > one.begin || continued_[one.stream.name].has_new_rows;
                          });
    for (auto const& one : streams_) {
      if (one.kind == SourceStream::Kind::overwrite) continue;
      SCOPED_TRACE(one.stream.name);
      auto& continued = continued_[one.stream.name];
      if (has_read) {
        expect_loaded(continued, one.begin);
        continued.leftovers.clear();
      }
      if (result.exit_code == 0) expect_loaded(continued, one.total);
      if (!one.states_sent.empty()) continued.leftovers.push_back(Leftover{one.begin, *one.states_sent.rbegin()});
    }
    EXPECT_TRUE(result.exit_code != 0 || spill_entries().empty()) << "left behind: " << spill_entries().front();
  }

  static void expect_loaded(Continued const& continued, int end) {
    for (int id = 0; id < end; ++id) {
      if (!continued.loaded.contains(id)) {
        ADD_FAILURE() << "row " << id << " of " << end << " was acknowledged, but it is not there";
        return;
      }
    }
  }

  /// Of the rows from `first` on; each must be as it was sent.
  static std::vector<int> ids_of(Rows const& rows, std::size_t first, SourceStream const& one) {
    std::vector<int> ids;
    for (auto const& row : std::vector(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end())) {
      int const id = json::parse(row).at("id").to_number<int>();
      EXPECT_TRUE(0 <= id && id < one.total && row == padded_row(id)) << "nobody sent " << row;
      ids.push_back(id);
    }
    return ids;
  }

  /// How many at the end are the rows from `begin` on.
  static int new_row_count(std::vector<int> const& ids, int begin) {
    int const count = ids.empty() ? 0 : ids.back() - begin + 1;
    if (count <= 0 || static_cast<std::size_t>(count) > ids.size()) return 0;
    auto expected = begin;
    bool const are_new = std::all_of(ids.end() - count, ids.end(), [&](int id) { return id == expected++; });
    return are_new ? count : 0;
  }

  using Ids = std::vector<int>::const_iterator;

  static Ids skip_rows_of(Leftover const& leftover, Ids begin, Ids end) {
    for (int least = leftover.begin; begin != end && least <= *begin && *begin < leftover.end; ++begin) {
      least = *begin + 1;
    }
    return begin;
  }

  static bool is_left(Continued const& continued, int id) {
    return std::ranges::any_of(continued.leftovers, [id](auto const& one) { return one.begin <= id && id < one.end; });
  }

  std::map<std::string, Continued> continued_;  // by the name of the stream
  std::optional<HeldStore> held_;
  Hold hold_ = Hold::never;
  int starts_with_leftovers_ = 0;
  long rows_found_ = 0;
  long rows_found_again_ = 0;
};

TEST_F(ResumeCrashTest, KilledAtAnyMomentWhatWasAcknowledgedIsLoadedAndComesAgainOnlyWhereItMay) {
  many_rounds(SIGKILL);
  std::fprintf(stderr, "%d starts found what an earlier one had left; of %ld rows %ld were loaded already\n",
               starts_with_leftovers_, rows_found_, rows_found_again_);
}

TEST_F(ResumeCrashTest, OtherCatalogsAreRefusedUntilTheOldOneHasLoadedWhatWasKept) {
  auto const users = Stream("users").generations(3, 0);
  Stream const orders("orders");
  settings(7);
  catalog({users, orders});
  ASSERT_EQ(run(status(users)).exit_code, 0);

  std::optional<HeldStore> held(data());
  auto const process = start();
  process->feed(records(users, 0, 30) + state(users, 1) + records(users, 30, 5));
  EXPECT_THAT(read_until_state(*process, 1).state_ids, ElementsAre(1));
  process->signal(SIGKILL);
  EXPECT_EQ(process->wait(), 128 + SIGKILL);
  held.reset();
  ASSERT_THAT(rows_of("users.jsonl"), IsEmpty());

  struct {
    char const* name;
    std::vector<Stream> streams;
    bool resume;
  } const others[] = {{"a stream is gone", {users}, true},
                      {"a stream came", {users, orders, Stream("events")}, true},
                      {"another generation", {Stream("users").generations(4, 0), orders}, true},
                      {"another mode", {users, Stream("orders").mode("overwrite")}, true},
                      {"without resume", {users, orders}, false}};
  for (auto const& other : others) {
    SCOPED_TRACE(other.name);
    settings(7, other.resume);
    catalog(other.streams);
    auto const refused = run(records(users, 30, 10) + state(users, 2) + status(users));
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.failure_types, ElementsAre("config_error"));
    EXPECT_THAT(refused.failure(), HasSubstr(spill().string()));
    EXPECT_THAT(refused.failure(), HasSubstr("30 acknowledged records of users"));
    EXPECT_THAT(refused.failure(), HasSubstr("with resume, so that they are loaded"));
    EXPECT_THAT(refused.failure(), HasSubstr("to give them up, remove the folder and refresh these streams"));
    EXPECT_THAT(refused.state_ids, IsEmpty());
    EXPECT_THAT(rows_of("users.jsonl"), IsEmpty());
  }

  settings(7);
  catalog({users, orders});
  auto const result = run(records(users, 30, 10) + state(users, 2) + status(users));
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_TRUE(result.says("an earlier process left 30 records"));
  EXPECT_THAT(result.state_ids, ElementsAre(2));
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 40));
  EXPECT_THAT(spill_entries(), IsEmpty());
}

TEST_F(ResumeCrashTest, AFileThatIsNotAsItWasAcknowledgedIsRefusedUntilTheUserGivesItUp) {
  Stream const users("users");
  Stream const orders("orders");
  catalog({users, orders});
  struct {
    char const* name;
    std::function<void(fs::path const&)> spoil;
    int rows_left;
  } const damages[] = {
      {"the last ten bytes are gone", [](fs::path const& file) { fs::resize_file(file, fs::file_size(file) - 10); },
       30},
      {"the file is empty", [](fs::path const& file) { fs::resize_file(file, 0); }, 0},
      {"the file is gone", [](fs::path const& file) { fs::remove(file); }, 0},
  };
  for (auto const& damage : damages) {
    SCOPED_TRACE(damage.name);
    fs::remove_all(data());
    settings(7);
    ASSERT_EQ(run(status(users)).exit_code, 0);
    std::optional<HeldStore> held(data());
    auto const process = start();
    process->feed(records(users, 0, 30) + state(users, 1) + records(users, 30, 5));
    EXPECT_THAT(read_until_state(*process, 1).state_ids, ElementsAre(1));
    process->signal(SIGKILL);
    EXPECT_EQ(process->wait(), 128 + SIGKILL);
    held.reset();
    damage.spoil(newest_segment());

    for (bool const resume : {true, false}) {
      settings(7, resume);
      auto const refused = run(records(users, 30, 10) + state(users, 2) + status(users));
      EXPECT_EQ(refused.exit_code, 1);
      EXPECT_THAT(refused.failure_types, ElementsAre("config_error"));
      for (auto const* const part : {"landfall-resume/segment-", " is damaged (", "30 acknowledged records", "batch ",
                                     "of users", "full refresh of users", "spill.discard_damaged: true"}) {
        EXPECT_THAT(refused.failure(), HasSubstr(part));
      }
      EXPECT_THAT(refused.state_ids, IsEmpty());
      EXPECT_THAT(rows_of("users.jsonl"), IsEmpty());
    }
    settings(7, true, true);
    auto const result = run(records(users, 30, 10) + state(users, 2) + status(users));
    EXPECT_EQ(result.exit_code, 0) << result.failure();
    EXPECT_TRUE(result.says("is given up (spill.discard_damaged)"));
    EXPECT_EQ(rows_of("users.jsonl"), rows(30 - damage.rows_left, 10 + damage.rows_left));
    EXPECT_THAT(spill_entries(), IsEmpty());
  }
}

TEST_F(ResumeCrashTest, ASyncThatEndedWellLeavesOnlyWhatOthersHavePutInTheDirectory) {
  Stream const users("users");
  settings(7);
  catalog({users});
  write_file("spill/notes", "not ours\n");
  auto const result = run(records(users, 0, 100) + state(users, 1));
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_EQ(rows_of("users.jsonl"), rows(0, 100));
  EXPECT_THAT(spill_entries(), ElementsAre("notes"));
  EXPECT_EQ(read_file(spill() / "notes"), "not ours\n");
}

}  // namespace
