#pragma once

#include <memory>
#include <string>

#include <landfall/destination/record_batch.hpp>
#include <landfall/spill/spill_storage.hpp>

#include "spill/spill_format.hpp"

namespace landfall {

/// The frame with this header is the one that `batch` was written as.
bool is_frame_of(FrameHeader const& header, SpilledBatch const& batch);

/// Reads the frame of `batch` from its segment, into one block that holds `memory`.
/// Errors: see SpillStore::read(). `with_resume`: they name the way out for records that were acknowledged.
RecordBatch blocking_read_batch(SpillStorage& storage, std::string const& folder, SegmentHeader const& segment,
                                SpilledBatch const& batch, Reservation memory, bool with_resume);

}  // namespace landfall
