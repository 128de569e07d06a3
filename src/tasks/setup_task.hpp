#pragma once

#include <memory>
#include <string>

#include <landfall/destination/destination.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// Destination::setup(), once (again only where its RetryPolicy allows it), before any stream is opened. Source: base
/// design 1.11, behaviour 179.
class SetupTask final : public Task {
 public:
  SetupTask(TaskLauncher& launcher, Destination& destination, PhaseRunner& phases)
      : launcher_(launcher), destination_(destination), phases_(phases) {}
  std::string name() const override { return "setup"; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  Destination& destination_;
  PhaseRunner& phases_;
};

class DestinationSetupTaskFactory final : public SetupTaskFactory {
 public:
  DestinationSetupTaskFactory(Destination& destination, PhaseRunner& phases)
      : destination_(destination), phases_(phases) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Destination& destination_;
  PhaseRunner& phases_;
};

}  // namespace landfall
