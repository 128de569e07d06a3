#pragma once

namespace landfall {

/// Prints the broken condition with its place to stderr and aborts. Called by LANDFALL_ASSERT only.
[[noreturn]] void assertion_failed(char const* condition, char const* file, int line) noexcept;

}  // namespace landfall

/// On in every build: a stopped process cannot acknowledge falsely. For what only our own bug can break; what the
/// world or a connector can do is an Error.
#define LANDFALL_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::landfall::assertion_failed(#condition, __FILE__, __LINE__))
