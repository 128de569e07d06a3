#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <landfall/destination/record_batch.hpp>
#include <landfall/table/row_reader.hpp>

#include "table/changes.hpp"
#include "table/object_walker.hpp"

namespace landfall {

/// One record as a single JSON value.
struct RawRow {
  std::string_view data;     ///< lies in the record where nothing was changed
  std::string_view changes;  ///< as Row::changes
  std::string_view refused;  ///< as Row::refused
};

/// Reads records for TableLayout::raw, see TableRows.
///
/// Cost:   one walk and a glance, which tells of nearly all records that nothing is wrong: they are not copied.
/// Errors: as RowReader::read().
class RawReader {
 public:
  explicit RawReader(ValueLimits limits) : limits_(limits), changes_(limits) {}

  /// Valid until the next read(), and while the batch of the record lives.
  RawRow read(Record const& record);

 private:
  void take(Member const& member);
  bool names_meet();
  void replace(std::string_view part, std::string_view by);

  ValueLimits limits_;
  ObjectWalker walker_;
  Changes changes_;
  std::string_view record_;
  std::string copy_;        // of the record up to `copied_`, with what was replaced
  std::size_t copied_ = 0;  // 0: nothing was replaced
  std::string held_name_;
  std::string held_value_;
  bool has_renamed_ = false;    // a member has another name now
  bool has_ambiguous_ = false;  // see Fit
};

}  // namespace landfall
