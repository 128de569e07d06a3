#include "tasks/update_batch_state_task.hpp"

#include <optional>
#include <utility>

namespace landfall {

awaitable<void> UpdateBatchStateTask::execute() {
  for (;;) {
    std::optional<BatchEnvelope> envelope = co_await updates_.pop();
    if (!envelope) co_return;
    co_await launcher_.handle_new_batch(std::move(*envelope));
  }
}

std::unique_ptr<Task> QueueUpdateBatchStateTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<UpdateBatchStateTask>(launcher, updates_);
}

}  // namespace landfall
