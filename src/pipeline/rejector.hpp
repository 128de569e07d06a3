#pragma once

#include <string_view>
#include <vector>

#include <landfall/destination/batch.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/destination/reject_sink.hpp>
#include <landfall/destination/rejected_records.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

class TaskLauncher;

/// What a stream fails with at a record that cannot be loaded when there is no reject file: Error(config) with the way
/// out. `reason` completes the sentence "it cannot be loaded: ...".
Error cannot_be_loaded(RecordNumber record, StreamDescriptor const& stream, std::string_view reason);

/// What becomes of records that cannot be loaded: they are written to the reject sink first, then they count as
/// accounted for.
///
/// Errors:   Error(config) which names a record and tells what to do, when there is no sink; Error(system) for records
///           that are not in the batch; what the sink throws.
/// Threads:  any.
/// Lifetime: phases and sink outlive it.
/// Source:   DESIGN 7; protocol reference 3 (3): rejecting does not block the STATE.
class Rejector {
 public:
  /// `sink` may be null: then nothing may be rejected.
  Rejector(PhaseRunner& phases, RejectSink* sink) : phases_(phases), sink_(sink) {}

  /// The loader has taken all of `batch` but these; the others are in this state, also when this throws.
  awaitable<void> reject(TaskLauncher& launcher, RecordBatch batch, std::vector<RejectedRecord> rejected,
                         BatchState others_are);

  /// The loader has taken nothing of `batch`, because of `refusal`. Returns what is to be offered again, in order:
  /// nothing, the rest, or the two halves.
  awaitable<std::vector<RecordBatch>> refused(TaskLauncher& launcher, RecordBatch batch, RejectedRecords refusal);

 private:
  PhaseRunner& phases_;
  RejectSink* sink_;
};

}  // namespace landfall
