#pragma once

#include <memory>
#include <utility>

#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/spill/spill_store.hpp>

namespace landfall {

/// The records of a batch that wait on disk for their turn; given back to the disk once they are in memory again, or
/// with this object.
///
/// Threads:  one at a time.
/// Lifetime: store and budget outlive it.
class SpilledRecords {
 public:
  /// `for_reading`: the memory that records have once they are read back: not the budget that the input is read into,
  /// or batches on disk and batches in memory could wait for each other. `kept`: see RecordBatch::keep().
  SpilledRecords(SpillStore& store, MemoryBudget& for_reading, SpilledBatch batch, std::shared_ptr<void const> kept)
      : store_(store), for_reading_(for_reading), batch_(std::move(batch)), kept_(std::move(kept)) {}
  SpilledRecords(SpilledRecords const&) = delete;
  SpilledRecords& operator=(SpilledRecords const&) = delete;
  ~SpilledRecords();

  SpilledBatch const& batch() const noexcept { return batch_; }

  /// Waits for memory, then reads. Once.
  /// Errors: as SpillStore::read(); boost::system::system_error(operation_aborted) when cancelled.
  awaitable<RecordBatch> read();

 private:
  void release() noexcept;

  SpillStore& store_;
  MemoryBudget& for_reading_;
  SpilledBatch batch_;
  std::shared_ptr<void const> kept_;
  bool released_ = false;
};

}  // namespace landfall
