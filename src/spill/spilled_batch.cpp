#include <landfall/spill/spilled_batch.hpp>

#include "spill/spill_format.hpp"

namespace landfall {

std::uint64_t SpilledBatch::frame_bytes() const noexcept {
  return frame_header_bytes + frame_records * table_entry_bytes + bytes;
}

// While it is read, the table is in memory too.
std::uint64_t SpilledBatch::memory_bytes() const noexcept {
  return bytes + Block::padding + frame_records * (sizeof(RecordSlice) + table_entry_bytes);
}

}  // namespace landfall
