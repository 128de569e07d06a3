#include <landfall/state/stream_manager.hpp>

#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

StreamEnd end_without_status(DestinationStream const& stream, EndOfStream const& end) {
  if (stream.has_generations()) return StreamEnd::incomplete;
  if (!end.input_complete) return StreamEnd::incomplete;
  if (!stream.replaces_old_data()) return StreamEnd::complete;
  return end.state_after_last_record ? StreamEnd::complete : StreamEnd::incomplete;
}

}  // namespace

StreamEnd stream_end(DestinationStream const& stream, EndOfStream const& end) {
  switch (end.status) {
    case StreamStatus::complete:
      return StreamEnd::complete;
    case StreamStatus::incomplete:
      return StreamEnd::incomplete;
    case StreamStatus::missing:
      return end_without_status(stream, end);
  }
  assertion_failed("a StreamStatus beyond its last value", __FILE__, __LINE__);
  return StreamEnd::incomplete;
}

StreamManager::StreamManager(std::shared_ptr<DestinationStream const> stream, ChangedStreams* changes,
                             std::size_t place)
    : stream_(std::move(stream)), changes_(changes), place_(place) {
  LANDFALL_ASSERT(stream_ != nullptr);
}

void StreamManager::resume(RecordNumber first_number, std::vector<Interval> const& pending) {
  first_number_ = first_number;
  ledger_.resume(first_number, pending);
}

void StreamManager::keep_records(Interval records) {
  note_change();
  try {
    ledger_.keep(records);
  } catch (Error& error) {
    error.add_context(fmt::format("stream {}", to_string(stream_->descriptor)));
    throw;
  }
}

void StreamManager::note_change() {
  if (changes_ != nullptr) changes_->note(place_);
}

void StreamManager::add_read(RecordNumber end, std::uint64_t bytes) {
  if (end_of_stream_ && end > end_of_stream_->record_count) {
    throw system_error("stream {} ended after {} records, but {} were read", to_string(stream_->descriptor),
                       end_of_stream_->record_count, end);
  }
  ledger_.add_read(end);
  bytes_read_ += bytes;
}

void StreamManager::mark_end_of_stream(EndOfStream end) {
  if (end_of_stream_) throw system_error("stream {} ended a second time", to_string(stream_->descriptor));
  if (end.record_count < ledger_.records_read()) {
    throw system_error("stream {} ended after {} records, but {} were read", to_string(stream_->descriptor),
                       end.record_count, ledger_.records_read());
  }
  ledger_.add_read(end.record_count);
  if (end.failure) fail_from(end.record_count);
  end_of_stream_ = std::move(end);
}

void StreamManager::fail_from(RecordNumber end) {
  if (safe_until_failure_ && *safe_until_failure_ <= end) return;
  note_change();
  failing_ = true;
  safe_until_failure_ = end;
}

void StreamManager::update_batch_state(BatchEnvelope const& envelope) {
  LANDFALL_ASSERT(envelope.stream == stream_->descriptor);
  note_change();
  try {
    ledger_.report(envelope.records, envelope.batch.state(), envelope.batch.group());
  } catch (Error& error) {
    error.add_context(fmt::format("batch {} of stream {}", envelope.id.value, to_string(stream_->descriptor)));
    throw;
  }
}

void StreamManager::mark_persisted(Interval records) {
  note_change();
  ledger_.report(records, BatchState::persisted);
}

void StreamManager::reject_records(std::vector<RecordNumber> const& numbers) {
  note_change();
  for (RecordNumber const number : numbers) {
    if (ledger_.is_loaded(number)) {
      throw system_error("record {} of stream {} was rejected after it was reported as persisted", number,
                         to_string(stream_->descriptor));
    }
    try {
      ledger_.reject(Interval{number, number + 1});
    } catch (Error& error) {
      error.add_context(fmt::format("stream {}", to_string(stream_->descriptor)));
      throw;
    }
  }
}

bool StreamManager::is_batch_processing_complete() const {
  if (!end_of_stream_) return false;
  LANDFALL_ASSERT(ledger_.records_read() == end_of_stream_->record_count);
  return ledger_.all_complete();
}

bool StreamManager::is_safe_until(RecordNumber end) const {
  if (waits_for_its_close()) return false;
  if (safe_until_failure_ && end > *safe_until_failure_) return false;
  return ledger_.persisted_until(end);
}

bool StreamManager::is_lost_until(RecordNumber end) const {
  bool const is_behind_failure = safe_until_failure_ && end > *safe_until_failure_;
  return is_behind_failure || (result_ && waits_for_its_close());
}

bool StreamManager::waits_for_its_close() const {
  bool const closed_well = result_ && result_->succeeded();
  return stream_->starts_anew() && !closed_well;
}

void StreamManager::mark_failing() {
  if (failing_) return;
  note_change();
  failing_ = true;
}

// Not sooner: an answer may be on its way here while another batch fails, and its records are committed.
void StreamManager::settle_failure() {
  LANDFALL_ASSERT(failing_);
  fail_from(ledger_.first_not_persisted().begin);
  LANDFALL_ASSERT(ledger_.persisted_until(*safe_until_failure_));
}

bool StreamManager::set_closed() noexcept { return !std::exchange(closed_, true); }

bool StreamManager::mark_succeeded(StreamOutcome outcome) {
  LANDFALL_ASSERT(outcome.end != StreamEnd::failed);
  if (result_) return false;
  if (!end_of_stream_) {
    throw system_error("stream {} was closed before its end was known", to_string(stream_->descriptor));
  }
  note_change();
  result_ = std::move(outcome);
  return true;
}

bool StreamManager::mark_failed(Error error) {
  if (result_) return false;
  mark_failing();
  settle_failure();
  note_change();
  result_.emplace(StreamEnd::failed, ledger_.records_of_this_sync(), std::move(error));
  return true;
}

}  // namespace landfall
