#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/spill/spill_settings.hpp>
#include <landfall/spill/spill_storage.hpp>
#include <landfall/spill/spilled_batch.hpp>

namespace landfall {

/// All records of a stream before `position` are persisted, and the STATE that says so is about to be printed.
struct SpillAcknowledgement {
  SpillAcknowledgement() = default;
  SpillAcknowledgement(std::size_t index, RecordNumber end) : stream_index(index), position(end) {}
  std::size_t stream_index = 0;  ///< in the catalog
  RecordNumber position = 0;
};

/// What a write does where the disk, or the quota, has no room.
enum class WhenFull { wait, refuse };

/// What an earlier process left behind, to be loaded before any input is read.
struct SpillRecovery {
  SpillRecovery() = default;

  /// For each stream of the catalog: the records before it were acknowledged. The next one read has this number.
  std::vector<RecordNumber> positions;

  /// Acknowledged records that may be missing in the destination, in the order written; each under the id that it had.
  /// A batch whose release got lost in a crash comes again. Records behind the position of their stream are left out:
  /// the source sends them again.
  std::vector<SpilledBatch> batches;

  /// Greater than every id that was ever used in this folder. With resume, the first id of a new folder is the time of
  /// day in microseconds: so a loader that remembers ids over processes never meets one a second time.
  std::uint64_t next_batch_id = 1;

  /// With discard_damaged: what was given up, a sentence each, for the log. Also without resume.
  std::vector<std::string> discarded;
};

/// Batches on disk: written by group commit, read back one by one, removed when they are complete. Which batches are
/// written, and when, is the caller's decision: SpillPolicy is only checked here.
///
/// Files:        in a folder of its own below the directory, held by a lock; made with the first write, with resume at
///               open(). Format and crash safety: src/spill/spill_format.hpp.
/// Threads:      any. Coroutines use the blocking pool of the executor that open() ran on; nothing runs in the
///               background but the removal of files, which close() awaits.
/// Cancellation: of one call never harms another. A write that was cancelled is released by itself. Errors:
///               boost::system::system_error(operation_aborted).
/// Memory:       nothing but a SpilledBatch for each batch; a queued write keeps its records until it is done.
/// Lifetime:     outlives every call. The destructor leaves the files as they are, as a crash would: close() first.
/// Source:       DESIGN, 3 (SpillPolicy), promises 1 and 4.
class SpillStore {
 public:
  /// Does nothing yet. `clock` outlives the store.
  SpillStore(SpillSettings settings, std::shared_ptr<SpillStorage> storage, Clock& clock, DestinationCatalog catalog);
  SpillStore(SpillStore const&) = delete;
  SpillStore& operator=(SpillStore const&) = delete;
  ~SpillStore();

  /// First, once. Removes what dead processes left, and with resume finds what is still to be loaded. Where no
  /// directory was named nothing is done before the first write.
  ///
  /// Errors: Error(config) for settings that contradict each other, a directory that cannot be written, a file that is
  ///         not ours in the folder with resume (it is named, and never touched), acknowledged batches of another
  ///         catalog or generation, and acknowledged batches without `resume`: these are never removed; and
  ///         acknowledged batches that are damaged or gone (without discard_damaged): it names file, batches, records
  ///         and the way out. Error(transient) with resume, when another process holds the folder.
  awaitable<void> open();

  /// The same from open() to the end. Without resume: nothing to load, all positions 0.
  SpillRecovery const& recovered() const noexcept;

  /// Returns when the batch is written (SpillSync::none) or survives a crash (group). Not empty, without a gap in its
  /// numbers. The records are written from where they lie.
  ///
  /// Full:   with WhenFull::wait it waits while the disk, or the quota, has no room: until releases make some, at most
  ///         full_deadline.
  ///         With WhenFull::refuse it removes what can be removed, and fails if that is not enough.
  /// Errors: Error(transient) when none came, or none can come because nothing is left to release; Error(config) for a
  ///         batch larger than max_disk_bytes; Error(transient) when the disk fails. The batch is not written then.
  awaitable<SpilledBatch> write(RecordBatch batch, WhenFull when_full = WhenFull::wait);

  /// The records of a batch, checked, in one block that holds `memory` (of SpilledBatch::memory_bytes()).
  /// Errors: Error(system), with resume Error(config), which names file, offset, stream and records when they are not
  ///         as they were written.
  awaitable<RecordBatch> read(SpilledBatch batch, Reservation memory);

  /// The batch is complete in the destination, or nobody wants it any more: once for each batch of write() and
  /// recovered(). Does not block. A file goes with the last of its batches.
  void release(SpilledBatch const& batch);

  /// With resume: to be awaited before a STATE is printed. Durable when it returns; positions never go back. All
  /// records before the positions are in batches that were written, or complete in the destination. Errors: as write().
  /// The STATE must not be printed then.
  awaitable<void> acknowledge(std::vector<SpillAcknowledgement> acknowledgements);

  /// Last, once, after all other calls have returned. Removes all files, and the folder; with resume only when no
  /// acknowledged batch is left: the next start loads those.
  /// Errors: the first failure to remove a file that nobody was told about.
  awaitable<void> close();

  /// Acknowledged records of batches that were not released: the next start loads them.
  std::uint64_t acknowledged_records() const;

  /// Of all files now.
  std::uint64_t disk_bytes() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace landfall
