#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <landfall/protocol/byte_source.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall::testing {

/// An input that follows a script: chunks, pauses in virtual time, a failure, and then the end.
///
/// Reads:    each brings bytes of one chunk, as many as there is room for; a pause comes before the next chunk.
/// Threads:  the script is written before the first read.
/// Example:  ScriptedSource source(clock);
///           source.lines({R"({"type":"RECORD",...})"}).pause(std::chrono::seconds(3)).fail(transient_error("gone"));
class ScriptedSource final : public ByteSource {
 public:
  explicit ScriptedSource(Clock& clock) : clock_(clock) {}

  /// An empty chunk brings nothing and is left out.
  ScriptedSource& chunk(std::string bytes) {
    if (!bytes.empty()) steps_.emplace_back().bytes = std::move(bytes);
    return *this;
  }

  /// One chunk of these lines, each ended by '\n'.
  template <class Lines = std::initializer_list<std::string_view>>
  ScriptedSource& lines(Lines const& lines) {
    std::string bytes;
    for (auto const& line : lines) bytes.append(line).push_back('\n');
    return chunk(std::move(bytes));
  }

  /// `bytes` in chunks of `size`.
  ScriptedSource& in_chunks_of(std::size_t size, std::string_view bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) chunk(std::string(bytes.substr(0, size)));
    return *this;
  }

  ScriptedSource& pause(Duration time) {
    steps_.emplace_back().pause = time;
    return *this;
  }

  /// Every read from here on throws `error`.
  ScriptedSource& fail(Error error) {
    steps_.emplace_back().failure = std::move(error);
    return *this;
  }

  awaitable<std::size_t> read(std::span<char> room) override {
    ++read_count_;
    while (!steps_.empty() && steps_.front().pause) {
      co_await clock_.sleep_for(*steps_.front().pause);
      steps_.pop_front();
    }
    if (steps_.empty()) co_return 0;
    Step& step = steps_.front();
    if (step.failure) throw Error(*step.failure);
    std::size_t const count = std::min(room.size(), step.bytes.size() - step.taken);
    std::memcpy(room.data(), step.bytes.data() + step.taken, count);
    step.taken += count;
    if (step.taken == step.bytes.size()) steps_.pop_front();
    co_return count;
  }

  /// How often it was asked.
  std::size_t read_count() const noexcept { return read_count_; }

  /// Everything was read, and no failure is left.
  bool exhausted() const noexcept { return steps_.empty(); }

 private:
  struct Step {
    std::string bytes;
    std::size_t taken = 0;
    std::optional<Duration> pause;
    std::optional<Error> failure;
  };
  Clock& clock_;
  std::deque<Step> steps_;
  std::size_t read_count_ = 0;
};

}  // namespace landfall::testing
