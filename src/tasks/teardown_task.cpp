#include "tasks/teardown_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

awaitable<void> TeardownTask::execute() {
  PhaseRunner::Attempt<void> teardown = [this] { return destination_.teardown(outcome_); };
  co_await phases_.run(Phase::teardown, "teardown", std::move(teardown));
  co_await launcher_.handle_teardown_complete(true);
}

std::unique_ptr<Task> DestinationTeardownTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<TeardownTask>(launcher, destination_, phases_, launcher.sync().outcome());
}

}  // namespace landfall
