#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <landfall/destination/batch.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/destination/stream_loader.hpp>
#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// One batch on its way through the steps of a load pipeline.
struct StepInput {
  StepInput(std::shared_ptr<StreamLoader> stream_loader, RecordBatch batch_records)
      : loader(std::move(stream_loader)), records(std::move(batch_records)) {}

  std::shared_ptr<StreamLoader> loader;  ///< of the stream; open while the batch is on its way
  RecordBatch records;                   ///< its records, until a step that needs them no more calls clear()
  Batch batch{BatchState::processed};    ///< what the step before answered
};

/// One step of a load pipeline: prepare, upload, finish...
///
/// Workers:  workers() coroutines, each with a queue of its own; a batch goes to the worker that partition() names, so
///           batches of one partition are processed one after the other, in order.
/// Answer:   as StreamLoader's: the state reached. The last step must answer complete, unless its batch is in a group
/// that is. Threads:  process() runs on several workers at once. Source:   base design, LoadPipelineStep (1.8).
class LoadStep {
 public:
  virtual ~LoadStep() = default;
  virtual std::string name() const = 0;
  virtual std::size_t workers() const { return 1; }

  /// Which worker; below `workers`. Default: by stream, so that a stream keeps its order.
  virtual std::size_t partition(StepInput const& input, std::size_t workers) const;

  virtual awaitable<Batch> process(StepInput& input, std::size_t worker) = 0;
};

}  // namespace landfall
