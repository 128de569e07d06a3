#include <landfall/state/checkpoint_manager.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

/// A message stays readable: beyond these, waiting scopes are only counted.
constexpr std::size_t described_scopes_max = 10;

constexpr std::size_t whole_sync = SIZE_MAX;

RecordCounts sum(RecordCounts const& a, RecordCounts const& b) {
  return RecordCounts(a.records + b.records, a.bytes + b.bytes, a.rejected + b.rejected);
}

RecordCounts difference(RecordCounts const& now, RecordCounts const& before) {
  LANDFALL_ASSERT(before.records <= now.records);
  LANDFALL_ASSERT(before.bytes <= now.bytes);
  LANDFALL_ASSERT(before.rejected <= now.rejected);
  return RecordCounts(now.records - before.records, now.bytes - before.bytes, now.rejected - before.rejected);
}

bool goes_back(RecordCounts const& read, RecordCounts const& now) {
  return now.records < read.records || now.bytes < read.bytes;
}

}  // namespace

std::size_t Checkpoint::size_bytes() const noexcept {
  constexpr std::size_t of_allocations = 64;  // what the heap adds to each
  return sizeof(Checkpoint) - sizeof(StateMessage) + state.size_bytes() +
         positions.capacity() * sizeof(StreamPosition) + of_allocations;
}

CheckpointManager::Scope::Scope(std::size_t first, std::size_t stream_count)
    : first_stream(first), received(stream_count) {
  handed_out_counts.of_stream.resize(stream_count);
  emitted_counts.of_stream.resize(stream_count);
}

std::size_t CheckpointManager::Scope::place_of(StreamPosition const& position) const {
  LANDFALL_ASSERT(position.stream >= first_stream);
  LANDFALL_ASSERT(position.stream - first_stream < received.size());
  return position.stream - first_stream;
}

// ---- adding ----

void CheckpointManager::add(Checkpoint checkpoint) {
  check_kind(checkpoint.state);
  bool const is_stream = checkpoint.state.kind == StateKind::stream;
  if (is_stream) {
    if (!checkpoint.state.stream) throw system_error("a STREAM STATE names no stream");
    sync_.stream_manager(*checkpoint.state.stream);  // throws for a stream outside the catalog
  }
  check_positions(checkpoint, received_count_ == 0);
  ScopeKey const key = is_stream ? checkpoint.positions.front().stream : whole_sync;
  Scope& scope = scope_for(key);
  check_follows(scope, checkpoint);
  if (scope.is_held && !is_held(key)) stop_holding(scope);
  if (scope.is_held && !scope.is_cut) hold(key, checkpoint);

  kind_ = checkpoint.state.kind;
  for (StreamPosition const& position : checkpoint.positions) scope.received[scope.place_of(position)] = position.read;
  ++received_count_;
  if (scope.is_cut) {
    ++scope.lost_behind;
    return;
  }
  if (scope.waiting.size() == scope.handed_out) may_be_ready_.insert(key);
  bool const lost = is_lost(checkpoint);
  scope.waiting.push_back(std::move(checkpoint));
  if (lost) drop_lost(scope);
}

CheckpointManager::Scope& CheckpointManager::scope_for(ScopeKey key) {
  auto const found = scopes_.find(key);
  if (found != scopes_.end()) return found->second;
  bool const is_stream = key != whole_sync;
  Scope scope(is_stream ? key : 0, is_stream ? 1 : sync_.catalog().streams().size());
  scope.is_held = is_held(key);
  return scopes_.emplace(key, std::move(scope)).first->second;
}

void CheckpointManager::check_kind(StateMessage const& state) const {
  if (!kind_ || *kind_ == state.kind) return;
  throw system_error("a {} STATE came after a {} one: a sync cannot mix them", to_string(state.kind),
                     to_string(*kind_));
}

/// Without the position of a stream in its scope a STATE would be printed before the records of that stream are safe.
void CheckpointManager::check_positions(Checkpoint const& checkpoint, bool is_first) const {
  auto const& streams = sync_.catalog().streams();
  auto const& positions = checkpoint.positions;
  for (StreamPosition const& position : positions) LANDFALL_ASSERT(position.stream < streams.size());
  if (checkpoint.state.kind == StateKind::stream) {
    LANDFALL_ASSERT(positions.size() == 1);
    LANDFALL_ASSERT(streams[positions.front().stream]->descriptor == checkpoint.state.stream);
  } else if (is_first) {
    LANDFALL_ASSERT(positions.size() == streams.size());
    for (std::size_t i = 0; i < positions.size(); ++i) LANDFALL_ASSERT(positions[i].stream == i);
  }
}

