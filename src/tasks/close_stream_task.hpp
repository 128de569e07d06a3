#pragma once

#include <memory>
#include <optional>
#include <string>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// Closes the loader of a stream whose batches are all complete. Source: base design 1.11, behaviours 180-183.
class CloseStreamTask final : public Task {
 public:
  CloseStreamTask(TaskLauncher& launcher, PhaseRunner& phases, std::shared_ptr<StreamLoader> loader,
                  StreamDescriptor stream, StreamOutcome outcome)
      : launcher_(launcher),
        phases_(phases),
        loader_(std::move(loader)),
        stream_(std::move(stream)),
        outcome_(std::move(outcome)) {}
  std::string name() const override { return "close of stream " + to_string(stream_); }
  FailureLevel failure_level() const override { return FailureLevel::stream; }
  std::optional<StreamDescriptor> stream() const override { return stream_; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  PhaseRunner& phases_;
  std::shared_ptr<StreamLoader> loader_;
  StreamDescriptor stream_;
  StreamOutcome outcome_;
};

class LoaderCloseStreamTaskFactory final : public CloseStreamTaskFactory {
 public:
  explicit LoaderCloseStreamTaskFactory(PhaseRunner& phases) : phases_(phases) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher, StreamDescriptor const& stream) override;

 private:
  PhaseRunner& phases_;
};

}  // namespace landfall
