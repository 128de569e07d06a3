#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <landfall/runtime/clock.hpp>

namespace landfall {

/// One call that a loader answered well.
struct TimedCall {
  TimedCall(std::uint64_t of_bytes, Duration took) : bytes(of_bytes), latency(took) {}
  std::uint64_t bytes;
  Duration latency;
};

/// How long a call of a size takes when nothing is overloaded: a fixed cost and a cost for each byte.
///
/// Learns from whole windows of calls: at once from one that is quicker than expected, slowly from one that is slower,
/// so that an overload is not soon taken for normal; not never, since stores do become slower for good. (A baseline
/// that only falls, or that follows quickly, is what users of such libraries complain about.)
/// Threads: a value.
class LatencyModel {
 public:
  /// Nothing is expected before the first window.
  bool knows_nothing() const noexcept { return windows_ == 0; }

  /// For a call of this size. Sizes beyond those seen get the benefit of the doubt: a larger one as if every byte cost
  /// the same, a smaller one as if all of it were fixed cost. Asserts !knows_nothing().
  Duration expected(std::uint64_t bytes) const;

  /// The part of the latency of such a call that does not depend on its size, from 0 to 1. Nothing while all calls were
  /// of about one size.
  std::optional<double> fixed_share(std::uint64_t bytes) const;

  /// Latency over expected(), in the middle of the calls: half of them were slower. 1 when nothing is known.
  double slowness(std::vector<TimedCall> const& calls) const;

  /// `calls` are not empty.
  void learn(std::vector<TimedCall> const& calls);

  /// This is how slow the store is now: `factor` times what was expected.
  void slow_down(double factor);

 private:
  bool sees_sizes() const noexcept;
  double seconds_per_megabyte() const noexcept;

  // Moving averages over calls of x (megabytes) and y (seconds).
  double x_ = 0;
  double y_ = 0;
  double xx_ = 0;
  double xy_ = 0;
  std::uint64_t windows_ = 0;
};

}  // namespace landfall
