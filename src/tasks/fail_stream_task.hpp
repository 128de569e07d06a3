#pragma once

#include <memory>
#include <optional>
#include <string>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// Ends a failed stream: close(failed) if the loader is open and nobody else closes it. What close() throws is attached
/// to the failure. Source: base design 1.11, behaviours 184-187.
class FailStreamTask final : public Task {
 public:
  FailStreamTask(TaskLauncher& launcher, PhaseRunner& phases, std::shared_ptr<StreamLoader> loader_to_close,
                 StreamDescriptor stream, StreamOutcome outcome)
      : launcher_(launcher),
        phases_(phases),
        loader_(std::move(loader_to_close)),
        stream_(std::move(stream)),
        outcome_(std::move(outcome)) {}
  std::string name() const override { return "fail stream " + to_string(stream_); }
  FailureLevel failure_level() const override { return FailureLevel::sync; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  PhaseRunner& phases_;
  std::shared_ptr<StreamLoader> loader_;  // null: nothing to close
  StreamDescriptor stream_;
  StreamOutcome outcome_;
};

class LoaderFailStreamTaskFactory final : public FailStreamTaskFactory {
 public:
  explicit LoaderFailStreamTaskFactory(PhaseRunner& phases) : phases_(phases) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher, StreamDescriptor const& stream, Error error,
                             bool run_loader_close) override;

 private:
  PhaseRunner& phases_;
};

}  // namespace landfall
