#pragma once

#include <landfall/table/airbyte_type.hpp>
#include <landfall/table/row_reader.hpp>

#include "table/fit.hpp"
#include "table/json_value.hpp"
#include "table/text_arena.hpp"

namespace landfall {

/// Makes `cell`, which is null, one of the column's type; it stays null where the value does not fit.
/// Errors: Error(system) when a string is broken.
Fit make_cell(ColumnType type, JsonValue const& value, ValueLimits const& limits, TextArena& arena, Cell& cell);

}  // namespace landfall
