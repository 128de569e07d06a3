#pragma once

#include <memory>
#include <string>

#include <landfall/destination/destination.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// The good end of the sync: Destination::teardown() when every stream is complete and every STATE was printed.
/// Source: base design 1.11, behaviours 189, 190 (no polling here: the launcher starts it when all that has happened).
class TeardownTask final : public Task {
 public:
  TeardownTask(TaskLauncher& launcher, Destination& destination, SyncOutcome outcome)
      : launcher_(launcher), destination_(destination), outcome_(std::move(outcome)) {}
  std::string name() const override { return "teardown"; }
  FailureLevel failure_level() const override { return FailureLevel::verdict; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  Destination& destination_;
  SyncOutcome outcome_;
};

class DestinationTeardownTaskFactory final : public TeardownTaskFactory {
 public:
  explicit DestinationTeardownTaskFactory(Destination& destination) : destination_(destination) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Destination& destination_;
};

}  // namespace landfall
