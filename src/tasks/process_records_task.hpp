#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

#include "pipeline/rejector.hpp"

namespace landfall {

/// Gives one batch of records to its stream's loader and reports the answer; in parts where the loader refuses records.
/// Tells the launcher how each call went, for its load governor.
/// Source: base design 1.2 (G1), 216.
class ProcessRecordsTask final : public Task, private AttemptWatch {
 public:
  /// `may_be_applied`: an earlier process may have loaded them, so the loader is asked first.
  ProcessRecordsTask(TaskLauncher& launcher, PhaseRunner& phases, Rejector& rejector,
                     std::shared_ptr<StreamLoader> loader, RecordBatch records, bool may_be_applied)
      : launcher_(launcher),
        phases_(phases),
        rejector_(rejector),
        loader_(std::move(loader)),
        stream_(records.stream().descriptor),
        id_(records.id()),
        records_(std::move(records)),
        may_be_applied_(may_be_applied) {}
  std::string name() const override;
  FailureLevel failure_level() const override { return FailureLevel::stream; }
  std::optional<StreamDescriptor> stream() const override { return stream_; }
  awaitable<void> execute() override;

 private:
  awaitable<void> attempt_ended(TimePoint started_at, TimePoint ended_at, std::optional<Error> failure,
                                bool timed_out) override;
  awaitable<void> wait_begins(Duration delay) override;
  awaitable<void> wait_ended() override;
  awaitable<bool> was_applied();
  awaitable<bool> may_offer_more();
  awaitable<std::vector<RecordBatch>> readable();
  awaitable<std::vector<RecordBatch>> offer(RecordBatch records);

  TaskLauncher& launcher_;
  PhaseRunner& phases_;
  Rejector& rejector_;
  std::shared_ptr<StreamLoader> loader_;
  StreamDescriptor stream_;
  BatchId id_;  // of the whole batch
  RecordBatch records_;
  bool may_be_applied_;
  std::uint64_t offered_bytes_ = 0;           // in the call that runs
  std::uint64_t refused_bytes_ = UINT64_MAX;  // of the smallest batch that was refused without saying which records
  bool has_bad_records_ = false;
};

/// `first_id`: of the first batch of this sync; those before it come from an earlier process.
class LoaderProcessRecordsTaskFactory final : public ProcessRecordsTaskFactory {
 public:
  LoaderProcessRecordsTaskFactory(PhaseRunner& phases, Rejector& rejector, BatchId first_id = BatchId())
      : phases_(phases), rejector_(rejector), first_id_(first_id) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher, RecordBatch records) override;

 private:
  PhaseRunner& phases_;
  Rejector& rejector_;
  BatchId first_id_;
};

}  // namespace landfall