void CheckpointManager::check_follows(Scope const& scope, Checkpoint const& checkpoint) const {
  for (StreamPosition const& position : checkpoint.positions) {
    RecordCounts const& previous = scope.received[scope.place_of(position)];
    if (!goes_back(previous, position.read)) continue;
    throw system_error("a STATE at record {} of stream {} came after one at record {}", position.read.records,
                       to_string(stream_of(position).stream().descriptor), previous.records);
  }
}

// ---- printing ----

RecordNumber CheckpointManager::record_number(StreamPosition const& position) const noexcept {
  return stream_of(position).first_number() + position.read.records;
}

StreamManager const& CheckpointManager::stream_of(StreamPosition const& position) const noexcept {
  return sync_.stream_at(position.stream);
}

bool CheckpointManager::is_safe(StreamPosition const& position) const {
  return stream_of(position).is_safe_until(record_number(position));
}

/// Whether the first STATE that was not handed out may be.
bool CheckpointManager::is_next_ready(Scope& scope) const {
  auto const& positions = scope.waiting[scope.handed_out].positions;
  std::size_t& safe = scope.safe_positions;
  while (safe < positions.size() && is_safe(positions[safe])) ++safe;
  return safe == positions.size();
}

std::string CheckpointManager::ready_lines(std::size_t limit_bytes) {
  for (ScopeKey const key : handed_out_) {
    take_back(scopes_.at(key));  // what was not marked as emitted was not emitted
    may_be_ready_.insert(key);
  }
  handed_out_.clear();
  note_changed_streams();

  std::string lines;
  bool has_room = true;
  while (has_room && !may_be_ready_.empty()) {
    ScopeKey const key = *may_be_ready_.begin();
    Scope& scope = scopes_.at(key);
    has_room = hand_out(scope, lines, limit_bytes);
    if (has_room) may_be_ready_.erase(may_be_ready_.begin());  // the next one waits, or there is none
    if (scope.handed_out > 0) handed_out_.push_back(key);
  }
  return lines;
}

void CheckpointManager::take_back(Scope& scope) {
  scope.handed_out = 0;
  scope.safe_positions = 0;
  scope.handed_out_counts = scope.emitted_counts;
}

void CheckpointManager::note_changed_streams() {
  for (std::size_t const stream : sync_.take_changed_streams()) {
    ScopeKey const key = kind_ == StateKind::stream ? stream : whole_sync;
    auto const found = scopes_.find(key);
    if (found == scopes_.end()) continue;
    may_be_ready_.insert(key);
    if (found->second.is_held && !is_held(key)) stop_holding(found->second);
    StreamManager const& changed = sync_.stream_at(stream);
    if (changed.is_failing() || !changed.is_active()) drop_lost(found->second);
  }
}

/// False when a STATE of it would be ready, but has no room.
bool CheckpointManager::hand_out(Scope& scope, std::string& lines, std::size_t limit_bytes) const {
  while (scope.handed_out < scope.waiting.size() && is_next_ready(scope)) {
    std::size_t const size = scope.waiting[scope.handed_out].state.line.size();
    if (!lines.empty() && lines.size() + size > limit_bytes) return false;
    print_next(scope, lines);
  }
  return true;
}

void CheckpointManager::print_next(Scope& scope, std::string& lines) const {
  Checkpoint const& next = scope.waiting[scope.handed_out];
  Counts& counts = scope.handed_out_counts;
  StateMessage::Stats stats;
  for (StreamPosition const& position : next.positions) {
    RecordCounts& of_stream = counts.of_stream[scope.place_of(position)];
    RecordCounts const read_before(of_stream.records + of_stream.rejected, of_stream.bytes);
    RecordCounts const now = loaded(position);
    stats.delta = sum(stats.delta, difference(now, loaded(StreamPosition(position.stream, read_before))));
    counts.total = sum(difference(counts.total, of_stream), now);
    of_stream = now;
  }
  stats.total = counts.total;
  if (next.state.kind == StateKind::global) stats.stream_totals = counts.of_stream;
  next.state.print_to(lines, stats);
  ++scope.handed_out;
  scope.safe_positions = 0;
}

