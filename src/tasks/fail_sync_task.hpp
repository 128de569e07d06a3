#pragma once

#include <memory>
#include <string>

#include <landfall/destination/destination.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// The bad end of the sync: Destination::teardown() with the errors; what was safe has been acknowledged by now.
/// Source: base design 1.11, behaviour 188; W5, W28: whatever it throws, the sync ends, and teardown is not called
/// again.
class FailSyncTask final : public Task {
 public:
  FailSyncTask(TaskLauncher& launcher, Destination& destination, PhaseRunner& phases, SyncOutcome outcome)
      : launcher_(launcher), destination_(destination), phases_(phases), outcome_(std::move(outcome)) {}
  std::string name() const override { return "fail sync"; }
  FailureLevel failure_level() const override { return FailureLevel::verdict; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  Destination& destination_;
  PhaseRunner& phases_;
  SyncOutcome outcome_;
};

class DestinationFailSyncTaskFactory final : public FailSyncTaskFactory {
 public:
  DestinationFailSyncTaskFactory(Destination& destination, PhaseRunner& phases)
      : destination_(destination), phases_(phases) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Destination& destination_;
  PhaseRunner& phases_;
};

}  // namespace landfall
