#include "tasks/stats_emitter_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

awaitable<void> StatsEmitterTask::execute() {
  for (;;) {
    co_await launcher_.on_strand([this] { emit_(); });
    co_await clock_.sleep_for(interval_);
  }
}

std::unique_ptr<Task> ProgressStatsEmitterTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<StatsEmitterTask>(launcher, clock_, interval_, emit_);
}

}  // namespace landfall
