#pragma once

// Attempts at a sync that are ended at random moments, and started again with what a source would send then.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "crash_input.hpp"
#include "destination_jsonl.hpp"

/// Rounds of attempts at a sync of four streams. Each has a seed of its own, which is named when it fails.
///
///   LANDFALL_CRASH_ROUNDS=200 LANDFALL_CRASH_SEED=7
class CrashRounds : public DestinationJsonl {
 protected:
  /// Writes config.json, at the beginning of a round.
  virtual void configure(int batch_records) = 0;

  /// What a file holds whose rows of earlier attempts stay.
  virtual void check_continued(SourceStream& one, Rows const& rows) = 0;

  void many_rounds(int signal_number) {
    int const rounds = from_environment("LANDFALL_CRASH_ROUNDS", 15);
    auto const seed = static_cast<unsigned>(
        from_environment("LANDFALL_CRASH_SEED", static_cast<int>(std::random_device()() & 0x7fffffff)));
    for (int number = 0; number < rounds && !HasFailure(); ++number) {
      auto const round_seed = seed + static_cast<unsigned>(number);
      SCOPED_TRACE("LANDFALL_CRASH_ROUNDS=1 LANDFALL_CRASH_SEED=" + std::to_string(round_seed));
      fs::remove_all(folder_ / "data");
      fs::remove(folder_ / "stderr");
      Random random(round_seed);
      one_round(random, signal_number);
    }
    std::fprintf(stderr, "%d rounds from seed %u: %d times ended before it was through, %d times behind the end\n",
                 rounds, seed, ended_early_, too_late_);
  }

  /// An earlier sync, then attempts that are ended, then one that is not.
  void one_round(Random& random, int signal_number) {
    configure(random_from(random, 0, 1) == 0 ? random_from(random, 5, 100) : random_from(random, 100, 3000));
    streams_ = four_streams(random);
    std::vector<Stream> configured;
    for (auto const& one : streams_) configured.push_back(one.stream);
    load_old_rows(configured);
    catalog(configured);
    for (int left = random_from(random, 1, 4); left > 0; --left) {
      auto const moment = static_cast<Moment>(random_from(random, 0, 2));
      if (attempt(random, moment, signal_number).exit_code == 0) {
        ++too_late_;
        return;
      }
      ++ended_early_;
      if (HasFailure()) return;
    }
    EXPECT_EQ(attempt(random, Moment::never, 0).exit_code, 0);
  }

  /// From the start of a process to its end, and a look at its answers and its files then.
  virtual Result attempt(Random& random, Moment moment, int signal_number) {
    for (auto& one : streams_) one.begin_attempt();
    Input input(streams_, random);
    auto const process = start();
    Result result;
    feed_until_moment(*process, input, result, random, moment);
    bool const input_ended = moment == Moment::after_the_end_of_input || moment == Moment::never;
    if (signal_number != 0) process->signal(signal_number);
    for (auto const& line : process->read_lines()) result.add(line);
    result.exit_code = process->wait();
    check_exit(result, signal_number, input_ended);
    take_answers(streams_, result);
    bool const is_whole = signal_number != SIGKILL;
    for (auto& one : streams_) {
      SCOPED_TRACE(one.stream.name);
      check_files(one, is_whole, input_ended);
      if (result.exit_code == 0) check_success(one);
    }
    return result;
  }

  virtual void feed_until_moment(Process& process, Input& input, Result& result, Random& random, Moment moment) {
    ::feed_until_moment(process, input, result, random, moment);
  }

  std::vector<SourceStream> streams_;

 private:
  static std::vector<SourceStream> four_streams(Random& random) {
    using Kind = SourceStream::Kind;
    auto const some = [&random] { return random_from(random, 0, 3000); };
    return {{Stream("plain"), Kind::append, some(), random_from(random, 20, 200)},
            {Stream("append", "shop").generations(4, 0), Kind::append, some(), random_from(random, 20, 200)},
            {Stream("refresh", "shop").generations(7, 7), Kind::refresh, some(), random_from(random, 20, 200)},
            {Stream("overwrite").mode("overwrite"), Kind::overwrite, some(), random_from(random, 20, 200)}};
  }