/// What counts as loaded: rejected records do not. Known for good once the position is safe, unless records of it wait
/// on disk: those may still be rejected.
RecordCounts CheckpointManager::loaded(StreamPosition const& position) const {
  StreamManager const& stream = stream_of(position);
  RecordLedger const& ledger = stream.ledger();
  std::uint64_t const rejected_earlier = ledger.rejected_count_before(stream.first_number());
  std::uint64_t const rejected = ledger.rejected_count_before(record_number(position)) - rejected_earlier;
  LANDFALL_ASSERT(rejected <= position.read.records);
  return RecordCounts(position.read.records - rejected, position.read.bytes, rejected);
}

std::map<std::size_t, RecordNumber> CheckpointManager::handed_out_until() const {
  std::map<std::size_t, RecordNumber> until;
  for (ScopeKey const key : handed_out_) {
    Scope const& scope = scopes_.at(key);
    for (std::size_t i = 0; i < scope.handed_out; ++i) {
      for (StreamPosition const& position : scope.waiting[i].positions) {
        if (!stream_of(position).stream().starts_anew()) until[position.stream] = record_number(position);
      }
    }
  }
  return until;
}

void CheckpointManager::mark_emitted() {
  for (ScopeKey const key : handed_out_) {
    Scope& scope = scopes_.at(key);
    LANDFALL_ASSERT(scope.handed_out <= scope.waiting.size());
    auto const first_kept = scope.waiting.begin() + static_cast<std::ptrdiff_t>(scope.handed_out);
    for (auto checkpoint = scope.waiting.begin(); checkpoint != first_kept; ++checkpoint) {
      for (StreamPosition const& position : checkpoint->positions) {
        std::size_t const place = scope.place_of(position);
        scope.emitted_counts.of_stream[place] = scope.handed_out_counts.of_stream[place];
      }
    }
    scope.emitted_counts.total = scope.handed_out_counts.total;
    scope.waiting.erase(scope.waiting.begin(), first_kept);
    scope.emitted_count += scope.handed_out;
    emitted_count_ += scope.handed_out;
    scope.handed_out = 0;
  }
  handed_out_.clear();
}

// ---- what is held, and what is lost ----

bool CheckpointManager::is_held(ScopeKey key) {
  if (key != whole_sync) return sync_.stream_at(key).waits_for_its_close();
  std::size_t& until = all_closed_until_;
  std::size_t const stream_count = sync_.catalog().streams().size();
  while (until < stream_count && !sync_.stream_at(until).waits_for_its_close()) ++until;
  return until < stream_count;
}

/// Nobody can say when it will go: reading must not wait for that.
void CheckpointManager::hold(ScopeKey key, Checkpoint& checkpoint) {
  std::uint64_t const bytes = checkpoint.memory.bytes();
  bool const is_alone = held_bytes_ == 0;
  if (!is_alone && held_bytes_ + bytes > held_bytes_max_) {
    std::size_t const stream = key == whole_sync ? all_closed_until_ : key;
    throw config_error(
        "a STATE of {} cannot be kept until stream {} has replaced its old data: {} STATEs wait for such a close "
        "already and hold {} bytes, of {} that they may hold; give the sync more memory (memory_bytes)",
        scope_name(key), to_string(sync_.stream_at(stream).stream().descriptor), held_count(), held_bytes_,
        held_bytes_max_);
  }
  held_bytes_ += bytes;
  checkpoint.memory.set_lasting(true);
}

std::size_t CheckpointManager::held_count() const {
  std::size_t count = 0;
  for (auto const& [key, scope] : scopes_) count += scope.is_held ? scope.waiting.size() : 0;
  return count;
}

void CheckpointManager::stop_holding(Scope& scope) {
  scope.is_held = false;
  for (Checkpoint& checkpoint : scope.waiting) {
    held_bytes_ -= checkpoint.memory.bytes();
    checkpoint.memory.set_lasting(false);
  }
}

bool CheckpointManager::is_lost(Checkpoint const& checkpoint) const {
  return std::ranges::any_of(checkpoint.positions, [this](StreamPosition const& position) {
    return stream_of(position).is_lost_until(record_number(position));
  });
}

