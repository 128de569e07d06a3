#include "tasks/process_records_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

std::string ProcessRecordsTask::name() const { return "process records of stream " + to_string(stream_); }

awaitable<void> ProcessRecordsTask::execute() {
  BatchId const id = records_.id();
  Interval const numbers{records_.first_number(), records_.end_number()};
  std::optional<Batch> answer;
  try {
    answer = co_await loader_->process_records(std::move(records_));
  } catch (Error& error) {
    error.add_context(fmt::format("batch {}, records {} to {}", id.value, numbers.begin, numbers.end - 1));
    throw;
  }
  BatchEnvelope envelope(stream_, id, numbers, std::move(*answer));
  co_await launcher_.handle_new_batch(std::move(envelope));
}

std::unique_ptr<Task> LoaderProcessRecordsTaskFactory::make(TaskLauncher& launcher, RecordBatch records) {
  auto loader = launcher.sync().loader(records.stream().descriptor);
  return std::make_unique<ProcessRecordsTask>(launcher, std::move(loader), std::move(records));
}

}  // namespace landfall
