#pragma once

// Attempts at a sync into a store with tables that are ended at random moments, and started again with what a source
// would send then. For any such destination: what belongs to one store is in CrashStore.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "crash_input.hpp"

/// A row as it was sent and as it was loaded: integers `id`, `version` and `n`, and a `text`.
struct LoadedRow {
  long id = 0;
  long version = 0;
  long n = 0;  ///< which of its source's records it is
  std::string text;
  friend auto operator<=>(LoadedRow const&, LoadedRow const&) = default;
};

/// The program that is ended, and the store that it loads into.
class CrashStore {
 public:
  virtual ~CrashStore() = default;

  virtual std::string program() const = 0;
  /// What it takes to reach the store, for config.json.
  virtual json::object configuration() const = 0;
  /// How often each part of a sync is tried; empty: as by default.
  virtual json::object retry() const { return {}; }

  /// An empty store, for the next round.
  virtual void clear() = 0;
  /// The rows of a stream's final table, in any order; none where there is no table.
  virtual std::vector<LoadedRow> rows(Stream const& stream) = 0;
  /// While the result lives nobody can load anything.
  virtual std::shared_ptr<void> hold() = 0;
  /// Something happens to the store that syncs get over.
  virtual void disturb() {}
};

/// What sources send, and what becomes of it.
struct SentRows {
  static constexpr int old_begin = 100'000;  ///< of an earlier sync
  static constexpr int old_end = 100'020;
  static constexpr int keys = 97;

  static LoadedRow appended(int n) { return {n, n, n, std::string(static_cast<std::size_t>(n % 389), 'x')}; }

  /// A key comes many times, its versions in any order.
  static LoadedRow keyed(int n) {
    auto row = appended(n);
    if (n < old_begin) row.id = n % keys;
    row.version = n * 7919L % 10'007;
    return row;
  }
  static bool is_deleted(int n) { return n % 11 == 5; }

  static std::string json_of(LoadedRow const& row) {
    return json::serialize(json::object{{"id", row.id}, {"version", row.version}, {"n", row.n}, {"text", row.text}});
  }
  static std::string appended_json(int n) { return json_of(appended(n)); }
  static std::string keyed_json(int n) {
    auto text = json_of(keyed(n));
    if (is_deleted(n)) text.replace(text.size() - 1, 1, R"(,"_ab_cdc_deleted_at":"2024-05-01"})");
    return text;
  }

  /// Of each key the newest version, unless it is deleted.
  static std::vector<LoadedRow> newest(std::vector<int> const& numbers) {
    std::map<long, int> by_key;
    for (int const n : numbers) {
      auto const [place, is_first] = by_key.emplace(keyed(n).id, n);
      if (!is_first && keyed(place->second).version < keyed(n).version) place->second = n;
    }
    std::vector<LoadedRow> rows;
    for (auto const& [id, n] : by_key) {
      if (!is_deleted(n)) rows.push_back(keyed(n));
    }
    return rows;
  }

  static std::vector<int> numbers(int begin, int end) {
    std::vector<int> numbers;
    for (int n = begin; n < end; ++n) numbers.push_back(n);
    return numbers;
  }
};

/// One stream of a round.
struct TableStream {
  TableStream(SourceStream its_source, bool has_key) : source(std::move(its_source)), is_keyed(has_key) {
    source.row = is_keyed ? &SentRows::keyed_json : &SentRows::appended_json;
  }

  bool replaces() const { return source.kind == SourceStream::Kind::refresh; }

  SourceStream source;
  bool is_keyed;
  std::map<int, int> times_sent;  // by the number of the record: in how many attempts it may have been read
  bool is_replaced = false;
};

