#pragma once

#include <memory>

#include <landfall/launcher/spilled_file.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/state/batch_envelope.hpp>

namespace landfall {

class TaskLauncher;

/// One factory for each kind of task; the TaskLauncher owns them and calls make() on the control strand.
///
/// So make() may read the SyncManager; the task itself runs elsewhere and gets what it needs as values.
/// In a unit test each can be replaced by a few lines. The launcher outlives every task.
/// Source: base design 1.2.
struct InputConsumerTaskFactory {
  virtual ~InputConsumerTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};
struct SetupTaskFactory {
  virtual ~SetupTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};
/// Workers: each takes streams from the open-stream queue until it ends.
struct OpenStreamTaskFactory {
  virtual ~OpenStreamTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};
/// Accumulates one batch of one stream.
struct SpillToDiskTaskFactory {
  virtual ~SpillToDiskTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher, StreamDescriptor const& stream) = 0;
};
/// Reads a batch that waits on disk back into memory.
struct ReadBackTaskFactory {
  virtual ~ReadBackTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher, std::unique_ptr<SpilledRecords> records) = 0;
};
struct ProcessRecordsTaskFactory {
  virtual ~ProcessRecordsTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher, RecordBatch records) = 0;
};
struct ProcessBatchTaskFactory {
  virtual ~ProcessBatchTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher, BatchEnvelope envelope) = 0;
};
struct UpdateCheckpointsTaskFactory {
  virtual ~UpdateCheckpointsTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};
struct CloseStreamTaskFactory {
  virtual ~CloseStreamTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher, StreamDescriptor const& stream) = 0;
};
struct TeardownTaskFactory {
  virtual ~TeardownTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};
/// `run_loader_close`: this task owns the stream's end (set_closed() was won) and must call the loader's close.
struct FailStreamTaskFactory {
  virtual ~FailStreamTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher, StreamDescriptor const& stream, Error error,
                                     bool run_loader_close) = 0;
};
struct FailSyncTaskFactory {
  virtual ~FailSyncTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};
struct HeartbeatTaskFactory {
  virtual ~HeartbeatTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};
struct StatsEmitterTaskFactory {
  virtual ~StatsEmitterTaskFactory() = default;
  virtual std::unique_ptr<Task> make(TaskLauncher& launcher) = 0;
};

}  // namespace landfall
