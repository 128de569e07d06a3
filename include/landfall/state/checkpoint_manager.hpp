#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <landfall/protocol/state_message.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/state/sync_manager.hpp>

namespace landfall {

/// How much of a stream had been read when a STATE was read.
struct StreamPosition {
  constexpr StreamPosition(std::size_t place, RecordCounts read_so_far) : stream(place), read(read_so_far) {}
  std::size_t stream;  ///< its place in the catalog
  RecordCounts read;   ///< since the start of the sync
};

/// A STATE with its place in the input. Move-only: it holds its bytes in the memory budget.
struct Checkpoint {
  Checkpoint(StateMessage message, std::vector<StreamPosition> read_positions, TimePoint time)
      : state(std::move(message)), positions(std::move(read_positions)), read_at(time) {}

  StateMessage state;
  /// STREAM: of its stream. GLOBAL and LEGACY: the first one has those of all streams of the catalog, in its order;
  /// each later one those that have moved since the one before it, in any order.
  std::vector<StreamPosition> positions;
  TimePoint read_at;
  Reservation memory;  ///< for size_bytes(); none where nobody counts

  /// What it holds in memory.
  std::size_t size_bytes() const noexcept;
};

/// Holds every STATE until it was printed, and says which may be.
///
/// Meaning:  a STATE is ready when every record before it, in its scope, is safe (StreamManager::is_safe_until), and
///           every earlier STATE of its scope is ready too. Scope: the stream, or the whole sync.
/// Memory:   a STATE keeps its bytes until it is printed. One that can never be printed (behind a failure), and those
///           behind it in its scope, are only counted, but for the position of the first. Those that wait for a close
///           may wait for the end of the input: their bytes last, so that reading goes on, and are limited.
/// Cost:     of adding and printing: what changed since the STATE before it, however many streams there are; of looking
///           for ready ones: the scopes of which something was reported since.
/// Threads:  none of its own; lives on the control strand. No I/O: the caller prints, then says so.
/// Source:   base design 2.4, behaviours 87-108; DESIGN, promise 1.
class CheckpointManager {
 public:
  /// `held_bytes_max`: how much the STATEs may hold that wait until a stream has been closed.
  explicit CheckpointManager(SyncManager& sync, std::uint64_t held_bytes_max = UINT64_MAX)
      : sync_(sync), held_bytes_max_(held_bytes_max) {}

  /// Errors: Error(system) when the kinds STREAM, GLOBAL and LEGACY are mixed in one sync, a STREAM state names a
  ///         stream outside the catalog, or a position goes back; Error(config) when STATEs that wait for a close would
  ///         hold too much (a single one may). It is not added then.
  void add(Checkpoint checkpoint);

  /// The lines of STATEs that are ready, each with its end, in the order read within their scope, at most about
  /// `limit_bytes` (at least one STATE); empty when none is. They stay here until mark_emitted(): if printing fails
  /// they were not emitted.
  std::string ready_lines(std::size_t limit_bytes = 1 << 20);

  /// How far the lines last handed out reach: up to which record of each stream, by its place in the catalog. Of
  /// streams that start anew nothing is said: what was before them is of no use to another sync.
  std::map<std::size_t, RecordNumber> handed_out_until() const;

  /// The lines last handed out were written. Without a preceding ready_lines() it changes nothing.
  void mark_emitted();

  std::size_t pending_count() const noexcept { return received_count_ - emitted_count_; }
  std::uint64_t emitted_count() const noexcept { return emitted_count_; }
  std::uint64_t received_count() const noexcept { return received_count_; }

  /// When the oldest STATE was read that waits for records on their way; nothing when none does. Tells when batches
  /// should be closed for its sake: one that waits for a close, or for a stream that failed, gains nothing by it.
  std::optional<TimePoint> oldest_read_at() const;

  /// At the end of the sync: what still waits gives its bytes back. Nothing else changes.
  void give_back_memory() noexcept;

  /// For an error message at the end: which STATE waits for which records.
  std::string describe_pending() const;

 private:
  /// Counts of the streams of a scope, as of one of its STATEs.
  struct Counts {
    std::vector<RecordCounts> of_stream;  // by place in the scope
    RecordCounts total;
  };
  struct Scope {
    Scope(std::size_t first, std::size_t stream_count);

    std::size_t place_of(StreamPosition const& position) const;

    std::size_t first_stream;  // its streams lie together in the catalog: one, or all
    std::deque<Checkpoint> waiting;
    std::size_t handed_out = 0;          // of `waiting`, from its front
    std::size_t safe_positions = 0;      // of the first one behind those: what is safe remains so
    std::vector<RecordCounts> received;  // as read, of the last STATE that was added
    Counts handed_out_counts;            // as loaded
    Counts emitted_counts;               // as loaded
    std::uint64_t emitted_count = 0;
    bool is_held = false;           // no STATE of it may be printed before a stream has been closed
    bool is_cut = false;            // the last one of `waiting` is lost, and all that come
    std::uint64_t lost_behind = 0;  // STATEs behind that one
  };
  using ScopeKey = std::size_t;  // the place of its stream; whole_sync

  void check_kind(StateMessage const& state) const;
  void check_positions(Checkpoint const& checkpoint, bool is_first) const;
  void check_follows(Scope const& scope, Checkpoint const& checkpoint) const;
  Scope& scope_for(ScopeKey key);
  RecordNumber record_number(StreamPosition const& position) const noexcept;
  StreamManager const& stream_of(StreamPosition const& position) const noexcept;
  bool is_safe(StreamPosition const& position) const;
  bool is_next_ready(Scope& scope) const;
  bool is_lost(Checkpoint const& checkpoint) const;
  bool waits_for_records(Checkpoint const& checkpoint) const;
  bool is_held(ScopeKey key);
  void hold(ScopeKey key, Checkpoint& checkpoint);
  std::size_t held_count() const;
  void stop_holding(Scope& scope);
  void drop_lost(Scope& scope);
  void forget(Scope const& scope, Checkpoint& checkpoint);
  void take_back(Scope& scope);
  void note_changed_streams();
  bool hand_out(Scope& scope, std::string& lines, std::size_t limit_bytes) const;
  void print_next(Scope& scope, std::string& lines) const;
  RecordCounts loaded(StreamPosition const& position) const;
  std::string scope_name(ScopeKey key) const;
  std::string describe_wait(Checkpoint const& checkpoint) const;
  std::string describe_missing(StreamPosition const& position) const;

  SyncManager& sync_;
  std::uint64_t const held_bytes_max_;
  std::uint64_t held_bytes_ = 0;      // of STATEs in scopes that are held
  std::size_t all_closed_until_ = 0;  // in the catalog: streams before it let GLOBAL STATEs through
  std::optional<StateKind> kind_;     // of the first STATE, and so of all
  std::map<ScopeKey, Scope> scopes_;
  std::set<ScopeKey> may_be_ready_;   // those whose first STATE is not known to wait
  std::vector<ScopeKey> handed_out_;  // those with STATEs handed out
  std::uint64_t received_count_ = 0;
  std::uint64_t emitted_count_ = 0;
};

}  // namespace landfall
