#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <landfall/protocol/state_message.hpp>
#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/state/sync_manager.hpp>

namespace landfall {

/// How much of a stream had been read when a STATE was read.
struct StreamPosition {
  StreamPosition(StreamDescriptor of_stream, RecordCounts read_so_far)
      : stream(std::move(of_stream)), read(read_so_far) {}
  StreamDescriptor stream;
  RecordCounts read;  ///< since the start of the sync; read.records is the number of the next record; `rejected` is
                      ///< filled in when the STATE is printed
};

/// A STATE with its place in the input.
struct Checkpoint {
  Checkpoint(StateMessage message, std::vector<StreamPosition> read_positions, TimePoint time)
      : state(std::move(message)), positions(std::move(read_positions)), read_at(time) {}

  StateMessage state;
  std::vector<StreamPosition> positions;  ///< STREAM: its stream; GLOBAL and LEGACY: all of the catalog, in its order
  TimePoint read_at;
};

/// Holds every STATE until it was printed, and says which may be.
///
/// Meaning:  a STATE is ready when every record before it, in its scope, is safe (StreamManager::is_safe_until), and
///           every earlier STATE of its scope is ready too. Scope: the stream, or the whole sync.
/// Threads:  none of its own; lives on the control strand. No I/O: the caller prints, then says so.
/// Source:   base design 2.4, behaviours 87-108; DESIGN, promise 1.
class CheckpointManager {
 public:
  explicit CheckpointManager(SyncManager const& sync) : sync_(sync) {}

  /// Errors: Error(system) when the kinds STREAM, GLOBAL and LEGACY are mixed in one sync, a STREAM state names a
  ///         stream outside the catalog, or its position goes back; it is not added then.
  void add(Checkpoint checkpoint);

  /// The lines of STATEs that are ready, in the order read within their scope, at most about `limit_bytes` (at least
  /// one STATE). They stay here until mark_emitted(): if printing fails they were not emitted.
  std::vector<std::string> ready_lines(std::size_t limit_bytes = 1 << 20);

  /// The lines last handed out were written. Without a preceding ready_lines() it changes nothing.
  void mark_emitted();

  std::size_t pending_count() const noexcept;
  std::uint64_t emitted_count() const noexcept { return emitted_count_; }
  std::uint64_t received_count() const noexcept { return received_count_; }

  /// When the oldest STATE was read that waits for records on their way; nothing when none does. Tells when batches
  /// should be closed for its sake: one that waits for a close, or for a stream that failed, gains nothing by it.
  std::optional<TimePoint> oldest_read_at() const;

  /// For an error message at the end: which STATE waits for which records.
  std::string describe_pending() const;

 private:
  struct Scope {
    std::deque<Checkpoint> waiting;
    std::vector<StreamPosition> emitted;  // positions of the last emitted STATE; empty before the first
    std::size_t handed_out = 0;           // of `waiting`, from its front
    std::uint64_t emitted_count = 0;

    std::vector<StreamPosition> const& positions_before(std::size_t index) const;
  };
  void check_kind(StateMessage const& state) const;
  void check_positions(Checkpoint const& checkpoint) const;
  bool is_ready(Checkpoint const& checkpoint) const;
  bool waits_for_records(Checkpoint const& checkpoint) const;
  void hand_out(Scope& scope, std::vector<std::string>& lines, std::size_t& room_bytes) const;
  std::string describe_wait(Checkpoint const& checkpoint) const;

  SyncManager const& sync_;
  std::optional<StateKind> kind_;                            // of the first STATE, and so of all
  std::map<std::optional<StreamDescriptor>, Scope> scopes_;  // by stream; nothing for the whole sync
  std::uint64_t received_count_ = 0;
  std::uint64_t emitted_count_ = 0;
};

}  // namespace landfall
