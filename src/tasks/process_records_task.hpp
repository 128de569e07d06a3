#pragma once

#include <memory>
#include <optional>
#include <string>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>

namespace landfall {

/// Gives one batch of records to its stream's loader and reports the answer. Source: base design 1.2 (G1), 216.
class ProcessRecordsTask final : public Task {
 public:
  ProcessRecordsTask(TaskLauncher& launcher, std::shared_ptr<StreamLoader> loader, RecordBatch records)
      : launcher_(launcher),
        loader_(std::move(loader)),
        stream_(records.stream().descriptor),
        records_(std::move(records)) {}
  std::string name() const override;
  FailureLevel failure_level() const override { return FailureLevel::stream; }
  std::optional<StreamDescriptor> stream() const override { return stream_; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  std::shared_ptr<StreamLoader> loader_;
  StreamDescriptor stream_;
  RecordBatch records_;
};

class LoaderProcessRecordsTaskFactory final : public ProcessRecordsTaskFactory {
 public:
  std::unique_ptr<Task> make(TaskLauncher& launcher, RecordBatch records) override;
};

}  // namespace landfall
