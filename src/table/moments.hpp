#pragma once

#include <string_view>

#include <landfall/table/airbyte_type.hpp>
#include <landfall/table/row_reader.hpp>

#include "table/fit.hpp"
#include "table/text_arena.hpp"

namespace landfall {

/// A date, a time or a timestamp, as the type of the column says (which is one of them). The forms are RowReader's.
///
/// Years:        counted as ISO 8601 does: 0 is 1 BC, -1 is 2 BC. They are limited as they are written, whatever the
///               offset makes of them.
/// Parts:        of a timestamp a date column gets the date and a time column the time, both as they are written.
/// 24:00:00:     in a timestamp it is the midnight at which the next day begins; for a date column it is still the day
///               that is written, for a time column 00:00:00. Alone it is no time.
/// Leap seconds: 60 is read as 59, so that no day begins too early.
Fit read_moment(ColumnType type, std::string_view text, ValueLimits const& limits, TextArena& arena, Cell& cell);

}  // namespace landfall
