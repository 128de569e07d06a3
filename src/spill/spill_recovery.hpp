#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <landfall/spill/spill_storage.hpp>

#include "spill/spill_folder.hpp"
#include "spill/spill_format.hpp"

namespace landfall {

/// What a folder with resume tells when it is read from its last segment on.
struct FoundSpill {
  FoundSpill() = default;
  Snapshot state;                 ///< its batches are what must be loaded again
  std::uint64_t last_number = 0;  ///< of a segment
};

/// Empty when no segment was ever made there.
/// Errors: Error(system) when a segment is damaged or a batch is missing; Error(config): see SpillFolder.
std::optional<FoundSpill> blocking_recover(SpillStorage& storage, SpillFolder const& folder);

/// Leaves only what must be loaded again: records before the acknowledged positions, each batch once.
void cut_at_positions(Snapshot& state);

/// Applies what a frame behind the snapshot tells. False when its content is none of its kind.
bool apply(FrameHeader const& header, std::string_view content, SegmentHeader const& segment, Snapshot& state);

}  // namespace landfall
