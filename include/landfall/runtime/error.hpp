#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace landfall {

/// What can be done about a failure (DESIGN: failures).
enum class ErrorClass {
  config,            ///< the user must change something; never retried
  transient,         ///< later may work
  rejected_records,  ///< these records cannot be loaded, the rest can
  unknown_outcome,   ///< may or may not have been applied
  system,            ///< a bug, or anything unknown
};

/// "config", "transient", ...
std::string_view to_string(ErrorClass error_class) noexcept;

/// What the world or a connector did wrong, told to a user: what happened, where, and what to do.
///
/// Threads:  a value; not shared while it is changed.
/// Meaning:  the first error of a sync is its cause; later ones are attached to it, none is lost.
class Error : public std::exception {
 public:
  Error(ErrorClass error_class, std::string message);

  /// "context: context: message", the outermost context first. Attached errors are not part of it.
  char const* what() const noexcept override { return text_.c_str(); }

  ErrorClass error_class() const noexcept { return error_class_; }

  /// The message without any context.
  std::string const& message() const noexcept { return message_; }

  /// Puts `context` in front of the text: each layer adds what it knows, e.g. "batch 7 of stream users".
  void add_context(std::string_view context);

  /// How long the other side asked us to wait before the next attempt.
  std::optional<std::chrono::milliseconds> retry_after() const noexcept { return retry_after_; }
  void set_retry_after(std::chrono::milliseconds delay) noexcept { retry_after_ = delay; }

  /// The call that failed has not ended: it ignores its cancellation. Nothing else may be asked of what it uses.
  bool call_still_runs() const noexcept { return call_still_runs_; }
  void set_call_still_runs() noexcept { call_still_runs_ = true; }

  /// Keeps a later error with this one, its cause.
  void attach(Error later);
  std::vector<Error> const& attached() const noexcept { return attached_; }

  /// Any exception as an Error: an Error is copied; what lacks memory, disk or a connection is recognised by its
  /// std::error_code; everything else is ErrorClass::system with the exception's own text.
  static Error from(std::exception_ptr exception);

 private:
  ErrorClass error_class_;
  std::string message_;
  std::string text_;
  std::optional<std::chrono::milliseconds> retry_after_;
  bool call_still_runs_ = false;
  std::vector<Error> attached_;
};

template <class... Args>
Error config_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ErrorClass::config, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
Error transient_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ErrorClass::transient, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
Error system_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ErrorClass::system, fmt::format(text, std::forward<Args>(args)...));
}
/// It may or may not have been applied (a lost connection, a time-out in the middle): see StreamLoader::probe().
template <class... Args>
Error unknown_outcome_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ErrorClass::unknown_outcome, fmt::format(text, std::forward<Args>(args)...));
}

/// True for the exception with which a cancelled coroutine unwinds (operation_aborted). Not for what `a && b` and
/// `a || b` throw when both operands failed (asio::multiple_exceptions): it keeps the first operand's exception only,
/// so a failure of the second may hide behind a cancellation of the first.
bool is_cancellation(std::exception_ptr const& exception) noexcept;

}  // namespace landfall
