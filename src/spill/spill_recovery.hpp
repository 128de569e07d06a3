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
  Snapshot state;                      ///< its batches are what must be loaded again
  std::uint64_t last_number = 0;       ///< of a segment
  std::vector<std::string> discarded;  ///< what was given up because it is damaged: a sentence each, for the log
};

/// What becomes of acknowledged batches that are not as they were written.
enum class OnDamage {
  refuse,   ///< an error
  discard,  ///< they are left out; the rest is checked byte for byte
};

/// Empty when no segment was ever made there. Changes nothing on disk.
/// Errors: Error(config) when a segment, a batch or the mark of what was acknowledged is damaged or missing: it names
///         them and the way out; and see SpillFolder.
std::optional<FoundSpill> blocking_recover(SpillStorage& storage, SpillFolder const& folder, OnDamage on_damage);

/// Leaves only what must be loaded again: records before the acknowledged positions, each batch once.
void cut_at_positions(Snapshot& state);

/// Applies what a frame behind the snapshot tells. False when its content is none of its kind.
bool apply(FrameHeader const& header, std::string_view content, SegmentHeader const& segment, Snapshot& state);

}  // namespace landfall
