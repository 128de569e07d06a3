#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <landfall/destination/batch.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/interval_set.hpp>

namespace landfall {

/// What became of every record of one stream: one interval set of record numbers for each batch state.
///
/// Meaning:   the order of reports does not matter and reporting twice changes nothing. A state includes the earlier
///            ones: complete implies persisted. Rejected records count as persisted and complete.
/// Resume:    records that are kept on disk, for a restart to load, count as persisted too: a STATE may stand behind
///            them. They are not loaded yet, so count() leaves them out.
/// Threads:   none of its own; lives on the control strand. No I/O.
/// Invariant: no number at or beyond records_read() is in any set.
/// Source:    base design 2.3 (G1 ranges), behaviours 67-75, 81, 83; DESIGN, promise 2.
class RecordLedger {
 public:
  /// Syncs before this one have read the records 0 <= number < end: all of them are complete, but for `pending`, which
  /// are kept on disk. Once, before anything else.
  void resume(RecordNumber end, std::vector<Interval> const& pending);

  /// These are kept on disk until they are complete.
  /// Errors: as report().
  void keep(Interval records);

  /// Records 0 <= number < end were read. Never goes back: a smaller end changes nothing.
  void add_read(RecordNumber end);

  /// Errors: Error(system) which names the range when it holds a number that was never read; nothing is changed then.
  void report(Interval records, BatchState state, std::optional<std::string> const& group = std::nullopt);

  /// These cannot be loaded and are accounted for elsewhere (the reject file).
  /// Errors: as report().
  void reject(Interval records);

  std::uint64_t records_read() const noexcept { return records_read_; }
  /// Without those that were complete before this sync.
  std::uint64_t records_of_this_sync() const noexcept { return records_read_ - complete_before_; }
  std::uint64_t rejected_count() const noexcept { return rejected_.count(); }
  /// Of the records before `end`.
  std::uint64_t rejected_count_before(RecordNumber end) const;

  /// How many records have reached `state` or a later one, in this sync.
  std::uint64_t count(BatchState state) const;

  /// The destination has persisted the record.
  bool is_loaded(RecordNumber number) const;

  /// Every record before `end` is persisted (or rejected, or kept on disk).
  bool persisted_until(RecordNumber end) const;

  /// All of these are complete (or rejected).
  bool is_complete(Interval records) const;

  /// Every record read so far is complete (or rejected); true when none was read.
  bool all_complete() const;

  /// The first range of read records that is not yet complete: for error messages. Empty when all_complete().
  Interval first_incomplete() const;

  /// The same for what is not yet persisted (or rejected, or kept on disk). Empty when persisted_until(records_read()).
  Interval first_not_persisted() const;

 private:
  struct Group {
    IntervalSet records;
    BatchState state = BatchState::processed;
  };
  void check_was_read(Interval records) const;
  Interval first_missing(IntervalSet const& reached) const;
  void promote(Interval records, BatchState state);

  std::uint64_t records_read_ = 0;
  std::array<IntervalSet, 5> reached_;  // by BatchState; a report of a state adds to all earlier ones too
  IntervalSet safe_;                    // persisted, rejected, or kept on disk
  IntervalSet rejected_;
  std::uint64_t complete_before_ = 0;  // in earlier syncs
  std::map<std::string, Group> groups_;
};

}  // namespace landfall
