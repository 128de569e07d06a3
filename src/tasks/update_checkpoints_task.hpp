#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/protocol/message_sink.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/task_scope.hpp>
#include <landfall/spill/spill_store.hpp>
#include <landfall/state/checkpoint_manager.hpp>

namespace landfall {

/// Takes STATEs from the checkpoint queue and prints those that are safe: the only task that prints STATEs.
///
/// Woken by a new STATE and by records that became safe; ends when the queue does, which is when every stream has
/// ended. Errors: STATEs that cannot be answered when everything has ended (Error(system) which names them); what the
/// sink
///         throws. A STATE that is wrong in itself stops the reading; those before it are answered.
/// Source: base design 1.10, behaviours 87-108.
class UpdateCheckpointsTask final : public Task {
 public:
  /// `acknowledged_in`: told before a STATE is printed how far that reaches; null without resume. `deadline`: for one
  /// write; a reader that takes nothing for so long is gone. `patience`: see TaskScope::run_within.
  UpdateCheckpointsTask(TaskLauncher& launcher, CheckpointQueue& queue, CheckpointManager& checkpoints,
                        MessageSink& sink, SpillStore* acknowledged_in, TaskScope& scope, Duration deadline,
                        Duration patience)
      : launcher_(launcher),
        queue_(queue),
        checkpoints_(checkpoints),
        sink_(sink),
        acknowledged_in_(acknowledged_in),
        scope_(scope),
        deadline_(deadline),
        patience_(patience) {}
  std::string name() const override { return "answer STATEs"; }
  awaitable<void> execute() override;

 private:
  awaitable<void> add(std::vector<Checkpoint> received);
  awaitable<void> print_ready();
  awaitable<void> acknowledge();

  TaskLauncher& launcher_;
  CheckpointQueue& queue_;
  CheckpointManager& checkpoints_;  // on the control strand only
  MessageSink& sink_;
  SpillStore* acknowledged_in_;
  TaskScope& scope_;
  Duration deadline_;
  Duration patience_;
  bool refused_ = false;  // a STATE was wrong: those behind it are not answered
};

class CheckpointPrinterTaskFactory final : public UpdateCheckpointsTaskFactory {
 public:
  CheckpointPrinterTaskFactory(CheckpointQueue& queue, CheckpointManager& checkpoints, MessageSink& sink,
                               SpillStore* acknowledged_in, TaskScope& scope, Duration deadline, Duration patience)
      : queue_(queue),
        checkpoints_(checkpoints),
        sink_(sink),
        acknowledged_in_(acknowledged_in),
        scope_(scope),
        deadline_(deadline),
        patience_(patience) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  CheckpointQueue& queue_;
  CheckpointManager& checkpoints_;
  MessageSink& sink_;
  SpillStore* acknowledged_in_;
  TaskScope& scope_;
  Duration deadline_;
  Duration patience_;
};

}  // namespace landfall
