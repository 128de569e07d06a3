#pragma once

#include <landfall/destination/batch.hpp>
#include <landfall/state/batch_envelope.hpp>

namespace landfall {

// What the TaskLauncher decides, as functions of plain values: no executor, no clock, no I/O. DESIGN 5.

/// What follows a loader's answer for a batch.
enum class NextStep {
  wait,           ///< nothing to start: other batches of the stream are not complete, or its end is not known
  process_batch,  ///< the loader takes it further
  ask_group,      ///< the loader was asked, and waits for other batches of its group
  close_stream,   ///< the last one: every batch is complete and the end of the stream is known
};
/// `batch_is_complete`: as the ledger says, since an answer for another batch of its group may have completed it.
NextStep next_step(BatchEnvelope const& answered, bool batch_is_complete, bool stream_is_complete);

/// The answer may let other batches of its group go on: it is the first one for its batch, or later than the one
/// before.
bool is_news_for_group(BatchEnvelope const& answered);

/// A STATE may have become safe.
bool releases_checkpoints(BatchState reported);

/// How far a stream has come with its loader.
enum class Opening {
  waiting,  ///< not asked for yet, or waiting for a worker
  opening,  ///< open() or start() runs
  open,
  failed,  ///< open() or start() threw: there is no loader to close
};

/// A failing stream is failed (and its loader closed) only when nothing of it runs any more.
bool may_fail_now(Opening opening, std::size_t work_in_flight);

/// What ends the sync when every stream has ended, the input is consumed and every STATE has had its chance.
enum class Ending {
  teardown,
  fail_sync,
  none,  ///< a call into the connector still runs: nothing more may be asked of it
};
Ending choose_ending(bool has_error, bool call_still_runs);

}  // namespace landfall
