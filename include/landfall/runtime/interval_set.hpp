#pragma once

#include <cstdint>
#include <map>

namespace landfall {

/// Half-open: begin <= number < end.
struct Interval {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t size() const noexcept { return end - begin; }
  friend bool operator==(Interval const&, Interval const&) = default;
};

/// A set of numbers, kept as disjoint intervals that do not touch.
///
/// Cost:    add and contains_all: logarithmic in the number of gaps, which stays small where work ends nearly in order.
/// Threads: none; owned by one strand.
/// Source:  base design, range set (W16: adjacent intervals are always merged, so it does not grow with the sync).
class IntervalSet {
 public:
  /// Adding again changes nothing. An empty interval adds nothing.
  void add(Interval interval);

  bool contains_all(Interval interval) const;  ///< an empty interval is contained in every set
  bool contains_all(IntervalSet const& others) const;
  bool intersects(Interval interval) const;

  /// How many numbers are in the set.
  std::uint64_t count() const noexcept { return count_; }

  /// The first number at or after `from` that is not in the set.
  std::uint64_t first_gap(std::uint64_t from = 0) const;

  /// begin -> end, ascending.
  std::map<std::uint64_t, std::uint64_t> const& intervals() const noexcept { return intervals_; }

  friend bool operator==(IntervalSet const& a, IntervalSet const& b) { return a.intervals_ == b.intervals_; }

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;
  std::uint64_t count_ = 0;
};

}  // namespace landfall
