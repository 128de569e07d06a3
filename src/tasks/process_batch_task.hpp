#pragma once

#include <memory>
#include <optional>
#include <string>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// Takes a batch that is not complete one step further. It needs no slot of the load governor; that it is throttled or
/// gets no answer counts there all the same: it is the same store. Source: base design 1.2 (G1), behaviours 26, 217.
class ProcessBatchTask final : public Task, private AttemptWatch {
 public:
  ProcessBatchTask(TaskLauncher& launcher, PhaseRunner& phases, std::shared_ptr<StreamLoader> loader,
                   BatchEnvelope envelope)
      : launcher_(launcher), phases_(phases), loader_(std::move(loader)), envelope_(std::move(envelope)) {}
  std::string name() const override;
  FailureLevel failure_level() const override { return FailureLevel::stream; }
  std::optional<StreamDescriptor> stream() const override { return envelope_.stream; }
  awaitable<void> execute() override;

 private:
  awaitable<void> attempt_ended(TimePoint started_at, TimePoint ended_at, std::optional<Error> failure,
                                bool timed_out) override;
  awaitable<void> wait_begins(Duration delay) override;
  awaitable<void> wait_ended() override;

  TaskLauncher& launcher_;
  PhaseRunner& phases_;
  std::shared_ptr<StreamLoader> loader_;
  BatchEnvelope envelope_;
};

class LoaderProcessBatchTaskFactory final : public ProcessBatchTaskFactory {
 public:
  explicit LoaderProcessBatchTaskFactory(PhaseRunner& phases) : phases_(phases) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher, BatchEnvelope envelope) override;

 private:
  PhaseRunner& phases_;
};

}  // namespace landfall
