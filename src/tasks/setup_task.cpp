#include "tasks/setup_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

awaitable<void> SetupTask::execute() {
  // The catalog does not change during a sync, so it may be read off the strand.
  PhaseRunner::Attempt<void> setup = [this] { return destination_.setup(launcher_.sync().catalog()); };
  co_await phases_.run(Phase::setup, name(), std::move(setup));
  co_await launcher_.handle_setup_complete();
}

std::unique_ptr<Task> DestinationSetupTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<SetupTask>(launcher, destination_, phases_);
}

}  // namespace landfall
