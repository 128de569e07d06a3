#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <landfall/protocol/catalog.hpp>

namespace landfall {

/// What stands under a table's name before a stream is loaded.
struct TableState {
  TableState() = default;  ///< nothing
  static TableState empty() { return TableState(true, false, 0); }
  static TableState with_rows(std::int64_t row_generation) { return TableState(true, true, row_generation); }

  bool exists = false;
  bool has_rows = false;
  std::int64_t generation = 0;  ///< of one of its rows
  friend bool operator==(TableState const&, TableState const&) = default;

 private:
  TableState(bool is_there, bool holds_rows, std::int64_t row_generation)
      : exists(is_there), has_rows(holds_rows), generation(row_generation) {}
};

/// How the rows of a stream get into its final table.
///
/// Tables: final: what readers see. Work: acknowledged rows that are not in the final table yet; found again by the
/// next
///         sync. Attempt: rows that nobody acknowledges before the stream was closed well. Swap: where a new final
///         table is put together. Attempt and swap tables of an earlier sync are dropped before anything else is done.
struct LoadPlan {
  enum class Target { final_table, work_table, attempt_table };

  /// What becomes of a work table that is there already.
  enum class Leftover {
    keep,   ///< its rows are a part of what is loaded now
    merge,  ///< its rows go to the final table at the start: a refresh was given up
    drop,   ///< its rows belong to a refresh that is replaced by this one
  };

  enum class End {
    nothing,         ///< the rows are where they belong
    upsert,          ///< the target is merged into the final table, by key, and dropped
    replace,         ///< the target takes the place of the final table
    upsert_replace,  ///< the target is merged into an empty table, which takes the place of the final one
    keep,            ///< the target stays for the next attempt
    drop,            ///< the target is dropped
  };

  LoadPlan() = default;
  Target target = Target::final_table;
  Leftover leftover = Leftover::merge;
  End when_complete = End::nothing;
  End otherwise = End::nothing;  ///< incomplete or failed
  friend bool operator==(LoadPlan const&, LoadPlan const&) = default;
};

/// "into the work table; leftover rows: keep; complete: replace; otherwise: keep".
std::string to_string(LoadPlan const& plan);

/// Decides from what the catalog asks for and from what is in the store.
///
/// Append:              into the final table; what waits in a work table goes there first.
/// Append and dedup:    into the work table, which is merged at the end, however the stream ended: merging is by key,
/// so
///                      a part of the rows harms nobody. What waits there from an earlier sync is merged with it.
/// Replacing old data:  the final table keeps the old rows until the stream is complete. Rows of an earlier attempt of
///                      the same generation are kept and completed; those of any other generation go. Where the
///                      final table has rows of this generation, since the stream was complete before, rows go there.
/// The same without generations: an earlier attempt cannot be told from old data, so nothing of it is kept.
/// Errors: Error(config), with the stream's name, for a minimum generation between 0 and the generation, and for a sync
///         mode that tables do not have (update, soft_delete).
/// Generations:         a refresh begins with one that no row has; its later attempts have the same. They are compared
/// for
///                      equality alone: their counters may be reset.
/// Source: base design 1.17, behaviours 272, 273; protocol reference 3.1, 3.2.
LoadPlan plan_load(DestinationStream const& stream, TableState const& final_table, TableState const& work_table);

}  // namespace landfall
