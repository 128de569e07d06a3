#pragma once

#include <memory>
#include <string>

#include <landfall/destination/record_batch.hpp>
#include <landfall/spill/spill_storage.hpp>

#include "spill/spill_format.hpp"

namespace landfall {

/// Reads the frame of `batch` from its segment, into one block that holds `memory`.
/// Errors: see SpillStore::read().
RecordBatch blocking_read_batch(SpillStorage& storage, std::string const& folder, SegmentHeader const& segment,
                                SpilledBatch const& batch, Reservation memory);

}  // namespace landfall