/// Rounds of attempts at a sync of five streams: appended to, merged by key, and refreshes of both. Each has a seed of
/// its own, which is named when it fails.
///
///   LANDFALL_CRASH_ROUNDS=100 LANDFALL_CRASH_SEED=7
///
/// Rules: what was acknowledged is there (with resume: at the end) and what was not sent is not. A record is there no
///        more often than it was sent: one whose STATE came back is not sent again, so it is there once. By key, there
///        is one row for each, the newest, when a sync has ended well. A refresh shows all old rows or all new ones.
class TableCrashRounds : public ProgramTest {
 protected:
  explicit TableCrashRounds(std::unique_ptr<CrashStore> store) : store_(std::move(store)) {}

  std::string program() const override { return store_->program(); }

  void many_rounds(bool resume) {
    resume_ = resume;
    each_round([this](Random& random) { one_round(random); });
    std::fprintf(
        stderr,
        "%d times killed, %d of them with the store held, %d too late; %d starts found what an earlier one had "
        "left; %ld rows of records that were sent again are there more than once\n",
        killed_, held_, too_late_, starts_with_leftovers_, rows_there_again_);
  }

  /// Syncs that nobody kills, while the store is disturbed: each is a good one, and has loaded everything once.
  void many_disturbed_rounds(bool resume) {
    resume_ = resume;
    each_round([this](Random& random) {
      begin_round(random);
      is_disturbed_ = true;
      EXPECT_EQ(attempt(random, Moment::never), 0);
      is_disturbed_ = false;
    });
    EXPECT_EQ(rows_there_again_, 0);
  }

 private:
  template <class Round>
  void each_round(Round round) {
    int const rounds = from_environment("LANDFALL_CRASH_ROUNDS", 8);
    auto const seed = static_cast<unsigned>(
        from_environment("LANDFALL_CRASH_SEED", static_cast<int>(std::random_device()() & 0x7fffffff)));
    for (int number = 0; number < rounds && !HasFailure(); ++number) {
      auto const round_seed = seed + static_cast<unsigned>(number);
      SCOPED_TRACE("LANDFALL_CRASH_ROUNDS=1 LANDFALL_CRASH_SEED=" + std::to_string(round_seed));
      store_->clear();
      fs::remove_all(spill());
      fs::create_directories(spill());
      fs::remove(folder_ / "stderr");
      Random random(round_seed);
      round(random);
    }
    std::fprintf(stderr, "%d rounds from seed %u\n", rounds, seed);
  }

  fs::path spill() const { return folder_ / "spill"; }

  void configure(int batch_records) {
    json::object landfall{{"checkpoint_seconds", 1}, {"batch_records", batch_records}, {"memory_bytes", 16 << 20}};
    if (auto const retry = store_->retry(); !retry.empty()) landfall["retry"] = retry;
    if (resume_) landfall["spill"] = json::object{{"directory", spill().string()}, {"resume", true}};
    auto configuration = store_->configuration();
    configuration["landfall"] = landfall;
    write_file("config.json", json::serialize(configuration));
  }

  static std::vector<TableStream> five_streams(Random& random) {
    json::object const fields{{"id", {{"type", "integer"}}},
                              {"version", {{"type", "integer"}}},
                              {"n", {{"type", "integer"}}},
                              {"text", {{"type", "string"}}}};
    auto keyed_fields = fields;
    keyed_fields["_ab_cdc_deleted_at"] = json::object{{"type", "string"}};
    auto const some = [&](Stream stream, SourceStream::Kind kind) {
      return SourceStream(std::move(stream), kind, random_from(random, 0, 3000), random_from(random, 20, 200));
    };
    using Kind = SourceStream::Kind;
    return {
        TableStream(some(Stream("plain").fields(fields), Kind::append), false),
        TableStream(some(Stream("append", "shop").fields(fields).generations(4, 0), Kind::append), false),
        TableStream(some(Stream("refresh", "shop").fields(fields).generations(7, 7), Kind::refresh), false),
        TableStream(some(Stream("dedup").fields(keyed_fields).dedup("id", "version").generations(5, 0), Kind::append),
                    true),
        TableStream(
            some(Stream("dedup_refresh").fields(keyed_fields).dedup("id", "version").generations(9, 9), Kind::refresh),
            true)};
  }

