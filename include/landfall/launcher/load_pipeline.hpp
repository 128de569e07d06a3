#pragma once

#include <memory>
#include <vector>

#include <landfall/destination/load_step.hpp>
#include <landfall/launcher/task.hpp>

namespace landfall {

class TaskLauncher;

/// Another way to load than process-records and process-batch tasks: batches run through steps with workers of their
/// own. Source: base design 1.8.
class LoadPipeline {
 public:
  virtual ~LoadPipeline() = default;

  /// One endless task for each worker of each step. Called once, on the control strand.
  virtual std::vector<std::unique_ptr<Task>> make_tasks(TaskLauncher& launcher) = 0;

  /// Takes a batch whose stream is open. Never waits: what is on its way is bounded by the memory budget.
  /// Called on the control strand. Its results come through TaskLauncher::handle_new_batch with BatchRoute::pipeline,
  /// its failures through TaskLauncher::handle_batch_failure.
  virtual void submit(StepInput input) = 0;
};

}  // namespace landfall
