#pragma once

// What sources send in attempts at a sync that are ended at random moments.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "program_test.hpp"

using Rows = std::vector<std::string>;
using Random = std::mt19937_64;

inline int from_environment(char const* name, int fallback) {
  char const* const value = std::getenv(name);
  return value == nullptr ? fallback : std::atoi(value);
}

inline int random_from(Random& random, int least, int most) {
  return std::uniform_int_distribution<int>(least, most)(random);
}

inline std::string padded_row(int id) {
  return "{\"id\": " + std::to_string(id) + ", \"text\": \"" + std::string(static_cast<std::size_t>(id % 389), 'x') +
         "\"}";
}

inline Rows padded_rows(int begin, int end) {
  Rows rows;
  for (int id = begin; id < end; ++id) rows.push_back(padded_row(id));
  return rows;
}

/// One stream: what its source sends, what came back, and what must be loaded then.
struct SourceStream {
  enum class Kind {
    append,     ///< rows of earlier syncs stay; attempts continue each other
    refresh,    ///< the same, but at a good end the rows take the place of the earlier ones
    overwrite,  ///< each attempt begins anew, and is acknowledged when it has taken the place of the earlier rows
  };

  SourceStream(Stream its_name, Kind its_kind, int records, int records_per_state)
      : stream(std::move(its_name)), kind(its_kind), total(records), step(records_per_state) {}

  void begin_attempt() {
    if (kind == Kind::overwrite) acknowledged = 0;
    begin = acknowledged;
    sent = begin;
    states_sent.clear();
  }

  Stream stream;
  Kind kind;
  std::string (*row)(int number) = padded_row;
  int total;
  int step;

  int begin = 0;              // of this attempt
  int sent = 0;               // of this attempt: records before this one were fed
  std::set<int> states_sent;  // of this attempt: how many records they stand behind
  int acknowledged = 0;       // records before this one were acknowledged

  Rows old_rows;  // from before the first attempt
  Rows kept;      // whole rows that earlier attempts have left, which count
  bool replaced = false;
  bool was_sent_whole = false;  // in some attempt: a replacement that is cut off then is finished by the next one
};

/// What is fed in one attempt, and what of it belongs to whom.
class Input {
 public:
  Input(std::vector<SourceStream>& streams, Random& random) : streams_(streams) {
    std::vector<int> next;
    for (auto const& one : streams) next.push_back(one.begin);
    std::vector<std::size_t> unfinished;
    for (std::size_t i = 0; i < streams.size(); ++i) unfinished.push_back(i);
    while (!unfinished.empty()) {
      auto const chosen = static_cast<std::size_t>(random_from(random, 0, static_cast<int>(unfinished.size()) - 1));
      auto const index = unfinished[chosen];
      if (!add_some(index, next[index], random)) unfinished.erase(unfinished.begin() + static_cast<long>(chosen));
    }
  }

  std::size_t size() const { return text_.size(); }

  /// Feeds up to `end` bytes. Returns false when the process reads no more.
  bool feed_until(Process& process, std::size_t end) {
    if (end <= fed_) return true;
    auto const begin = std::exchange(fed_, end);
    for (; next_ < marks_.size() && marks_[next_].place < end; ++next_) {
      auto const& mark = marks_[next_];
      auto& one = streams_[mark.stream];
      if (mark.is_state) {
        one.states_sent.insert(mark.count);
      } else {
        one.sent = mark.count;
      }
    }
    return process.feed(std::string_view(text_).substr(begin, end - begin));
  }

 private:
  struct Mark {
    std::size_t place;  // where the message begins
    std::size_t stream;
    int count;  // records sent with it
    bool is_state;
  };

  // A few records, up to the next STATE at most. False when there is no more.
  bool add_some(std::size_t index, int& next, Random& random) {
    auto const& one = streams_[index];
    int const boundary = std::min(one.total, (next / one.step + 1) * one.step);
    int const end = std::min(boundary, next + random_from(random, 1, 40));
    for (; next < end; ++next) add(index, next + 1, false, record(one.stream, one.row(next)));
    if (next == boundary) add(index, next, true, state(one.stream, next));
    if (next < one.total) return true;
    if (one.stream.generation) text_ += status(one.stream);
    return false;
  }

  void add(std::size_t index, int count, bool is_state, std::string const& message) {
    marks_.push_back(Mark{text_.size(), index, count, is_state});
    text_ += message;
  }

  std::vector<SourceStream>& streams_;
  std::string text_;
  std::vector<Mark> marks_;
  std::size_t next_ = 0;
  std::size_t fed_ = 0;
};

/// When a process is ended.
enum class Moment { while_feeding, after_some_states, after_the_end_of_input, never };

/// Less when its output ends.
inline void take_output_for(Process& process, std::chrono::microseconds duration) {
  auto const end = std::chrono::steady_clock::now() + duration;
  for (auto left = end - std::chrono::steady_clock::now(); left.count() > 0;
       left = end - std::chrono::steady_clock::now()) {
    process.await_output(std::chrono::duration_cast<std::chrono::microseconds>(left));
    if (process.output_has_ended()) return;
  }
}

inline void feed_until_moment(Process& process, Input& input, Result& result, Random& random, Moment moment) {
  auto const take_lines = [&] {
    while (auto line = process.next_line()) result.add(*line);
  };
  auto const size = static_cast<int>(input.size());
  switch (moment) {
    case Moment::while_feeding:
      EXPECT_TRUE(input.feed_until(process, static_cast<std::size_t>(random_from(random, 0, size))));
      process.await_output(std::chrono::microseconds(random_from(random, 0, 5'000)));
      return;
    case Moment::after_some_states: {
      auto const wanted = static_cast<std::size_t>(random_from(random, 1, 20));
      for (int end = 0; end < size && result.states.size() < wanted;) {
        end = std::min(size, end + random_from(random, 1, 10'000));
        EXPECT_TRUE(input.feed_until(process, static_cast<std::size_t>(end)));
        take_lines();
      }
      return;
    }
    case Moment::after_the_end_of_input: {
      EXPECT_TRUE(input.feed_until(process, input.size()));
      process.close_stdin();
      take_output_for(process, std::chrono::microseconds(random_from(random, 0, 60'000)));
      return;
    }
    case Moment::never:
      EXPECT_TRUE(input.feed_until(process, input.size()));
      process.close_stdin();
      return;
  }
}

/// What came back of these streams' STATEs, in the order it was sent.
inline void take_answers(std::vector<SourceStream>& streams, Result const& result) {
  for (auto const& answer : result.states) {
    auto const& stream = answer.at("stream");
    auto const one = std::ranges::find_if(
        streams, [&](auto const& any) { return any.stream.descriptor() == stream.at("stream_descriptor"); });
    ASSERT_NE(one, streams.end());
    int const count = stream.at("stream_state").at("at").to_number<int>();
    EXPECT_TRUE(one->states_sent.contains(count)) << one->stream.name << ": nobody sent STATE " << count;
    EXPECT_GE(count, one->acknowledged) << one->stream.name;
    one->acknowledged = count;
  }
}