  /// An earlier sync.
  void begin_round(Random& random) {
    configure(random_from(random, 0, 1) == 0 ? random_from(random, 5, 100) : random_from(random, 100, 3000));
    streams_ = five_streams(random);
    load_old_rows();
    std::vector<Stream> configured;
    for (auto const& one : streams_) configured.push_back(one.source.stream);
    catalog(configured);
  }

  /// An earlier sync, then attempts that are killed, then one that is not.
  void one_round(Random& random) {
    begin_round(random);
    for (int left = random_from(random, 1, 4); left > 0 && !HasFailure(); --left) {
      if (attempt(random, static_cast<Moment>(random_from(random, 0, 2))) == 0) {
        ++too_late_;
        return;
      }
      ++killed_;
    }
    EXPECT_EQ(attempt(random, Moment::never), 0);
  }

  void load_old_rows() {
    std::vector<Stream> configured;
    std::string input;
    for (auto const& one : streams_) {
      auto stream = one.source.stream;
      if (stream.generation) stream.generations(1, 0);
      configured.push_back(stream);
      for (int n = SentRows::old_begin; n < SentRows::old_end; ++n) input += record(stream, one.source.row(n));
      if (stream.generation) input += status(stream);
    }
    catalog(configured);
    auto const result = run(input);
    ASSERT_EQ(result.exit_code, 0) << result.failure();
  }

