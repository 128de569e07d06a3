#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data_folder.hpp"

namespace jsonl {

/// Where a sync begins to append to a file, and what stands around that place. Only a torn line behind it, in the same
/// file, is ours to cut off.
struct AppendNote {
  AppendNote() = default;

  /// `first`: the bytes that will be written at `place`, or their beginning.
  AppendNote(File const& file, std::uint64_t place, std::string_view first);

  /// The file still is what the note was made for: not another one in its place, nor shortened or written anew since.
  bool fits(File const& file) const;

  std::uint64_t from = 0;
  std::string before;  ///< the last bytes before `from`
  std::string first;   ///< the first ones behind it
};

/// What must be known about a stream's file beside its rows.
struct StreamNote {
  struct Merge {
    std::int64_t generation = 0;  ///< whose rows are being put behind
    std::uint64_t place = 0;      ///< where they begin
  };

  std::optional<std::int64_t> replaced_by_generation;
  std::optional<Merge> merge;
  std::optional<AppendNote> appending;  ///< from before the first byte of a sync until its rows are on disk at its end

  bool is_empty() const noexcept { return !replaced_by_generation && !merge && !appending; }

  /// Errors: std::exception where `text` was not printed by print().
  static StreamNote parse(std::string_view text);
  std::string print() const;
};

}  // namespace jsonl
