#pragma once

#include <optional>
#include <utility>

#include <landfall/destination/record_batch.hpp>
#include <landfall/state/stream_manager.hpp>

namespace landfall {

/// A closed batch, in memory or on disk, as accumulated by a SpillToDiskTask.
struct SpilledFile {
  SpilledFile() = default;
  explicit SpilledFile(RecordBatch batch, std::optional<EndOfStream> end_of_stream = std::nullopt)
      : records(std::move(batch)), end(end_of_stream) {}

  RecordBatch records;             ///< may be empty at the end of the stream
  std::optional<EndOfStream> end;  ///< set in the last one of a stream
};

}  // namespace landfall
