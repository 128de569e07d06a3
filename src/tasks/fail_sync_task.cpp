#include "tasks/fail_sync_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

awaitable<void> FailSyncTask::execute() {
  co_await destination_.teardown(std::move(outcome_));
  co_await launcher_.handle_teardown_complete(false);
}

std::unique_ptr<Task> DestinationFailSyncTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<FailSyncTask>(launcher, destination_, launcher.sync().outcome());
}

}  // namespace landfall
