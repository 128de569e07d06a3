#pragma once

#include <cstddef>
#include <mutex>
#include <string>

#include <landfall/connector/run_sync.hpp>

namespace landfall {

/// "1,234,567 records, 12.3 MB/s: users 1.2M, orders 3.4k, +2 more, memory 4.2 MB, STATE 3 of 5": no wider than `width`
/// columns, without a line end. The rate is that since `before`; the streams that moved most since then come first.
std::string format_progress(SyncProgress const& now, SyncProgress const& before, std::size_t width);

/// A line on a terminal which is drawn again and again in its place, for a person who waits.
///
/// Threads: any. The cursor is left in the first column, so that other output replaces the line.
class ProgressLine {
 public:
  explicit ProgressLine(int terminal_fd) : fd_(terminal_fd) {}

  /// Blocks when the terminal does. Nothing after clear().
  void show(SyncProgress const& now);

  /// The end: leaves an empty line.
  void clear();

 private:
  int fd_;
  std::mutex mutex_;
  SyncProgress before_;
  bool shown_ = false;
  bool ended_ = false;
};

}  // namespace landfall