  void load_old_rows(std::vector<Stream> const& configured) {
    std::vector<Stream> plain;
    for (auto const& stream : configured) plain.emplace_back(stream.name, stream.name_space);
    catalog(plain);
    std::string input;
    for (auto& one : streams_) {
      one.old_rows = padded_rows(100'000, 100'010);
      for (auto const& row : one.old_rows) input += record(one.stream, row);
      if (one.kind == SourceStream::Kind::append) one.kept = one.old_rows;
    }
    ASSERT_EQ(run(input).exit_code, 0);
  }

  static void check_exit(Result const& result, int signal_number, bool input_ended) {
    if (result.exit_code == 0) {
      EXPECT_TRUE(input_ended) << "success without an end of the input";
      EXPECT_TRUE(result.failures.empty()) << result.failure();
      return;
    }
    ASSERT_NE(signal_number, 0) << "failed by itself: " << result.failure();
    EXPECT_EQ(result.exit_code, 128 + signal_number);
    // Before it says anything, and behind its last word, a signal ends it as any other program.
    bool const is_running = result.says("loading ") && !result.says("sync succeeded");
    if (signal_number == SIGTERM && is_running) {
      EXPECT_FALSE(result.failures.empty()) << "no TRACE says why it has stopped";
    }
  }

  void check_files(SourceStream& one, bool is_whole, bool input_ended) {
    auto const file = file_of(one.stream);
    auto const rows = whole_rows(file, is_whole);
    switch (one.kind) {
      case SourceStream::Kind::append:
        return check_continued(one, rows);
      case SourceStream::Kind::refresh: {
        auto const work = file.parent_path() / ("." + file.filename().string() + ".new-7");
        one.was_sent_whole = one.was_sent_whole || input_ended || one.sent == one.total;
        if (!one.replaced && rows == one.old_rows) return check_continued(one, whole_rows(work, is_whole));
        EXPECT_FALSE(fs::exists(work)) << "replaced, and yet not";
        EXPECT_TRUE(one.was_sent_whole) << "replaced before its end";
        one.replaced = true;
        return check_continued(one, rows);
      }
      case SourceStream::Kind::overwrite:
        return check_overwritten(one, rows, input_ended);
    }
  }

  /// Either the rows of before or all rows of this attempt.
  static void check_overwritten(SourceStream& one, Rows const& rows, bool input_ended) {
    bool const before = std::exchange(one.replaced, one.replaced || rows != one.old_rows);
    if (one.replaced) {
      EXPECT_EQ(rows, padded_rows(0, one.total));
      EXPECT_TRUE(before || input_ended) << "replaced before its end";
    } else {
      EXPECT_EQ(one.acknowledged, 0) << "acknowledged, but the old rows are still there";
    }
  }

  static void check_success(SourceStream const& one) {
    EXPECT_EQ(one.acknowledged, one.total) << "success without the last STATE";
    EXPECT_EQ(one.replaced, one.kind != SourceStream::Kind::append);
  }

  fs::path file_of(Stream const& stream) const {
    return data() / stream.name_space.value_or("") / (stream.name + ".jsonl");
  }

  /// Without a last row that is torn, which only SIGKILL may leave.
  static Rows whole_rows(fs::path const& path, bool is_whole) {
    auto text = read_file(path);
    EXPECT_TRUE(!is_whole || text.empty() || text.ends_with('\n')) << path << " ends in a torn line";
    text.resize(text.rfind('\n') + 1);
    std::istringstream lines(text);
    Rows rows;
    for (std::string line; std::getline(lines, line);) rows.push_back(line);
    return rows;
  }

  int ended_early_ = 0;
  int too_late_ = 0;
};
