#include "tasks/teardown_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

awaitable<void> TeardownTask::execute() {
  co_await destination_.teardown(std::move(outcome_));
  co_await launcher_.handle_teardown_complete(true);
}

std::unique_ptr<Task> DestinationTeardownTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<TeardownTask>(launcher, destination_, launcher.sync().outcome());
}

}  // namespace landfall