/// The first one that is lost stays, without its line, to be named at the end. Those behind it are counted.
void CheckpointManager::drop_lost(Scope& scope) {
  auto const first = std::ranges::find_if(scope.waiting, [this](Checkpoint const& c) { return is_lost(c); });
  if (first == scope.waiting.end()) return;
  LANDFALL_ASSERT(first >= scope.waiting.begin() + static_cast<std::ptrdiff_t>(scope.handed_out));
  for (auto lost = first; lost != scope.waiting.end(); ++lost) forget(scope, *lost);
  scope.lost_behind += static_cast<std::uint64_t>(scope.waiting.end() - first) - 1;
  scope.waiting.erase(std::next(first), scope.waiting.end());
  scope.is_cut = true;
}

void CheckpointManager::forget(Scope const& scope, Checkpoint& checkpoint) {
  checkpoint.state.line = std::string();
  checkpoint.state.inner_states = {};
  if (scope.is_held) held_bytes_ -= checkpoint.memory.bytes();
  checkpoint.memory.release();
}

void CheckpointManager::give_back_memory() noexcept {
  for (auto& [key, scope] : scopes_) {
    for (Checkpoint& checkpoint : scope.waiting) checkpoint.memory.release();
  }
  held_bytes_ = 0;
}

// ---- what waits ----

bool CheckpointManager::waits_for_records(Checkpoint const& checkpoint) const {
  return std::any_of(checkpoint.positions.begin(), checkpoint.positions.end(), [this](StreamPosition const& position) {
    StreamManager const& stream = stream_of(position);
    bool const can_be_loaded = stream.is_active() && !stream.is_failing();
    return can_be_loaded && !stream.ledger().persisted_until(record_number(position));
  });
}

std::optional<TimePoint> CheckpointManager::oldest_read_at() const {
  std::optional<TimePoint> oldest;
  for (auto const& [key, scope] : scopes_) {
    if (scope.waiting.empty() || !waits_for_records(scope.waiting.front())) continue;
    TimePoint const read_at = scope.waiting.front().read_at;
    oldest = oldest ? std::min(*oldest, read_at) : read_at;
  }
  return oldest;
}

std::string CheckpointManager::scope_name(ScopeKey key) const {
  return key == whole_sync ? "the sync" : "stream " + to_string(sync_.stream_at(key).stream().descriptor);
}

std::string CheckpointManager::describe_pending() const {
  std::string text;
  std::size_t described = 0;
  std::size_t left_out = 0;
  for (auto const& [key, scope] : scopes_) {
    if (scope.waiting.empty()) continue;
    if (described == described_scopes_max) {
      left_out += scope.waiting.size() + scope.lost_behind;
      continue;
    }
    if (described++ > 0) text += "; ";
    text += fmt::format("STATE {} of {} {}", scope.emitted_count + 1, scope_name(key),
                        describe_wait(scope.waiting.front()));
    std::size_t const behind = scope.waiting.size() - 1 + scope.lost_behind;
    if (behind > 0) text += fmt::format(", {} more behind it", behind);
  }
  if (left_out > 0) text += fmt::format("; and {} more STATEs of other streams", left_out);
  return text;
}

std::string CheckpointManager::describe_wait(Checkpoint const& checkpoint) const {
  for (StreamPosition const& position : checkpoint.positions) {
    if (is_safe(position)) continue;
    StreamManager const& stream = stream_of(position);
    std::string const name = to_string(stream.stream().descriptor);
    if (stream.is_failing()) return fmt::format("is behind the failure of stream {}", name);
    if (stream.ledger().persisted_until(record_number(position))) {
      return fmt::format("waits until stream {} has replaced its old data", name);
    }
    return fmt::format("waits for {} of stream {}", describe_missing(position), name);
  }
  return "is ready, but was not printed";
}

std::string CheckpointManager::describe_missing(StreamPosition const& position) const {
  Interval const missing = stream_of(position).ledger().first_not_persisted();
  RecordNumber const number = record_number(position);
  RecordNumber const end = missing.size() == 0 ? number : std::min(missing.end, number);
  return fmt::format("records {} to {}", missing.begin, end - 1);
}

}  // namespace landfall
