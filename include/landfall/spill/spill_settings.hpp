#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <landfall/runtime/clock.hpp>

namespace landfall {

/// When the records of a batch go to disk.
enum class SpillPolicy {
  never,        ///< batches wait in memory only
  over_budget,  ///< only while the memory budget presses: the largest batches first
  always,       ///< each batch, before it is loaded
};

/// What a batch survives once it is written.
enum class SpillSync {
  none,   ///< nothing: after the end of its process the files are waste
  group,  ///< a crash of the machine: synced, once for all that came meanwhile
};

/// "never", "over_budget", "always"; "none", "group".
std::string_view to_string(SpillPolicy policy) noexcept;
std::string_view to_string(SpillSync sync) noexcept;

/// How batches are spilled to disk. A value.
///
/// Source: DESIGN, 3 (SpillPolicy) and promise 1.
struct SpillSettings {
  SpillSettings() = default;

  SpillPolicy policy = SpillPolicy::over_budget;
  SpillSync sync = SpillSync::none;
  std::string directory;             ///< must exist; empty: the system's folder for temporary files, which is not even
                                     ///< opened before a batch goes there
  std::uint64_t max_disk_bytes = 0;  ///< of all files of this store together; 0: what the disk has

  /// A durable batch counts as persisted, because the next start loads it before it reads any input. Only with
  /// `always`, `group` and a directory that was named: that one must be there again, and no other connector may use it.
  bool resume = false;

  /// Acknowledged batches that are damaged or gone are given up, with a warning that names what is lost; otherwise they
  /// are an error. To be set once, for the start that refreshes their streams.
  bool discard_damaged = false;

  std::uint64_t segment_bytes = 64 << 20;               ///< size of one file, at least 4 KiB; a batch is never split
  Duration full_deadline = std::chrono::minutes(5);     ///< how long a write waits for room on a full disk
  Duration full_retry_pause = std::chrono::seconds(1);  ///< others may make room unseen: how often a write tries again

  /// Errors: Error(config) which names the settings that contradict each other.
  void check() const;

  /// `directory`, or the system's folder for temporary files.
  std::string directory_or_default() const;
};

}  // namespace landfall
