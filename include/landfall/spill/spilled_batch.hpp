#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <landfall/destination/record_batch.hpp>

namespace landfall {

/// Where a batch lies on disk: the number of its segment file, and the offset of its frame there.
struct SpillPlace {
  constexpr SpillPlace() = default;
  constexpr SpillPlace(std::uint64_t segment_number, std::uint64_t frame_offset)
      : segment(segment_number), offset(frame_offset) {}
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  friend auto operator<=>(SpillPlace const&, SpillPlace const&) = default;
};

/// A batch that a SpillStore has written: what remains of it in memory. A value.
struct SpilledBatch {
  SpilledBatch() = default;

  std::shared_ptr<DestinationStream const> stream;
  std::size_t stream_index = 0;  ///< in the catalog
  BatchId id;
  RecordNumber first_number = 0;
  std::uint64_t record_count = 0;   ///< to be loaded: fewer than frame_records where a restart has cut it
  std::uint64_t frame_records = 0;  ///< as written
  std::uint64_t bytes = 0;          ///< of the `data` and `meta` of all records as written
  SpillPlace place;

  /// The number behind its last record.
  RecordNumber end_number() const noexcept { return first_number + record_count; }

  /// On disk.
  std::uint64_t frame_bytes() const noexcept;

  /// To be reserved in the MemoryBudget before it is read back.
  std::uint64_t memory_bytes() const noexcept;
};

}  // namespace landfall
