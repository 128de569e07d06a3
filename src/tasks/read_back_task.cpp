#include "tasks/read_back_task.hpp"

namespace landfall {

awaitable<void> ReadBackTask::execute() {
  RecordBatch records = co_await records_->read();
  co_await launcher_.handle_batch_read_back(std::move(records), std::move(records_));
}

std::unique_ptr<Task> DiskReadBackTaskFactory::make(TaskLauncher& launcher, std::unique_ptr<SpilledRecords> records) {
  return std::make_unique<ReadBackTask>(launcher, std::move(records));
}

}  // namespace landfall
