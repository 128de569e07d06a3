#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/pipeline/batch_limits.hpp>
#include <landfall/runtime/clock.hpp>

#include "pipeline/batch_spiller.hpp"
#include "pipeline/stream_queue.hpp"

namespace landfall {

/// How much of a run still goes into a batch.
struct RunPart {
  RunPart() = default;
  std::uint32_t records = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(RunPart const&, RunPart const&) = default;
};

/// The longest beginning of `run` that a batch of `batch_records` and `batch_bytes` has room for; at least one record
/// when the batch is empty.
RunPart part_that_fits(BatchLimits const& limits, std::uint64_t batch_records, std::uint64_t batch_bytes,
                       RecordRun const& run);

/// Cuts the first `part` off `run`.
RecordRun split_off(RecordRun& run, RunPart const& part);

/// Accumulates one batch of one stream, puts it on disk where the policy wants that, and hands it to the launcher,
/// which starts the next such task.
///
/// Batch:  closed when the next record would exceed the bytes or the number of records, by age when somebody wakes the
///         queue, when a flush was requested, and at the end of the stream. Empty only at the end of the stream.
/// Source: base design 1.2 (G1 spill-to-disk), 1.8 (flush strategy), behaviours 200, 206, 207.
class SpillToDiskTask final : public Task {
 public:
  SpillToDiskTask(TaskLauncher& launcher, StreamQueue& queue, BatchSpiller& spiller, BatchLimits limits, Clock& clock,
                  BatchId id)
      : launcher_(launcher),
        queue_(queue),
        spiller_(spiller),
        limits_(limits),
        clock_(clock),
        records_(queue.stream, id) {}
  std::string name() const override;
  FailureLevel failure_level() const override { return FailureLevel::stream; }
  std::optional<StreamDescriptor> stream() const override { return queue_.stream->descriptor; }
  awaitable<void> execute() override;

 private:
  awaitable<void> accumulate();
  awaitable<void> hand_over();
  void add(std::vector<StreamElement> elements);
  bool add_run(ReadRun& run);
  bool is_due() const;

  TaskLauncher& launcher_;
  StreamQueue& queue_;
  BatchSpiller& spiller_;
  BatchLimits limits_;
  Clock& clock_;
  RecordBatch records_;
  std::optional<TimePoint> first_read_at_;
  std::optional<EndOfStream> end_;
  bool full_ = false;
};

/// `batch_bytes` (may be null, outlives the factory): how large the next batch may be, instead of `limits.bytes`.
/// `first_id`: of the first batch.
class QueueSpillToDiskTaskFactory final : public SpillToDiskTaskFactory {
 public:
  QueueSpillToDiskTaskFactory(StreamQueues& queues, BatchSpiller& spiller, Clock& clock, BatchLimits limits,
                              std::atomic<std::uint64_t> const* batch_bytes = nullptr, std::uint64_t first_id = 1)
      : queues_(queues),
        spiller_(spiller),
        clock_(clock),
        limits_(limits),
        batch_bytes_(batch_bytes),
        next_id_(first_id) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher, StreamDescriptor const& stream) override;

 private:
  StreamQueues& queues_;
  BatchSpiller& spiller_;
  Clock& clock_;
  BatchLimits limits_;
  std::atomic<std::uint64_t> const* batch_bytes_;
  std::atomic<std::uint64_t> next_id_;  // one sequence for the sync
};

}  // namespace landfall