  /// From the start of a process to its end, and a look at its answers and its tables then.
  int attempt(Random& random, Moment moment) {
    std::vector<SourceStream> sources;
    for (auto& one : streams_) {
      one.source.begin_attempt();
      sources.push_back(one.source);
    }
    Input input(sources, random);
    bool const may_find_some = !fs::is_empty(spill());
    auto const process = start();
    Result result;
    bool const is_killed = moment != Moment::never;
    std::shared_ptr<void> held;
    if (is_killed && random_from(random, 0, 2) == 0) held = hold_after_some_input(*process, input, result, random);
    std::jthread disturbance;
    if (is_disturbed_) {
      input.feed_until(*process, static_cast<std::size_t>(random_from(random, 0, static_cast<int>(input.size()))));
      take_output_for(*process, std::chrono::microseconds(random_from(random, 0, 60'000)));
      disturbance = std::jthread([this] { store_->disturb(); });
    }
    // What an earlier one has left is loaded before anything is read: not while the store is held.
    if (!held || !may_find_some) feed_until_moment(*process, input, result, random, moment);
    if (held) take_output_for(*process, std::chrono::microseconds(random_from(random, 0, 30'000)));
    if (is_killed) process->signal(SIGKILL);
    for (auto const& line : process->read_lines()) result.add(line);
    result.exit_code = process->wait();
    if (disturbance.joinable()) disturbance.join();
    if (held) ++held_;
    held.reset();

    EXPECT_EQ(result.exit_code, result.exit_code == 0 ? 0 : 128 + SIGKILL) << result.failure();
    if (result.says("an earlier process left")) ++starts_with_leftovers_;
    take_answers(sources, result);
    bool const input_ended = moment == Moment::after_the_end_of_input || moment == Moment::never;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      streams_[i].source = sources[i];
      SCOPED_TRACE(sources[i].stream.name);
      check(streams_[i], result.exit_code == 0, input_ended);
    }
    EXPECT_TRUE(!resume_ || result.exit_code != 0 || fs::is_empty(spill())) << "something is left on disk";
    return result.exit_code;
  }

  /// Syncs read on, and with resume acknowledge what they have on disk; nothing is loaded.
  std::shared_ptr<void> hold_after_some_input(Process& process, Input& input, Result& result, Random& random) {
    input.feed_until(process, static_cast<std::size_t>(random_from(random, 0, static_cast<int>(input.size()))));
    take_output_for(process, std::chrono::microseconds(random_from(random, 0, 60'000)));
    while (auto line = process.next_line()) result.add(*line);
    return store_->hold();
  }

  // ---- what is in the tables ----

  void check(TableStream& one, bool succeeded, bool input_ended) {
    auto const& source = one.source;
    for (int n = source.begin; n < source.sent; ++n) ++one.times_sent[n];
    auto rows = store_->rows(source.stream);
    std::ranges::sort(rows);
    if (succeeded) {
      EXPECT_EQ(source.acknowledged, source.total) << "success without the last STATE";
    }
    if (one.replaces() && !one.is_replaced) {
      auto const old = old_rows(one);
      if (!succeeded && rows == old) return;
      EXPECT_TRUE(input_ended || source.sent == source.total) << "replaced before its end";
      one.is_replaced = true;
    }
    one.is_keyed ? check_keyed(one, rows, succeeded) : check_appended(one, rows, succeeded);
  }

  static std::vector<LoadedRow> old_rows(TableStream const& one) {
    auto const numbers = SentRows::numbers(SentRows::old_begin, SentRows::old_end);
    if (one.is_keyed) return SentRows::newest(numbers);
    std::vector<LoadedRow> rows;
    for (int const n : numbers) rows.push_back(SentRows::appended(n));
    return rows;
  }

  void check_appended(TableStream const& one, std::vector<LoadedRow> const& rows, bool succeeded) {
    std::map<int, int> counts;
    for (auto const& row : rows) {
      EXPECT_EQ(row, SentRows::appended(static_cast<int>(row.n)));
      ++counts[static_cast<int>(row.n)];
    }
    if (!one.replaces()) {
      for (int n = SentRows::old_begin; n < SentRows::old_end; ++n) {
        EXPECT_EQ(counts[n], 1) << "old row " << n;
        counts.erase(n);
      }
    }
    bool const acknowledged_is_there = succeeded || one.is_replaced || !resume_;
    for (int n = 0; acknowledged_is_there && n < one.source.acknowledged; ++n) {
      ASSERT_GE(counts[n], 1) << "record " << n << " was acknowledged (all before " << one.source.acknowledged
                              << "), but it is not there";
    }
    for (auto const& [n, count] : counts) {
      auto const sent = one.times_sent.find(n);
      ASSERT_LE(count, sent == one.times_sent.end() ? 0 : sent->second)
          << "record " << n << " is there more often than it was sent";
      if (succeeded) rows_there_again_ += std::max(0, count - 1);
    }
  }

  static void check_keyed(TableStream const& one, std::vector<LoadedRow> const& rows, bool succeeded) {
    std::map<long, int> keys;
    for (auto const& row : rows) {
      auto const n = static_cast<int>(row.n);
      EXPECT_EQ(row, SentRows::keyed(n));
      EXPECT_EQ(++keys[row.id], 1) << "key " << row.id << " is there twice";
      EXPECT_TRUE(n >= SentRows::old_begin || one.times_sent.contains(n)) << "nobody sent " << n;
    }
    if (!succeeded) return;
    auto numbers = SentRows::numbers(0, one.source.total);
    if (!one.replaces()) {
      auto const old = SentRows::numbers(SentRows::old_begin, SentRows::old_end);
      numbers.insert(numbers.end(), old.begin(), old.end());
    }
    auto expected = SentRows::newest(numbers);
    std::ranges::sort(expected);
    EXPECT_TRUE(rows == expected) << rows.size() << " rows, " << expected.size() << " expected";
  }

  std::unique_ptr<CrashStore> store_;
  bool resume_ = false;
  bool is_disturbed_ = false;
  std::vector<TableStream> streams_;
  int killed_ = 0;
  int held_ = 0;
  int too_late_ = 0;
  int starts_with_leftovers_ = 0;
  long rows_there_again_ = 0;
};
