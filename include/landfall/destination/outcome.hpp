#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// How a stream ended, as its loader's close() sees it.
enum class StreamEnd {
  complete,  ///< every record is loaded and the source said so (or the platform's mode needs no word): old data may go
  incomplete,  ///< what was read is loaded, but the source did not finish: keep old data
  failed,      ///< a failure on our side: keep old data; some records may be missing
};

/// "complete", "incomplete", "failed".
std::string_view to_string(StreamEnd end) noexcept;

/// Given to StreamLoader::close().
struct StreamOutcome {
  StreamOutcome() = default;
  StreamOutcome(StreamEnd stream_end, std::uint64_t records, std::optional<Error> cause = std::nullopt)
      : end(stream_end), record_count(records), error(std::move(cause)) {}

  StreamEnd end = StreamEnd::complete;
  std::uint64_t record_count = 0;  ///< read in this sync, or found on disk by it; 0 lets a loader skip expensive merges
  std::optional<Error> error;      ///< the cause, unless the end is complete

  /// Only then may old data be replaced.
  bool succeeded() const noexcept { return end == StreamEnd::complete; }
};

/// Given to Destination::teardown().
struct SyncOutcome {
  SyncOutcome() = default;

  std::map<StreamDescriptor, StreamOutcome> streams;  ///< every stream of the catalog
  std::optional<Error> error;                         ///< the first error, later ones attached

  bool succeeded() const noexcept { return !error.has_value(); }
};

}  // namespace landfall
