#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <landfall/runtime/clock.hpp>

namespace landfall {

/// Bounds of a number that adapts to what the loaders answer. What is not given has its default.
struct LoadRange {
  LoadRange() = default;
  LoadRange(std::optional<std::uint64_t> least, std::optional<std::uint64_t> most,
            std::optional<std::uint64_t> first = std::nullopt)
      : min(least), max(most), initial(first) {}

  /// Always `value`: nothing adapts.
  static LoadRange fixed(std::uint64_t value) { return LoadRange(value, value, value); }

  std::optional<std::uint64_t> min;  ///< at least 1
  std::optional<std::uint64_t> max;
  std::optional<std::uint64_t> initial;
};

/// What a destination knows about how much it bears: bounds within which the sync finds out the rest by itself.
///
/// A store that says nothing gets as many calls at once as there are streams (4 to 16 to begin with, 64 at most) and
/// batches of the size that the operator set (SyncOptions::batch, 4 MiB). An operator's own bounds win over these.
/// Source: README, "How fast it loads".
struct LoadLimits {
  LoadLimits() = default;

  /// process_records() calls that run at once, of all streams together. Give `max` for a pool of so many connections.
  LoadRange concurrency;

  /// Of the `data` and `meta` in a batch; one record alone may be larger. A `max` beyond 1/12 of the memory budget lets
  /// few batches be open at once.
  LoadRange batch_bytes;

  /// A call that takes no longer is not slow, whatever others took: noise of a quick store changes nothing.
  Duration quick_call = std::chrono::milliseconds(250);

  /// A call that takes longer means smaller batches: its failure would cost too much, and STATEs wait for it.
  Duration longest_call = std::chrono::seconds(60);
};

}  // namespace landfall
