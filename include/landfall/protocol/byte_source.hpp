#pragma once

#include <cstddef>
#include <span>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// Where the input comes from: stdin of a connector, a script in a test.
///
/// Threads:  one reader at a time.
/// Lifetime: outlives the sync.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Waits for input and copies at least one byte of it to `room` (never empty). 0 is the end of the input.
  /// Errors: Error(transient) when reading fails; boost::system::system_error(operation_aborted) when cancelled,
  /// without having taken a byte, but for what was read ahead: that is lost.
  virtual awaitable<std::size_t> read(std::span<char> room) = 0;

  /// Says that the next read() will be of this room, so that a source with a thread of its own may begin to fill it.
  /// The room is the source's until that read() has ended, however, or until stop_reading_ahead(). By default nothing
  /// happens.
  virtual void read_ahead(std::span<char> room) { static_cast<void>(room); }

  /// There will be no such read(): returns when nobody writes to the room any more. What was put there is lost. Without
  /// a read_ahead() before, it does nothing.
  virtual void stop_reading_ahead() noexcept {}
};

}  // namespace landfall
