#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

/// Reads a batch that waited on disk back into memory, shortly before it is loaded.
///
/// Errors: a batch that is not as it was written fails its stream: it is not acknowledged.
/// Source: base design 1.8 (the file that a batch is read from).
class ReadBackTask final : public Task {
 public:
  ReadBackTask(TaskLauncher& launcher, std::unique_ptr<SpilledRecords> records)
      : launcher_(launcher), records_(std::move(records)), stream_(records_->batch().stream->descriptor) {}
  std::string name() const override { return "read back a batch of stream " + to_string(stream_); }
  FailureLevel failure_level() const override { return FailureLevel::stream; }
  std::optional<StreamDescriptor> stream() const override { return stream_; }
  awaitable<void> execute() override;

 private:
  TaskLauncher& launcher_;
  std::unique_ptr<SpilledRecords> records_;
  StreamDescriptor stream_;
};

class DiskReadBackTaskFactory final : public ReadBackTaskFactory {
 public:
  std::unique_ptr<Task> make(TaskLauncher& launcher, std::unique_ptr<SpilledRecords> records) override;
};

}  // namespace landfall
