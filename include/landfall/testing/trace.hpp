#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <landfall/destination/batch.hpp>
#include <landfall/destination/outcome.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/destination/stream_loader.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/testing/fault_plan.hpp>

namespace landfall::testing {

/// How a call ended, as its caller sees it.
enum class CallEnd : std::uint8_t {
  ok,
  config,
  transient,
  rejected,  ///< RejectedRecords
  unknown,
  system,     ///< anything else that is thrown
  cancelled,  ///< it unwound with operation_aborted
};

enum class EventKind : std::uint8_t {
  call_begins,
  call_ends,
  durable,   ///< the destination's store has these records for good
  replaced,  ///< the destination's store has put new rows in the place of the old ones of a stream
  state,     ///< a line was written
  stop,      ///< a request to stop
  crash,
};

/// One thing that happened in a sync, seen from outside the library.
struct TraceEvent {
  TraceEvent(EventKind event, TimePoint now) : kind(event), at(now) {}

  EventKind kind;
  CallKind call = CallKind::setup;
  CallEnd end = CallEnd::ok;
  bool data_is_wrong = false;         ///< process_records, step, reject: a record is not what the source sent
  std::uint64_t call_number = 0;      ///< ties the end of a call to its beginning
  TimePoint at;                       ///< virtual
  std::optional<std::size_t> stream;  ///< place in the catalog
  std::optional<FaultKind> fault;     ///< call_ends: what the plan did to it
  BatchId batch;                      ///< process_records, process_batch, step, probe
  std::size_t step = 0;               ///< of the load pipeline
  std::vector<RecordNumber>
      records;  ///< in order. process_records, step, reject, durable: which ones. call_ends: those rejected
  BatchState state = BatchState::processed;  ///< call_ends of a process call: the answer
  std::optional<StreamEnd> stream_end;       ///< close
  bool succeeded = false;                    ///< teardown: what it was told; open: a loader was made
  ProbeResult probe = ProbeResult::unknown;
  std::string text;  ///< state: the line; call_ends: the error
};

/// What happened in a sync, in order.
///
/// Threads: that of the simulation.
class Trace {
 public:
  Trace() = default;
  explicit Trace(std::vector<TraceEvent> events) : events_(std::move(events)) {}

  TraceEvent& add(EventKind kind, TimePoint at) { return events_.emplace_back(kind, at); }
  std::vector<TraceEvent> const& events() const noexcept { return events_; }
  std::uint64_t next_call() noexcept { return ++last_call_; }

 private:
  std::vector<TraceEvent> events_;
  std::uint64_t last_call_ = 0;
};

/// "cancelled", "transient", ...
std::string_view to_string(CallEnd end) noexcept;

/// A line for each event.
std::string to_string(Trace const& trace);

}  // namespace landfall::testing
