#include "tasks/process_batch_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

std::string ProcessBatchTask::name() const { return "process batch of stream " + to_string(envelope_.stream); }

awaitable<void> ProcessBatchTask::execute() {
  std::optional<Batch> answer;
  try {
    answer = co_await loader_->process_batch(std::move(envelope_.batch));
  } catch (Error& error) {
    error.add_context(fmt::format("batch {}, records {} to {}", envelope_.id.value, envelope_.records.begin,
                                  envelope_.records.end - 1));
    throw;
  }
  BatchEnvelope further(envelope_.stream, envelope_.id, envelope_.records, std::move(*answer));
  co_await launcher_.handle_new_batch(std::move(further));
}

std::unique_ptr<Task> LoaderProcessBatchTaskFactory::make(TaskLauncher& launcher, BatchEnvelope envelope) {
  auto loader = launcher.sync().loader(envelope.stream);
  return std::make_unique<ProcessBatchTask>(launcher, std::move(loader), std::move(envelope));
}

}  // namespace landfall
