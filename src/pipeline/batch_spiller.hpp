#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <landfall/destination/record_batch.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/spill/spill_settings.hpp>
#include <landfall/spill/spill_store.hpp>
#include <landfall/spill/spilled_records.hpp>

#include "pipeline/stream_queue.hpp"

namespace landfall {

/// Whether a batch that was just closed goes to disk. `batches_before`: closed batches of its stream that are not done;
/// the more there are, the longer this one would lie in memory.
bool goes_to_disk(SpillPolicy policy, std::uint64_t batches_before, std::uint64_t reserved_bytes,
                  std::uint64_t capacity_bytes) noexcept;

/// Of a memory budget, what is kept for batches that are read back from disk. They have memory of their own: input that
/// was read and batches on disk never wait for each other.
std::uint64_t bytes_for_reading_back(SpillPolicy policy, std::uint64_t budget_bytes,
                                     std::uint64_t batch_bytes) noexcept;

/// Puts closed batches on disk, as the policy says.
///
/// Threads:  any.
/// Lifetime: store and budgets outlive it and what it returns.
/// Source:   base design 1.2 (spill-to-disk); DESIGN 3, SpillPolicy.
class BatchSpiller {
 public:
  /// `store`: null only where the policy is `never`. `budget`: of the input. `resume`: a restart loads what it finds on
  /// disk, so batches are kept there until they are complete; of a stream that starts anew a restart has no use for
  /// any. `on_failure` is told once what the disk refused where batches can stay in memory (over_budget); on any
  /// thread; may be null.
  BatchSpiller(SpillPolicy policy, SpillStore* store, MemoryBudget const& budget, MemoryBudget& for_reading,
               bool resume, std::function<void(Error const&)> on_failure);

  /// Whether the batch of this queue that was just closed goes to disk. With `over_budget` only where its stream stands
  /// still: a stream that moves slows the reader instead, so its batch waits for those before it, unless it is
  /// the next to be loaded, beside them. For the spill task.
  awaitable<bool> is_wanted(StreamQueue& queue, TaskLauncher& launcher, Clock& clock) const;

  /// Writes that batch. Null: it stays in memory. Otherwise `records` is empty.
  /// Errors: with `always`, as SpillStore::write().
  awaitable<std::unique_ptr<SpilledRecords>> spill(StreamQueue& queue, RecordBatch& records);

  std::uint64_t spilled_batches() const noexcept { return spilled_batches_.load(); }
  /// Of their records.
  std::uint64_t spilled_bytes() const noexcept { return spilled_bytes_.load(); }

  /// A stream stands still when none of its batches was done for so long.
  static constexpr Duration patience = std::chrono::milliseconds(500);

 private:
  bool has_no_place_in_memory(StreamQueue const& queue) const;
  bool is_nearly_full() const;

  SpillPolicy policy_;
  SpillStore* store_;
  MemoryBudget const& budget_;
  MemoryBudget& for_reading_;
  bool resume_;
  std::function<void(Error const&)> on_failure_;
  std::atomic<bool> told_ = false;
  std::atomic<std::uint64_t> spilled_batches_ = 0;
  std::atomic<std::uint64_t> spilled_bytes_ = 0;
};

}  // namespace landfall
