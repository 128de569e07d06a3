#pragma once

#include <memory>
#include <utility>

#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/spill/spill_store.hpp>

namespace landfall {

/// How long the disk keeps a batch.
enum class SpillKeep {
  until_read,      ///< until its records are in memory again, or nobody wants them any more
  until_complete,  ///< until release() says that it is complete: else the next start loads it
};

/// The records of a batch that wait on disk for their turn.
///
/// Threads:  one at a time.
/// Lifetime: store and budget outlive it.
class SpilledRecords {
 public:
  /// `for_reading`: the memory that records have once they are read back: not the budget that the input is read into,
  /// or batches on disk and batches in memory could wait for each other. `kept`: see RecordBatch::keep().
  SpilledRecords(SpillStore& store, MemoryBudget& for_reading, SpilledBatch batch, SpillKeep keep,
                 std::shared_ptr<void const> kept = nullptr)
      : store_(store), for_reading_(for_reading), batch_(std::move(batch)), keep_(keep), kept_(std::move(kept)) {}
  SpilledRecords(SpilledRecords const&) = delete;
  SpilledRecords& operator=(SpilledRecords const&) = delete;
  ~SpilledRecords();

  SpilledBatch const& batch() const noexcept { return batch_; }
  SpillKeep keep() const noexcept { return keep_; }

  /// Waits for memory, then reads. Once.
  /// Errors: as SpillStore::read(); boost::system::system_error(operation_aborted) when cancelled.
  awaitable<RecordBatch> read();

  /// The disk may forget it. The second time it changes nothing.
  void release() noexcept;

 private:
  SpillStore& store_;
  MemoryBudget& for_reading_;
  SpilledBatch batch_;
  SpillKeep keep_;
  std::shared_ptr<void const> kept_;
  bool released_ = false;
};

}  // namespace landfall
