#pragma once

#include <optional>
#include <string>

#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/task_scope.hpp>

namespace landfall {

/// Whose failure it is when a task throws. Source: base design 1.2 (levels of tasks), DESIGN 7.
enum class FailureLevel {
  stream,   ///< that of one stream; others go on
  input,    ///< reading stops; what was read is loaded and acknowledged
  sync,     ///< every stream fails
  verdict,  ///< the sync is ending: it has failed, nothing else is started
};

/// One piece of work of a sync; one file in tasks/ for each kind.
///
/// Order:    execute() once, on a strand of its own.
/// Errors:   thrown; the TaskLauncher decides what follows.
/// Lifetime: owned by its coroutine.
class Task {
 public:
  virtual ~Task() = default;

  /// For people: "process records of users".
  virtual std::string name() const = 0;
  virtual TerminalCondition terminal_condition() const { return TerminalCondition::self_terminating; }
  virtual FailureLevel failure_level() const { return FailureLevel::sync; }

  /// The stream it works for, if it works for one alone.
  virtual std::optional<StreamDescriptor> stream() const { return std::nullopt; }

  virtual awaitable<void> execute() = 0;
};

}  // namespace landfall
