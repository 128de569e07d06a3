#include "pipeline/unreadable.hpp"

#include <cstdint>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {

std::string unreadable_text(std::string_view why, std::string_view line) {
  LANDFALL_ASSERT(why.find('\n') == why.npos);
  return fmt::format("{}\n{}", why, line);
}

RecordSlice unreadable_slice(std::string_view text) {
  LANDFALL_ASSERT(!text.empty() && text.size() <= UINT32_MAX);
  RecordSlice slice;
  slice.data = slice.meta = text.data();
  slice.meta_size = static_cast<std::uint32_t>(text.size());
  return slice;
}

std::vector<RejectedRecord> unreadable_records(RecordBatch const& batch) {
  std::vector<RejectedRecord> unreadable;
  for (Record const record : batch) {
    if (record.is_unreadable()) unreadable.emplace_back(record.number(), std::string(record.why_unreadable()));
  }
  return unreadable;
}

}  // namespace landfall
