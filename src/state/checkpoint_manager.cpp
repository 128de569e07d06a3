#include <landfall/state/checkpoint_manager.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

/// A message stays readable: beyond these, waiting scopes are only counted.
constexpr std::size_t described_scopes_max = 10;

std::optional<StreamDescriptor> scope_of(StateMessage const& state) {
  if (state.kind != StateKind::stream) return std::nullopt;
  if (!state.stream) throw system_error("a STREAM STATE names no stream");
  return state.stream;
}

std::string scope_name(std::optional<StreamDescriptor> const& scope) {
  return scope ? "stream " + to_string(*scope) : "the sync";
}

/// What counts as loaded: rejected records do not.
RecordCounts loaded(RecordCounts const& read) {
  LANDFALL_ASSERT(read.rejected <= read.records);
  return RecordCounts(read.records - read.rejected, read.bytes, read.rejected);
}

RecordCounts loaded(std::vector<StreamPosition> const& positions) {
  RecordCounts sum;
  for (StreamPosition const& position : positions) {
    RecordCounts const counts = loaded(position.read);
    sum.records += counts.records;
    sum.bytes += counts.bytes;
    sum.rejected += counts.rejected;
  }
  return sum;
}

bool goes_back(RecordCounts const& read, RecordCounts const& now) {
  return now.records < read.records || now.bytes < read.bytes;  // `rejected` is known when it is printed
}

void check_follows(std::vector<StreamPosition> const& previous, std::vector<StreamPosition> const& positions) {
  if (previous.empty()) return;
  LANDFALL_ASSERT(previous.size() == positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    LANDFALL_ASSERT(previous[i].stream == positions[i].stream);
    if (!goes_back(previous[i].read, positions[i].read)) continue;
    throw system_error("a STATE at record {} of stream {} came after one at record {}", positions[i].read.records,
                       to_string(positions[i].stream), previous[i].read.records);
  }
}

StateMessage::Stats stats_of(Checkpoint const& checkpoint, std::vector<StreamPosition> const& previous) {
  StateMessage::Stats stats;
  RecordCounts const before = loaded(previous);
  stats.total = loaded(checkpoint.positions);
  stats.delta = RecordCounts(stats.total.records - before.records, stats.total.bytes - before.bytes,
                             stats.total.rejected - before.rejected);
  if (checkpoint.state.kind == StateKind::global) {
    stats.stream_totals.reserve(checkpoint.positions.size());
    for (StreamPosition const& position : checkpoint.positions) {
      stats.stream_totals.emplace_back(position.stream, loaded(position.read));
    }
  }
  return stats;
}

std::string describe_missing(RecordLedger const& ledger, RecordNumber position) {
  Interval const missing = ledger.first_not_persisted();
  RecordNumber const end = missing.size() == 0 ? position : std::min(missing.end, position);
  return fmt::format("records {} to {}", missing.begin, end - 1);
}

}  // namespace

std::vector<StreamPosition> const& CheckpointManager::Scope::positions_before(std::size_t index) const {
  LANDFALL_ASSERT(index <= waiting.size());
  return index == 0 ? emitted : waiting[index - 1].positions;
}

void CheckpointManager::add(Checkpoint checkpoint) {
  check_kind(checkpoint.state);
  std::optional<StreamDescriptor> const name = scope_of(checkpoint.state);
  if (name) sync_.stream_manager(*name);  // throws for a stream outside the catalog
  check_positions(checkpoint);
  auto const found = scopes_.find(name);
  if (found != scopes_.end()) {
    check_follows(found->second.positions_before(found->second.waiting.size()), checkpoint.positions);
  }

  kind_ = checkpoint.state.kind;
  scopes_[name].waiting.push_back(std::move(checkpoint));
  ++received_count_;
}

void CheckpointManager::check_kind(StateMessage const& state) const {
  if (!kind_ || *kind_ == state.kind) return;
  throw system_error("a {} STATE came after a {} one: a sync cannot mix them", to_string(state.kind),
                     to_string(*kind_));
}

/// Without the position of a stream in its scope a STATE would be printed before the records of that stream are safe.
void CheckpointManager::check_positions(Checkpoint const& checkpoint) const {
  auto const& positions = checkpoint.positions;
  if (checkpoint.state.kind == StateKind::stream) {
    LANDFALL_ASSERT(positions.size() == 1);
    LANDFALL_ASSERT(positions.front().stream == checkpoint.state.stream);
    return;
  }
  auto const& streams = sync_.catalog().streams();
  LANDFALL_ASSERT(std::equal(
      streams.begin(), streams.end(), positions.begin(), positions.end(),
      [](auto const& stream, StreamPosition const& position) { return stream->descriptor == position.stream; }));
}

