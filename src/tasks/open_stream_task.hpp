#pragma once

#include <memory>
#include <string>

#include <landfall/destination/destination.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

/// A worker that opens streams until the open-stream queue ends: Destination::open(), then StreamLoader::start(); both
/// again, with a new loader, where their RetryPolicy allows it.
///
/// Errors: one stream that cannot be opened fails alone; the worker goes on with the next.
/// Source: base design 1.7, behaviours 176-178 (W3: there the first failure ends all).
class OpenStreamTask final : public Task {
 public:
  OpenStreamTask(TaskLauncher& launcher, Destination& destination, OpenStreamQueue& queue, PhaseRunner& phases)
      : launcher_(launcher), destination_(destination), queue_(queue), phases_(phases) {}
  std::string name() const override { return "open streams"; }
  awaitable<void> execute() override;

 private:
  awaitable<void> open(std::shared_ptr<DestinationStream const> stream);

  TaskLauncher& launcher_;
  Destination& destination_;
  OpenStreamQueue& queue_;
  PhaseRunner& phases_;
};

class DestinationOpenStreamTaskFactory final : public OpenStreamTaskFactory {
 public:
  DestinationOpenStreamTaskFactory(Destination& destination, OpenStreamQueue& queue, PhaseRunner& phases)
      : destination_(destination), queue_(queue), phases_(phases) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Destination& destination_;
  OpenStreamQueue& queue_;
  PhaseRunner& phases_;
};

}  // namespace landfall
