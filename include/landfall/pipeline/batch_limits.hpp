#pragma once

#include <chrono>
#include <cstdint>

#include <landfall/runtime/clock.hpp>

namespace landfall {

/// When a batch is closed: whichever comes first, and always at the end of its stream.
struct BatchLimits {
  BatchLimits() = default;
  std::uint64_t bytes = 4 << 20;                       ///< of `data` and `meta`; at least one record is taken
  std::uint64_t records = 100'000;                     ///< at least 1
  Duration age = std::chrono::seconds(10);             ///< since its first record was taken; seen at the next heartbeat
  Duration checkpoint_wait = std::chrono::seconds(2);  ///< a STATE may wait so long for records in open batches
};

}  // namespace landfall
