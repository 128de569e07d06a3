#pragma once

#include <optional>
#include <utility>

#include <landfall/destination/batch.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/interval_set.hpp>

namespace landfall {

/// Who takes a batch further when it is not complete.
enum class BatchRoute {
  loader,    ///< StreamLoader::process_batch
  pipeline,  ///< the next step of the LoadPipeline
};

/// A loader's answer together with what it is an answer for.
struct BatchEnvelope {
  BatchEnvelope(StreamDescriptor of_stream, BatchId batch_id, Interval record_numbers, Batch answer,
                BatchRoute taken_by = BatchRoute::loader)
      : stream(std::move(of_stream)),
        id(batch_id),
        records(record_numbers),
        batch(std::move(answer)),
        route(taken_by) {}

  StreamDescriptor stream;
  BatchId id;
  Interval records;  ///< record numbers
  Batch batch;
  BatchRoute route;
  std::optional<BatchState> before;  ///< what process_batch() was asked with; empty: this is the first answer
};

}  // namespace landfall