bool CheckpointManager::is_ready(Checkpoint const& checkpoint) const {
  return std::all_of(checkpoint.positions.begin(), checkpoint.positions.end(), [this](StreamPosition const& position) {
    return sync_.stream_manager(position.stream).is_safe_until(position.read.records);
  });
}

std::vector<std::string> CheckpointManager::ready_lines(std::size_t limit_bytes) {
  std::vector<std::string> lines;
  std::size_t room_bytes = limit_bytes;
  for (auto& [name, scope] : scopes_) scope.handed_out = 0;  // what was not marked as emitted was not emitted
  for (auto& [name, scope] : scopes_) hand_out(scope, lines, room_bytes);
  return lines;
}

void CheckpointManager::hand_out(Scope& scope, std::vector<std::string>& lines, std::size_t& room_bytes) const {
  while (scope.handed_out < scope.waiting.size()) {
    Checkpoint& next = scope.waiting[scope.handed_out];
    bool const fits = lines.empty() || next.state.line.size() <= room_bytes;
    if (!fits || !is_ready(next)) return;
    // Known for good now: every record before it is loaded or rejected.
    for (StreamPosition& position : next.positions) {
      RecordLedger const& ledger = sync_.stream_manager(position.stream).ledger();
      position.read.rejected = ledger.rejected_count_before(position.read.records);
    }
    lines.push_back(next.state.print(stats_of(next, scope.positions_before(scope.handed_out))));
    room_bytes -= std::min(room_bytes, lines.back().size());
    ++scope.handed_out;
  }
}

void CheckpointManager::mark_emitted() {
  for (auto& [name, scope] : scopes_) {
    if (scope.handed_out == 0) continue;
    LANDFALL_ASSERT(scope.handed_out <= scope.waiting.size());
    auto const first_kept = scope.waiting.begin() + static_cast<std::ptrdiff_t>(scope.handed_out);
    scope.emitted = std::move(std::prev(first_kept)->positions);
    scope.waiting.erase(scope.waiting.begin(), first_kept);
    scope.emitted_count += scope.handed_out;
    emitted_count_ += scope.handed_out;
    scope.handed_out = 0;
  }
  LANDFALL_ASSERT(emitted_count_ + pending_count() == received_count_);
}

std::size_t CheckpointManager::pending_count() const noexcept {
  std::size_t count = 0;
  for (auto const& [name, scope] : scopes_) count += scope.waiting.size();
  return count;
}

bool CheckpointManager::waits_for_records(Checkpoint const& checkpoint) const {
  return std::any_of(checkpoint.positions.begin(), checkpoint.positions.end(), [this](StreamPosition const& position) {
    StreamManager const& stream = sync_.stream_manager(position.stream);
    bool const can_be_loaded = stream.is_active() && !stream.is_failing();
    return can_be_loaded && !stream.ledger().persisted_until(position.read.records);
  });
}

std::optional<TimePoint> CheckpointManager::oldest_read_at() const {
  std::optional<TimePoint> oldest;
  for (auto const& [name, scope] : scopes_) {
    if (scope.waiting.empty() || !waits_for_records(scope.waiting.front())) continue;
    TimePoint const read_at = scope.waiting.front().read_at;
    oldest = oldest ? std::min(*oldest, read_at) : read_at;
  }
  return oldest;
}

std::string CheckpointManager::describe_pending() const {
  std::string text;
  std::size_t described = 0;
  std::size_t left_out = 0;
  for (auto const& [name, scope] : scopes_) {
    if (scope.waiting.empty()) continue;
    if (described == described_scopes_max) {
      left_out += scope.waiting.size();
      continue;
    }
    if (described++ > 0) text += "; ";
    text += fmt::format("STATE {} of {} {}", scope.emitted_count + 1, scope_name(name),
                        describe_wait(scope.waiting.front()));
    std::size_t const behind = scope.waiting.size() - 1;
    if (behind > 0) text += fmt::format(", {} more behind it", behind);
  }
  if (left_out > 0) text += fmt::format("; and {} more STATEs of other streams", left_out);
  return text;
}

std::string CheckpointManager::describe_wait(Checkpoint const& checkpoint) const {
  for (StreamPosition const& position : checkpoint.positions) {
    StreamManager const& stream = sync_.stream_manager(position.stream);
    if (stream.is_safe_until(position.read.records)) continue;
    std::string const name = to_string(position.stream);
    if (stream.is_failing()) return fmt::format("is behind the failure of stream {}", name);
    if (stream.ledger().persisted_until(position.read.records)) {
      return fmt::format("waits until stream {} has replaced its old data", name);
    }
    return fmt::format("waits for {} of stream {}", describe_missing(stream.ledger(), position.read.records), name);
  }
  return "is ready, but was not printed";
}

}  // namespace landfall
