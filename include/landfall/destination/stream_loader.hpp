#pragma once

#include <landfall/destination/batch.hpp>
#include <landfall/destination/outcome.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// What StreamLoader::probe() found out about a batch whose outcome was unknown.
enum class ProbeResult { applied, not_applied, unknown };

/// Loads the records of one stream. A connector author implements this.
///
/// Order:    start(), then any number of process_records() and process_batch(), then close() exactly once if start()
///           returned. Batches of a stream are given to process_records() in order, one at a time; process_batch() of
///           earlier batches may run meanwhile. Nothing runs any more when close() is called.
/// Threads:  each call is a coroutine of its own on the sync's executor; members used by process_records() and
///           process_batch() both need their own protection. Blocking calls belong into run_blocking().
/// Errors:   throw Error (or anything: ErrorClass::system). The stream fails, others go on.
/// Lifetime: destroyed after close().
/// Source:   base design, StreamLoader (1.0).
class StreamLoader {
 public:
  virtual ~StreamLoader() = default;

  /// Before any record: create the file, table, session.
  virtual awaitable<void> start();

  /// Loads `records`. The answer says how far they came: complete() when they are durable.
  virtual awaitable<Batch> process_records(RecordBatch records) = 0;

  /// Takes a batch that was not complete one step further. Called again until it is.
  /// Default: Error(system), since only loaders that answer less than complete() need it.
  virtual awaitable<Batch> process_batch(Batch batch);

  /// The end of the stream, good or bad; replace old data only if outcome.succeeded().
  virtual awaitable<void> close(StreamOutcome outcome);

  /// After ErrorClass::unknown_outcome: were these records applied? Default: unknown.
  virtual awaitable<ProbeResult> probe(BatchId batch);
};

}  // namespace landfall
