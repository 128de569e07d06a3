#pragma once

#include <landfall/destination/batch.hpp>
#include <landfall/destination/outcome.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// What StreamLoader::probe() found out about a batch whose outcome was unknown.
enum class ProbeResult {
  applied,      ///< all of its records are durable: the batch counts as complete. Not when some were rejected: unknown
  not_applied,  ///< none of it was, so the call is made again
  unknown,      ///< the stream fails
};

/// Loads the records of one stream. A connector author implements this.
///
/// Order:    start(), then any number of process_records() and process_batch(), then close() exactly once if start()
///           returned. Batches of a stream are given to process_records() in order, one at a time, unless
///           needs_order() says otherwise; process_batch() of earlier batches may run meanwhile. Nothing runs any more
///           when close() is called.
/// Load:     how many process_records() run at once, of all streams, and how large batches are, is found out from how
///           long they take and from their errors, within Destination::load_limits().
/// Threads:  each call is a coroutine of its own on the sync's executor; members used by process_records() and
///           process_batch() both need their own protection. Blocking calls belong into run_blocking().
/// Errors:   by class, in any call:
///           * transient_error: it was not applied. It is called again, after a wait, as the phase's RetryPolicy says;
///             a loader whose start() threw is destroyed, and open() makes another one. With Error::set_retry_after()
///             (0 when the store said no time) it means that the store throttles us: half as many calls from then on.
///           * unknown_outcome_error, or anything else that is thrown: it may have been applied. process_records() and
///             process_batch() are repeated if probe() says that it was not; close() is not repeated.
///           * RejectedRecords: see there.
///           * config_error: never repeated.
///           When that is of no use the stream fails, others go on.
/// Deadline: each call has one (RetryPolicy::attempt_deadline). Then it is cancelled: its co_await throws
///           operation_aborted, which counts as an unknown outcome. An answer that comes all the same counts.
/// Lifetime: destroyed after close().
/// Source:   base design, StreamLoader (1.0).
class StreamLoader {
 public:
  virtual ~StreamLoader() = default;

  /// False when batches of the stream may be loaded side by side and in any order, because records need none (plain
  /// appends) or because the store puts them in order (by RecordNumber, by a cursor): then several process_records()
  /// of this stream run at once where the store bears it. Asked once, after start(). Default: true.
  virtual bool needs_order() const;

  /// Before any record: create the file, table, session.
  virtual awaitable<void> start();

  /// Loads `records`. The answer says how far they came: complete() when they are durable.
  virtual awaitable<Batch> process_records(RecordBatch records) = 0;

  /// Takes a batch that was not complete one step further. Called again until it is: each answer must be later than the
  /// one before, or the stream fails; for batches in a group see Batch::in_group(). Its payload is copied for each
  /// attempt: what is large belongs behind a shared_ptr.
  /// Default: Error(system), since only loaders that answer less than complete() need it.
  virtual awaitable<Batch> process_batch(Batch batch);

  /// The end of the stream, good or bad; replace old data only if outcome.succeeded().
  virtual awaitable<void> close(StreamOutcome outcome);

  /// After a call for this batch of which nobody knows the outcome: were its records applied? With spill.resume also
  /// before the first call for a batch that an earlier process left on disk, and may have loaded: unless it was applied
  /// it is loaded. Such a batch may hold fewer records than before, and come whole where it was loaded in parts: a
  /// loader that is to store nothing twice remembers BatchId::value together with the numbers of the records.
  /// Default: unknown.
  virtual awaitable<ProbeResult> probe(BatchId batch);
};

}  // namespace landfall
