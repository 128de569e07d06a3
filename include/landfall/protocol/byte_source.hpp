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
  /// without having taken a byte.
  virtual awaitable<std::size_t> read(std::span<char> room) = 0;
};

}  // namespace landfall
