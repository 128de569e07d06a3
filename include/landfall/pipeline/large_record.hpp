#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <landfall/protocol/stream_descriptor.hpp>

namespace landfall {

/// A line of the input that needs more memory than the whole budget has: it is read when nothing else is held.
struct LargeRecord {
  LargeRecord(std::optional<StreamDescriptor> of_stream, std::uint64_t bytes_so_far, std::uint64_t budget)
      : stream(std::move(of_stream)), read_bytes(bytes_so_far), budget_bytes(budget) {}
  std::optional<StreamDescriptor> stream;  ///< as far as the beginning of the line shows it
  std::uint64_t read_bytes;                ///< of the line, until now
  std::uint64_t budget_bytes;              ///< the capacity of the budget
};

}  // namespace landfall
