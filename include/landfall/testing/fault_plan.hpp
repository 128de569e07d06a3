#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <landfall/runtime/clock.hpp>

namespace landfall::testing {

/// A call out of the library: into the connector, or into one of the two sinks.
enum class CallKind : std::uint8_t {
  setup,
  open,
  start,
  process_records,
  process_batch,
  step,  ///< LoadStep::process
  probe,
  close,
  teardown,
  write,   ///< MessageSink::write: STATEs
  reject,  ///< RejectSink::write
};
constexpr std::size_t call_kind_count = 11;

/// "setup", "process_records", ...
std::string_view to_string(CallKind call) noexcept;

/// What goes wrong in a call.
enum class FaultKind : std::uint8_t {
  config,           ///< throws Error(config), not applied
  transient,        ///< throws Error(transient), not applied
  throttled,        ///< the same with a retry-after of Fault::delay
  system,           ///< throws Error(system), not applied
  foreign,          ///< throws a std::runtime_error, not applied
  aborted,          ///< throws operation_aborted although nobody cancelled, not applied
  unknown,          ///< throws Error(unknown_outcome), not applied
  unknown_applied,  ///< the same, but it was applied
  hang,             ///< never answers until it is cancelled, not applied
  slow,             ///< applied and answered after Fault::delay, unless it is cancelled
  late_answer,      ///< applied at once, answered after Fault::delay whether cancelled or not
  late_throw,       ///< throws Error(unknown_outcome) after Fault::delay whether cancelled or not, not applied
};
constexpr std::size_t fault_kind_count = 12;

/// "config", "late_answer", ...
std::string_view to_string(FaultKind fault) noexcept;

/// One entry of a fault plan: the nth call of a kind, for a stream.
struct Fault {
  Fault() = default;
  Fault(CallKind in_call, std::optional<std::size_t> of_stream, std::size_t nth_call, FaultKind kind)
      : call(in_call), stream(of_stream), nth(nth_call), what(kind) {}

  CallKind call = CallKind::setup;
  std::optional<std::size_t> stream;  ///< place in the catalog; none: setup, teardown, write
  std::size_t nth = 0;                ///< 0 is the first call, repeated ones included
  std::size_t times = 1;              ///< so many calls from there on
  FaultKind what = FaultKind::transient;
  Duration delay = std::chrono::seconds(2);  ///< virtual

  bool hits(CallKind in_call, std::optional<std::size_t> of_stream, std::size_t nth_call) const noexcept {
    return call == in_call && stream == of_stream && nth_call >= nth && nth_call < nth + times;
  }
};

/// "process_records of stream 0, call 2: transient".
std::string to_string(Fault const& fault);

}  // namespace landfall::testing
