#include <landfall/state/record_ledger.hpp>

#include <algorithm>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

constexpr std::size_t index_of(BatchState state) noexcept { return static_cast<std::size_t>(state); }

}  // namespace

void RecordLedger::resume(RecordNumber end, std::vector<Interval> const& pending) {
  LANDFALL_ASSERT(records_read_ == 0);
  add_read(end);
  RecordNumber complete_until = 0;
  std::vector<Interval> in_order = pending;
  std::sort(in_order.begin(), in_order.end(), [](Interval a, Interval b) { return a.begin < b.begin; });
  in_order.push_back(Interval{end, end});
  for (Interval const kept : in_order) {
    LANDFALL_ASSERT(kept.begin >= complete_until && kept.end <= end);
    promote(Interval{complete_until, kept.begin}, BatchState::complete);
    keep(kept);
    complete_until = kept.end;
  }
  complete_before_ = reached_[index_of(BatchState::complete)].count();
}

void RecordLedger::keep(Interval records) {
  check_was_read(records);
  safe_.add(records);
}

void RecordLedger::add_read(RecordNumber end) { records_read_ = std::max(records_read_, end); }

void RecordLedger::report(Interval records, BatchState state, std::optional<std::string> const& group) {
  check_was_read(records);
  if (!group) return promote(records, state);

  // The most advanced state of a group holds for all of it: for those that come now, and for those that came before.
  Group& seen = groups_[*group];
  seen.records.add(records);
  if (state <= seen.state) return promote(records, seen.state);
  seen.state = state;
  for (auto const& [begin, end] : seen.records.intervals()) promote(Interval{begin, end}, state);
}

void RecordLedger::reject(Interval records) {
  check_was_read(records);
  rejected_.add(records);
  promote(records, BatchState::complete);
}

std::uint64_t RecordLedger::rejected_count_before(RecordNumber end) const {
  std::uint64_t count = 0;
  for (auto const& [first, last] : rejected_.intervals()) {
    if (first >= end) break;
    count += std::min<RecordNumber>(last, end) - first;
  }
  return count;
}

std::uint64_t RecordLedger::count(BatchState state) const {
  return reached_[index_of(state)].count() - complete_before_;
}

bool RecordLedger::is_loaded(RecordNumber number) const {
  Interval const one{number, number + 1};
  return reached_[index_of(BatchState::persisted)].contains_all(one) && !rejected_.contains_all(one);
}

bool RecordLedger::persisted_until(RecordNumber end) const { return safe_.contains_all(Interval{0, end}); }

bool RecordLedger::is_complete(Interval records) const {
  return reached_[index_of(BatchState::complete)].contains_all(records);
}

bool RecordLedger::all_complete() const { return is_complete(Interval{0, records_read_}); }

Interval RecordLedger::first_incomplete() const { return first_missing(reached_[index_of(BatchState::complete)]); }

Interval RecordLedger::first_not_persisted() const { return first_missing(safe_); }

Interval RecordLedger::first_missing(IntervalSet const& reached) const {
  RecordNumber const begin = reached.first_gap();
  auto const next = reached.intervals().upper_bound(begin);
  RecordNumber const end = next == reached.intervals().end() ? records_read_ : next->first;
  LANDFALL_ASSERT(begin <= end);
  return Interval{begin, end};
}

void RecordLedger::check_was_read(Interval records) const {
  LANDFALL_ASSERT(records.begin <= records.end);
  if (records.size() == 0 || records.end <= records_read_) return;
  throw system_error("records {} to {} were reported, but only {} records were read", records.begin, records.end - 1,
                     records_read_);
}

void RecordLedger::promote(Interval records, BatchState state) {
  for (std::size_t reached = 0; reached <= index_of(state); ++reached) reached_[reached].add(records);
  if (state >= BatchState::persisted) safe_.add(records);

  LANDFALL_ASSERT(reached_[index_of(state)].contains_all(records));
  LANDFALL_ASSERT(records.size() == 0 || records.end <= records_read_);
  LANDFALL_ASSERT(reached_[index_of(BatchState::processed)].count() <= records_read_);
  LANDFALL_ASSERT(std::is_sorted(reached_.rbegin(), reached_.rend(),
                                 [](IntervalSet const& a, IntervalSet const& b) { return a.count() < b.count(); }));
  LANDFALL_ASSERT(rejected_.count() <= reached_[index_of(BatchState::complete)].count());
}

}  // namespace landfall
