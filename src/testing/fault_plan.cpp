#include <landfall/testing/fault_plan.hpp>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall::testing {

std::string_view to_string(CallKind call) noexcept {
  switch (call) {
    case CallKind::setup:
      return "setup";
    case CallKind::open:
      return "open";
    case CallKind::start:
      return "start";
    case CallKind::process_records:
      return "process_records";
    case CallKind::process_batch:
      return "process_batch";
    case CallKind::step:
      return "step";
    case CallKind::probe:
      return "probe";
    case CallKind::close:
      return "close";
    case CallKind::teardown:
      return "teardown";
    case CallKind::write:
      return "write";
    case CallKind::reject:
      return "reject";
  }
  assertion_failed("a known call", __FILE__, __LINE__);
  return "";
}

std::string_view to_string(FaultKind fault) noexcept {
  switch (fault) {
    case FaultKind::config:
      return "config";
    case FaultKind::transient:
      return "transient";
    case FaultKind::throttled:
      return "throttled";
    case FaultKind::system:
      return "system";
    case FaultKind::foreign:
      return "foreign";
    case FaultKind::aborted:
      return "aborted";
    case FaultKind::unknown:
      return "unknown";
    case FaultKind::unknown_applied:
      return "unknown_applied";
    case FaultKind::hang:
      return "hang";
    case FaultKind::slow:
      return "slow";
    case FaultKind::late_answer:
      return "late_answer";
    case FaultKind::late_throw:
      return "late_throw";
  }
  assertion_failed("a known fault", __FILE__, __LINE__);
  return "";
}

std::string to_string(Fault const& fault) {
  std::string text(to_string(fault.call));
  if (fault.stream) text += fmt::format(" of stream {}", *fault.stream);
  text += fmt::format(", call {}", fault.nth);
  if (fault.times > 1) text += fmt::format(" to {}", fault.nth + fault.times - 1);
  text += fmt::format(": {}", to_string(fault.what));
  bool const takes_time = fault.what == FaultKind::throttled || fault.what == FaultKind::slow ||
                          fault.what == FaultKind::late_answer || fault.what == FaultKind::late_throw;
  if (takes_time)
    text += fmt::format(" {} ms", std::chrono::duration_cast<std::chrono::milliseconds>(fault.delay).count());
  return text;
}

}  // namespace landfall::testing
