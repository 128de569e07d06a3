#pragma once

#include <string>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// Where protocol messages go: stdout of a connector, a vector in a test.
///
/// Threads:  write() may be awaited by several tasks at once; the sink never interleaves lines.
/// Lifetime: outlives the sync.
class MessageSink {
 public:
  virtual ~MessageSink() = default;

  /// Writes whole lines (each ended by '\n'), in order. When it returns they are out of the process: only then is a
  /// STATE counted as emitted.
  /// Errors: Error(transient) when the reader is gone (EPIPE) or the write fails.
  virtual awaitable<void> write(std::string lines) = 0;
};

}  // namespace landfall
