#pragma once

#include <memory>
#include <string>

#include <landfall/destination/destination.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// Destination::setup(), once, before any stream is opened. Source: base design 1.11, behaviour 179.
class SetupTask final : public Task {
 public:
  SetupTask(TaskLauncher& launcher, Destination& destination) : launcher_(launcher), destination_(destination) {}
  std::string name() const override { return "setup"; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  Destination& destination_;
};

class DestinationSetupTaskFactory final : public SetupTaskFactory {
 public:
  explicit DestinationSetupTaskFactory(Destination& destination) : destination_(destination) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Destination& destination_;
};

}  // namespace landfall
