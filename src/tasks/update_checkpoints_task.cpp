#include "tasks/update_checkpoints_task.hpp"

#include <vector>

namespace landfall {

awaitable<void> UpdateCheckpointsTask::execute() {
  for (bool ended = false; !ended;) {
    auto drained = co_await queue_.pop_all();
    ended = drained.ended;
    if (!drained.elements.empty()) co_await add(std::move(drained.elements));
    co_await print_ready();
  }
  std::string const unanswered = co_await launcher_.on_strand([this] { return checkpoints_.describe_pending(); });
  if (!unanswered.empty()) throw system_error("not every STATE could be answered: {}", unanswered);
  co_await launcher_.handle_checkpoints_processed();
}

awaitable<void> UpdateCheckpointsTask::add(std::vector<Checkpoint> received) {
  if (refused_) co_return;  // read before the reader could be stopped
  std::optional<Error> refused = co_await launcher_.on_strand([this, &received]() -> std::optional<Error> {
    try {
      for (Checkpoint& checkpoint : received) checkpoints_.add(std::move(checkpoint));
    } catch (Error const& error) {
      return error;
    }
    return std::nullopt;
  });
  // As with a broken line: nothing after it is read, what was before it is loaded and answered.
  if (!refused) co_return;
  refused_ = true;
  co_await launcher_.handle_exception(FailureLevel::input, std::nullopt, std::move(*refused));
}

awaitable<void> UpdateCheckpointsTask::print_ready() {
  for (;;) {
    std::string lines = co_await launcher_.on_strand([this] { return checkpoints_.ready_lines(); });
    if (lines.empty()) co_return;
    if (acknowledged_in_) co_await acknowledge();
    co_await scope_.run_within("writing STATEs", sink_.write(std::move(lines)), deadline_, patience_);
    co_await launcher_.on_strand([this] { checkpoints_.mark_emitted(); });
  }
}

// Before the source hears that it need not send these records again, a restart must know that it has to load them.
awaitable<void> UpdateCheckpointsTask::acknowledge() {
  auto const until = co_await launcher_.on_strand([this] { return checkpoints_.handed_out_until(); });
  std::vector<SpillAcknowledgement> acknowledgements;
  for (auto const& [stream, position] : until) acknowledgements.emplace_back(stream, position);
  if (acknowledgements.empty()) co_return;
  awaitable<void> write = acknowledged_in_->acknowledge(std::move(acknowledgements));
  co_await scope_.run_within("writing to disk what is acknowledged", std::move(write), deadline_, patience_);
}

std::unique_ptr<Task> CheckpointPrinterTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<UpdateCheckpointsTask>(launcher, queue_, checkpoints_, sink_, acknowledged_in_, scope_,
                                                 deadline_, patience_);
}

}  // namespace landfall
