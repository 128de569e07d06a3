#include "tasks/heartbeat_task.hpp"

#include <optional>

namespace landfall {

awaitable<void> HeartbeatTask::execute() {
  for (;;) {
    co_await clock_.sleep_for(interval_);
    std::optional<TimePoint> const oldest =
        co_await launcher_.on_strand([this] { return checkpoints_.oldest_read_at(); });
    bool const waited_too_long = oldest && clock_.now() - *oldest >= checkpoint_wait_;
    // The reader closed some batches when it began to wait. It still waits: those may be stuck.
    if (waited_too_long || budget_.is_waited_for()) {
      queues_.request_flush_of_all();
    } else {
      queues_.check_age_of_all();
    }
    checkpoint_queue_.wake();
  }
}

std::unique_ptr<Task> ClockHeartbeatTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<HeartbeatTask>(launcher, clock_, interval_, checkpoint_wait_, queues_, budget_, checkpoints_,
                                         checkpoint_queue_);
}

}  // namespace landfall
