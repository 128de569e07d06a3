#include <landfall/runtime/interval_set.hpp>

#include <algorithm>
#include <iterator>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

// The interval that begins at or before `number`, or end().
std::map<std::uint64_t, std::uint64_t>::const_iterator at_or_before(
    std::map<std::uint64_t, std::uint64_t> const& intervals, std::uint64_t number) {
  auto const after = intervals.upper_bound(number);
  return after == intervals.begin() ? intervals.end() : std::prev(after);
}

}  // namespace

void IntervalSet::add(Interval interval) {
  LANDFALL_ASSERT(interval.begin <= interval.end);
  if (interval.begin == interval.end) return;
  auto merged = interval;
  auto const before = at_or_before(intervals_, interval.begin);
  auto touching =
      before != intervals_.end() && before->second >= interval.begin ? before : intervals_.upper_bound(interval.begin);
  while (touching != intervals_.end() && touching->first <= interval.end) {
    merged.begin = std::min(merged.begin, touching->first);
    merged.end = std::max(merged.end, touching->second);
    count_ -= touching->second - touching->first;
    touching = intervals_.erase(touching);
  }
  intervals_.emplace_hint(touching, merged.begin, merged.end);
  count_ += merged.size();
}

bool IntervalSet::contains_all(Interval interval) const {
  LANDFALL_ASSERT(interval.begin <= interval.end);
  if (interval.begin == interval.end) return true;
  auto const before = at_or_before(intervals_, interval.begin);
  return before != intervals_.end() && before->second >= interval.end;
}

bool IntervalSet::contains_all(IntervalSet const& others) const {
  return std::ranges::all_of(others.intervals_, [this](auto const& interval) {
    return contains_all(Interval{interval.first, interval.second});
  });
}

bool IntervalSet::intersects(Interval interval) const {
  LANDFALL_ASSERT(interval.begin <= interval.end);
  if (interval.begin == interval.end) return false;
  auto const last = at_or_before(intervals_, interval.end - 1);
  return last != intervals_.end() && last->second > interval.begin;
}

std::uint64_t IntervalSet::first_gap(std::uint64_t from) const {
  auto const before = at_or_before(intervals_, from);
  return before != intervals_.end() && before->second > from ? before->second : from;
}

}  // namespace landfall
