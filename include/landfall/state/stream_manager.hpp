#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <landfall/destination/outcome.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/state/batch_envelope.hpp>
#include <landfall/state/changed_streams.hpp>
#include <landfall/state/record_ledger.hpp>

namespace landfall {

/// The last word of the source about a stream.
enum class StreamStatus {
  complete,    ///< COMPLETE was received
  incomplete,  ///< INCOMPLETE was received; a later COMPLETE does not change that
  missing,     ///< the input ended without a word
};

/// What the input said when a stream ended.
struct EndOfStream {
  EndOfStream() = default;
  EndOfStream(StreamStatus last_status, RecordNumber records, bool state_is_last, bool input_was_whole)
      : status(last_status),
        record_count(records),
        state_after_last_record(state_is_last),
        input_complete(input_was_whole) {}

  StreamStatus status = StreamStatus::missing;
  RecordNumber record_count = 0;
  bool state_after_last_record = false;  ///< a STATE of its scope came after the last record
  bool input_complete = true;            ///< false when reading was broken off (bad input, signal, failure)
  /// The stream was broken off at a record that cannot be loaded, while the others are read on: nothing from
  /// record_count on counts as read, and no STATE behind it may be printed. What stands before it is loaded.
  std::optional<Error> failure;
};

/// Whether a stream that was read to `end` may count as complete.
///
/// With generations only COMPLETE will do. Without them the platform sends no status: then append streams are
/// complete at the end of the input, and a stream that replaces old data only if a STATE came after its last record.
/// A broken-off input completes only what had its COMPLETE.
/// Source: protocol reference 1.8, 2.8, 3 (8); base design 2.5.
StreamEnd stream_end(DestinationStream const& stream, EndOfStream const& end);

/// What is known about one stream: its ledger, its end, its result.
///
/// Threads:  none of its own; lives on the control strand. No I/O.
/// Lifetime: of the SyncManager.
/// Errors:   Error(system) for calls in a wrong order, as noted; the state is unchanged then.
/// Source:   base design 1.4, 2.2; behaviours 57-86.
class StreamManager {
 public:
  explicit StreamManager(std::shared_ptr<DestinationStream const> stream)
      : StreamManager(std::move(stream), nullptr, 0) {}
  /// `place`: in the catalog, as which it is noted in `changes` when what it lets through changes. Null: nowhere.
  StreamManager(std::shared_ptr<DestinationStream const> stream, ChangedStreams* changes, std::size_t place);

  DestinationStream const& stream() const noexcept { return *stream_; }
  std::shared_ptr<DestinationStream const> const& shared_stream() const noexcept { return stream_; }
  RecordLedger const& ledger() const noexcept { return ledger_; }

  /// The sync goes on where earlier ones have ended: see RecordLedger::resume(). Before any record.
  void resume(RecordNumber first_number, std::vector<Interval> const& pending);
  /// Of the first record that this sync reads.
  RecordNumber first_number() const noexcept { return first_number_; }

  /// These are kept on disk until they are complete. Errors: as RecordLedger::keep().
  void keep_records(Interval records);

  /// Records 0 <= number < end were read, `bytes` more than known before.
  /// Errors: after the end of the stream, when that would be more than it had.
  void add_read(RecordNumber end, std::uint64_t bytes);
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }

  /// Once. Adds the records up to end.record_count as read.
  /// With a failure the stream is failing from its end on: see is_safe_until().
  /// Errors: the second time; when fewer records are announced than were read.
  void mark_end_of_stream(EndOfStream end);
  std::optional<EndOfStream> const& end_of_stream() const noexcept { return end_of_stream_; }

  /// Errors: as RecordLedger::report().
  void update_batch_state(BatchEnvelope const& envelope);

  /// The loader has persisted these, of a batch that has no answer as a whole. Errors: as update_batch_state().
  void mark_persisted(Interval records);

  /// These cannot be loaded and are in the reject file.
  /// Errors: as RecordLedger::reject(); Error(system) for one that is persisted: a STATE may have counted it as loaded.
  void reject_records(std::vector<RecordNumber> const& numbers);

  /// The end is known and every record is complete.
  bool is_batch_processing_complete() const;

  /// A STATE that stands behind `end` records of this stream may be printed, as far as this stream is concerned: they
  /// are persisted, or kept on disk for a restart, and where old data is replaced without a minimum generation (so that
  /// an attempt that fails is thrown away) the stream has been closed well. Of a stream that fails, too: what its
  /// loader has answered remains true. Once true for an `end`, it stays true for it.
  bool is_safe_until(RecordNumber end) const;

  /// Such a STATE will never be printed: it stands behind the failure of the stream, or the stream has ended without
  /// having replaced its old data.
  bool is_lost_until(RecordNumber end) const;

  /// No STATE of it may be printed before it has been closed well, which has not happened.
  bool waits_for_its_close() const;

  /// The stream is going to fail: nothing more is asked of its loader. What calls that still run will answer counts.
  void mark_failing();
  bool is_failing() const noexcept { return failing_; }

  /// No call of the failing stream runs any more: what is not persisted by now never will be.
  void settle_failure();

  /// The one arbiter between closing and failing: true for the first call only. Who wins calls the loader's close().
  bool set_closed() noexcept;
  bool is_closed() const noexcept { return closed_; }

  /// The stream ended: close() returned. First result wins: false, and nothing changed, when there is one already.
  /// Errors: before the end of the stream is known.
  bool mark_succeeded(StreamOutcome outcome);

  /// The stream failed. False, and nothing changed, when there is a result already.
  bool mark_failed(Error error);

  /// Empty while the stream is active.
  std::optional<StreamOutcome> const& result() const noexcept { return result_; }
  bool is_active() const noexcept { return !result_.has_value(); }

  bool had_records() const noexcept { return ledger_.records_read() > 0; }

 private:
  void note_change();
  void fail_from(RecordNumber end);

  std::shared_ptr<DestinationStream const> stream_;
  ChangedStreams* changes_;
  std::size_t place_;
  RecordLedger ledger_;
  RecordNumber first_number_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::optional<EndOfStream> end_of_stream_;
  bool closed_ = false;
  bool failing_ = false;                            // it is failing, or has failed
  std::optional<RecordNumber> safe_until_failure_;  // set: no record from here on will be loaded
  std::optional<StreamOutcome> result_;
};

}  // namespace landfall
