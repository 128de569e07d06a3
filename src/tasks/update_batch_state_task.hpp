#pragma once

#include <memory>
#include <string>

#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/launcher/task_launcher.hpp>

#include "pipeline/batch_update_queue.hpp"

namespace landfall {

/// Tells the launcher what the steps of a load pipeline answered, in the order in which they did. Source: base design
/// 1.10.
class UpdateBatchStateTask final : public Task {
 public:
  UpdateBatchStateTask(TaskLauncher& launcher, BatchUpdateQueue& updates) : launcher_(launcher), updates_(updates) {}
  std::string name() const override { return "update batch states"; }
  TerminalCondition terminal_condition() const override { return TerminalCondition::on_end_of_sync; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  BatchUpdateQueue& updates_;
};

class QueueUpdateBatchStateTaskFactory final : public UpdateBatchStateTaskFactory {
 public:
  explicit QueueUpdateBatchStateTaskFactory(BatchUpdateQueue& updates) : updates_(updates) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  BatchUpdateQueue& updates_;
};

}  // namespace landfall
