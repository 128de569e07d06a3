#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/protocol/stream_descriptor.hpp>

namespace landfall {

enum class StateKind { stream, global, legacy };

/// "STREAM", "GLOBAL", "LEGACY".
std::string_view to_string(StateKind kind) noexcept;

/// Records and bytes of one stream, or a sum of them.
struct RecordCounts {
  constexpr RecordCounts() = default;
  constexpr RecordCounts(std::uint64_t record_count, std::uint64_t byte_count, std::uint64_t rejected_count = 0)
      : records(record_count), bytes(byte_count), rejected(rejected_count) {}
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  ///< serialised, as read
  std::uint64_t rejected = 0;
  friend bool operator==(RecordCounts const&, RecordCounts const&) = default;
};

/// A STATE as it came, and how to print it again: every byte of the line but what we must add.
///
/// Source: protocol reference 2.2 and 3; base design 2.4. A value.
class StateMessage {
 public:
  /// Made by the parser. Offsets are into `line`, which has no line end.
  StateMessage() = default;

  StateKind kind = StateKind::legacy;
  std::optional<StreamDescriptor> stream;  ///< of a STREAM state, as received

  /// What is added when it is printed.
  struct Stats {
    Stats() = default;
    RecordCounts delta;  ///< since the previous STATE of its scope; `records` counts what was loaded, without rejected
    RecordCounts total;  ///< since the start of the sync
    std::span<RecordCounts const> stream_totals;  ///< of a GLOBAL one: of each stream of the catalog, in its order
  };

  /// Appends the line to print, ended by '\n': `destinationStats` and the committed counts are set (values the input
  /// had for them are dropped), `sourceStats` is added when the source sent none, everything else is as it came.
  void print_to(std::string& text, Stats const& stats) const;

  /// What it holds in memory.
  std::size_t size_bytes() const noexcept;

  std::string line;                ///< without members that we set ourselves
  std::size_t state_end = 0;       ///< offset of the } that closes the `state` object
  bool state_has_members = false;  ///< whether a comma is needed there
  bool has_source_stats = false;
  struct InnerState {
    InnerState() = default;
    std::optional<std::size_t> stream;  ///< its place in the catalog; nothing when it is not there
    std::size_t end = 0;                ///< offset of the } that closes this entry of stream_states
    bool has_members = false;
  };
  std::vector<InnerState> inner_states;  ///< of a GLOBAL state, in order of offset
};

}  // namespace landfall
