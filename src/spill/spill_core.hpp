#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/wait_list.hpp>
#include <landfall/spill/spill_store.hpp>

#include "spill/acknowledged_mark.hpp"
#include "spill/random_numbers.hpp"
#include "spill/segment_log.hpp"
#include "spill/spill_folder.hpp"
#include "spill/spill_format.hpp"
#include "spill/spill_recovery.hpp"

namespace landfall {

/// What a SpillStore is made of.
///
/// Who writes: whoever sets worker_busy_. A writer that finds it unset leads: it takes all that is queued, writes and
///             syncs it on the blocking pool, tidies up, and wakes the others; one of those takes what has queued by
///             then. A release that leaves something to remove does the same without a coroutine. So there is one at a
///             time, and no task of our own.
/// Locks:      mutex_ guards all but what only the worker touches; it is never held over I/O.
class SpillStore::Core : public std::enable_shared_from_this<SpillStore::Core> {
 public:
  Core(SpillSettings settings, std::shared_ptr<SpillStorage> storage, Clock& clock, DestinationCatalog catalog);

  awaitable<void> open();
  awaitable<SpilledBatch> write(RecordBatch batch, WhenFull when_full);
  awaitable<RecordBatch> read(SpilledBatch batch, Reservation memory);
  void release(SpilledBatch const& batch);
  awaitable<void> acknowledge(std::vector<SpillAcknowledgement> acknowledgements);
  awaitable<void> close();

  SpillRecovery const& recovered() const noexcept { return recovered_; }
  std::uint64_t acknowledged_records() const;
  std::uint64_t disk_bytes() const;

 private:
  enum class Step { waiting, queued, taken, written, disk_full, failed };

  /// One frame on its way to disk. Shared by its writer, who may be cancelled, and by who leads.
  struct Entry {
    Entry() = default;
    Frame frame;
    RecordBatch records;          // what the frame's slices point into
    SpilledBatch batch;           // of a batch: its place is set when it is written
    NumberPairs acknowledged;     // of an acknowledgement
    std::uint64_t room_seen = 0;  // room_made_ when it was queued
    Step step = Step::waiting;
    bool wants_room = false;
    bool abandoned = false;  // its writer was cancelled
    std::exception_ptr failure;
    bool is_batch() const noexcept { return frame.header.kind == FrameKind::batch; }
    std::uint64_t quota_bytes() const noexcept { return is_batch() ? frame.bytes() : 0; }
    bool has_ended() const noexcept { return step == Step::written || step == Step::disk_full || step == Step::failed; }
  };
  using EntryPtr = std::shared_ptr<Entry>;
  using Group = std::vector<EntryPtr>;

  /// A file, and what keeps it.
  struct Segment {
    Segment() = default;
    SegmentHeader header;
    std::uint64_t bytes = 0;
    std::uint64_t batch_count = 0;
    std::uint64_t live_count = 0;      // batches that were not released
    std::uint64_t unmarked_count = 0;  // with resume: released, but the disk does not say so yet
    bool removal_failed = false;
  };

  // Starting: on the blocking pool.
  void blocking_open();
  void blocking_resume();
  void blocking_check_nothing_to_resume();
  void adopt(FoundSpill found);

  // Waiting.
  awaitable<void> commit(EntryPtr entry, TimePoint deadline);
  TimePoint full_deadline_from_now() const;
  awaitable<void> commit_in_time(EntryPtr entry, TimePoint deadline);
  awaitable<void> enqueue(EntryPtr entry, TimePoint deadline);
  awaitable<bool> make_room(EntryPtr entry);
  awaitable<void> await_room(EntryPtr entry, TimePoint until);
  awaitable<void> await_outcome(EntryPtr entry);
  awaitable<void> lead();
  void give_back(Group const& group);
  void abandon(EntryPtr const& entry);
  bool take_role_for_work_on_lock();
  void submit_work();

  // Deciding.
  Group take_group_on_lock();
  bool has_room_on_lock(Entry const& entry) const;
  bool room_came_on_lock(Entry const& entry) const;
  bool release_can_come_on_lock() const;
  bool has_work_on_lock() const;
  bool is_removable_on_lock(std::uint64_t number, Segment const& segment) const;
  bool needs_marks_on_lock() const;
  bool can_empty_segment_in_use_on_lock() const;
  std::uint64_t acknowledged_records_on_lock() const;
  Snapshot snapshot_on_lock() const;
  AcknowledgedMark mark_on_lock(std::vector<RecordNumber> const& positions) const;
  Error full_error(Entry const& entry, std::string_view why) const;

  // The worker: on the blocking pool, one at a time.
  void work(Group const& group) noexcept;
  void write_group(Group const& group) noexcept;
  std::exception_ptr try_append(Group const& group) noexcept;
  void blocking_append(Group const& group);
  void blocking_acknowledge(Group const& group);
  void blocking_mark(AcknowledgedMark mark);
  void blocking_begin_log();
  void blocking_turn_over();
  void blocking_mark_segment();
  void blocking_tidy();
  void blocking_remove_segments();
  void blocking_close();

  // Keeping the books.
  void record_written_on_lock(Entry& entry);
  void want_room_on_lock(Entry& entry, bool wanted);
  void settle(Group const& group, Step step, std::exception_ptr const& failure);
  void release_on_lock(SpilledBatch const& batch);
  void forget_released_on_lock(std::size_t count);
  void unreserve_on_lock(Entry const& entry);
  void set_segment_bytes_on_lock(Segment& segment, std::uint64_t bytes);
  void look_at_segment_in_use_on_lock();

  SpillSettings const settings_;
  std::shared_ptr<SpillStorage> const storage_;
  Clock& clock_;
  DestinationCatalog const catalog_;
  std::uint64_t const segment_bytes_;
  std::uint64_t const catalog_fingerprint_;
  BlockingPool* pool_ = nullptr;  // since open()
  SpillRecovery recovered_;       // since open()

  // The worker's own.
  RandomNumbers random_;
  std::optional<SpillFolder> folder_;
  std::optional<SegmentLog> log_;
  std::optional<AcknowledgedFile> acknowledged_;  // with resume

  mutable std::mutex mutex_;
  WaitList waiters_;
  bool worker_busy_ = false;
  bool tidying_failed_ = false;  // not tried again before something else was written
  std::deque<EntryPtr> queue_;
  std::uint64_t reserved_bytes_ = 0;  // of entries that are queued or taken
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t room_made_ = 0;  // files removed
  std::size_t room_wanted_count_ = 0;
  std::map<SpillPlace, SpilledBatch> live_;  // written and not released
  std::map<std::uint64_t, Segment> segments_;
  std::uint64_t segment_in_use_ = 0;  // frames are appended to it; 0: none
  std::vector<SpillPlace> released_;  // with resume: the disk does not say so yet
  std::vector<RecordNumber> positions_;
  std::uint64_t next_batch_id_ = 1;
  std::exception_ptr first_failure_;  // that nobody was told about
};

}  // namespace landfall
