#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/destination/rejected_records.hpp>

namespace landfall {

// A line that is known to be a record of one stream, and cannot be read as one, is numbered, queued, spilled and
// accounted for like any record. It is rejected before a loader sees its batch. See RecordSlice.

/// What its slice refers to. `why` has no line end.
std::string unreadable_text(std::string_view why, std::string_view line);

/// `text` lives as long as the slice.
RecordSlice unreadable_slice(std::string_view text);

/// Those of a batch, with their reasons.
std::vector<RejectedRecord> unreadable_records(RecordBatch const& batch);

}  // namespace landfall
