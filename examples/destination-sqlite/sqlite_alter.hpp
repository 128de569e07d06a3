#pragma once

#include <cstdint>

#include <landfall/table/table_operations.hpp>

#include "database.hpp"

namespace sqlite {

/// Changes a table where it is: rows, columns, indexes and triggers of others stay, and so do views that read it. A
/// column that gets another type, or whose values are in an older spelling, has its values read anew by the reading of
/// new records; an entry in `_airbyte_meta` says what did not fit. Where keys become equal by that, the newest row
/// stays, by (cursor, extracted at, order of the table).
///
/// Returns: how many rows went because their keys became equal.
/// Errors:  Error(config), and nothing is to be changed: a value does not fit, and its column is a part of the key, or
///          decisive; or something of somebody else depends on a column that gets another type.
std::int64_t alter_table(Database& database, landfall::TableAlteration const& asked);

}  // namespace sqlite
