#pragma once

#include <memory>
#include <string>

#include <landfall/destination/destination.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// The good end of the sync: Destination::teardown() when every stream is complete and every STATE was printed.
/// Source: base design 1.11, behaviours 189, 190 (no polling here: the launcher starts it when all that has happened).
class TeardownTask final : public Task {
 public:
  TeardownTask(TaskLauncher& launcher, Destination& destination, PhaseRunner& phases, SyncOutcome outcome)
      : launcher_(launcher), destination_(destination), phases_(phases), outcome_(std::move(outcome)) {}
  std::string name() const override { return "teardown"; }
  FailureLevel failure_level() const override { return FailureLevel::verdict; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  Destination& destination_;
  PhaseRunner& phases_;
  SyncOutcome outcome_;
};

class DestinationTeardownTaskFactory final : public TeardownTaskFactory {
 public:
  DestinationTeardownTaskFactory(Destination& destination, PhaseRunner& phases)
      : destination_(destination), phases_(phases) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Destination& destination_;
  PhaseRunner& phases_;
};

}  // namespace landfall
