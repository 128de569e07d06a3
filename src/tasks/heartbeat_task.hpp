#pragma once

#include <memory>
#include <string>

#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/pipeline/batch_limits.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/state/checkpoint_manager.hpp>

#include "pipeline/stream_queue.hpp"

namespace landfall {

/// Time for those who otherwise only hear of records: has open batches looked at for their age, closes them when a
/// STATE has waited too long for their records, and has STATEs looked at once more. Source: base design 1.10,
/// behaviours 201, 208; W14: an idle input flushes too, by the clock and not by records.
class HeartbeatTask final : public Task {
 public:
  HeartbeatTask(TaskLauncher& launcher, Clock& clock, Duration interval, Duration checkpoint_wait, StreamQueues& queues,
                MemoryBudget const& budget, CheckpointManager& checkpoints, CheckpointQueue& checkpoint_queue)
      : launcher_(launcher),
        clock_(clock),
        interval_(interval),
        checkpoint_wait_(checkpoint_wait),
        queues_(queues),
        budget_(budget),
        checkpoints_(checkpoints),
        checkpoint_queue_(checkpoint_queue) {}
  std::string name() const override { return "heartbeat"; }
  TerminalCondition terminal_condition() const override { return TerminalCondition::on_end_of_sync; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  Clock& clock_;
  Duration interval_;
  Duration checkpoint_wait_;
  StreamQueues& queues_;
  MemoryBudget const& budget_;
  CheckpointManager& checkpoints_;  // on the control strand only
  CheckpointQueue& checkpoint_queue_;
};

class ClockHeartbeatTaskFactory final : public HeartbeatTaskFactory {
 public:
  ClockHeartbeatTaskFactory(Clock& clock, Duration interval, Duration checkpoint_wait, StreamQueues& queues,
                            MemoryBudget const& budget, CheckpointManager& checkpoints,
                            CheckpointQueue& checkpoint_queue)
      : clock_(clock),
        interval_(interval),
        checkpoint_wait_(checkpoint_wait),
        queues_(queues),
        budget_(budget),
        checkpoints_(checkpoints),
        checkpoint_queue_(checkpoint_queue) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Clock& clock_;
  Duration interval_;
  Duration checkpoint_wait_;
  StreamQueues& queues_;
  MemoryBudget const& budget_;
  CheckpointManager& checkpoints_;
  CheckpointQueue& checkpoint_queue_;
};

}  // namespace landfall
