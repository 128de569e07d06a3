#pragma once

#include <functional>
#include <memory>
#include <string>

#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/runtime/clock.hpp>

namespace landfall {

/// Tells what the sync is doing, at once and then every interval: for the log and the progress line.
/// Source: base design 1.10, behaviour 209. (There it prints dummy RECORDs, which only the socket mode reads.)
class StatsEmitterTask final : public Task {
 public:
  /// `emit` runs on the control strand.
  StatsEmitterTask(TaskLauncher& launcher, Clock& clock, Duration interval, std::function<void()> emit)
      : launcher_(launcher), clock_(clock), interval_(interval), emit_(std::move(emit)) {}
  std::string name() const override { return "emit stats"; }
  TerminalCondition terminal_condition() const override { return TerminalCondition::on_end_of_sync; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  Clock& clock_;
  Duration interval_;
  std::function<void()> emit_;
};

class ProgressStatsEmitterTaskFactory final : public StatsEmitterTaskFactory {
 public:
  ProgressStatsEmitterTaskFactory(Clock& clock, Duration interval, std::function<void()> emit)
      : clock_(clock), interval_(interval), emit_(std::move(emit)) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  Clock& clock_;
  Duration interval_;
  std::function<void()> emit_;
};

}  // namespace landfall
