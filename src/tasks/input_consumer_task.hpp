#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/pipeline/large_record.hpp>
#include <landfall/protocol/byte_source.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/memory_budget.hpp>

#include "pipeline/line_reader.hpp"
#include "pipeline/router.hpp"
#include "pipeline/stream_queue.hpp"
#include "protocol/message_parser.hpp"

namespace landfall {

/// Reads the input to its end, a block at a time. However it ends, every stream has been told its end by then.
///
/// Back-pressure: each block is reserved in the memory budget; when that is full, open batches are closed and the
///                reader waits.
/// Errors:        reading or a bad line; what came before it was forwarded, what comes behind it is not read.
/// Source:        base design 1.5, behaviours 124-138, 129 and 131 in particular.
class InputConsumerTask final : public Task {
 public:
  /// `queues` and `budget` are those that reader and router work with.
  InputConsumerTask(TaskLauncher& launcher, LineReader reader, Router router, StreamQueues& queues,
                    MemoryBudget const& budget);
  std::string name() const override { return "read the input"; }
  TerminalCondition terminal_condition() const override { return TerminalCondition::on_sync_failure; }
  FailureLevel failure_level() const override { return FailureLevel::input; }
  awaitable<void> execute() override;

 private:
  awaitable<void> read_to_end();
  awaitable<std::optional<InputLines>> next_lines();
  void free_memory(std::uint64_t wanted_bytes);

  TaskLauncher& launcher_;
  LineReader reader_;
  Router router_;
  StreamQueues& queues_;
  MemoryBudget const& budget_;
};

/// How the input is read; see SyncOptions.
struct ReaderOptions {
  ReaderOptions() = default;
  std::uint64_t block_bytes = 1 << 20;
  std::uint64_t longest_line_bytes = 64 << 20;
  Validation validation = Validation::full;
  bool rejects = false;                                     ///< there is a reject file
  std::function<void(LargeRecord const&)> on_large_record;  ///< may be null
};

/// Everything is borrowed and outlives the sync.
class SourceInputConsumerTaskFactory final : public InputConsumerTaskFactory {
 public:
  SourceInputConsumerTaskFactory(ByteSource& source, Clock const& clock, StreamQueues& queues,
                                 CheckpointQueue& checkpoints, MemoryBudget& budget, InputProgress& progress,
                                 ReaderOptions options)
      : source_(source),
        clock_(clock),
        queues_(queues),
        checkpoints_(checkpoints),
        budget_(budget),
        progress_(progress),
        options_(std::move(options)) {}
  std::unique_ptr<Task> make(TaskLauncher& launcher) override;

 private:
  ByteSource& source_;
  Clock const& clock_;
  StreamQueues& queues_;
  CheckpointQueue& checkpoints_;
  MemoryBudget& budget_;
  InputProgress& progress_;
  ReaderOptions options_;
};

}  // namespace landfall
