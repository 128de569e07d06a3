#pragma once

#include <landfall/table/table_operations.hpp>

#include "database.hpp"

namespace sqlite {

/// For each key in `from` the newest row of both tables stays in `to`. See TableOperations::upsert().
///
/// Errors: as RowCounts::require_whole().
/// Cost: that of `from`: its keys are looked up in `to` by the index that create_table() has made.
landfall::RowCounts upsert_rows(Database& database, landfall::TableName const& from, landfall::TableName const& to,
                                landfall::TableSchema const& schema, landfall::UpsertRule const& rule);

/// Appends all rows of `from` to `to`. See TableOperations::move_rows(). Errors: as RowCounts::require_whole().
landfall::RowCounts move_all_rows(Database& database, landfall::TableName const& from, landfall::TableName const& to,
                                  landfall::TableSchema const& schema);

}  // namespace sqlite
