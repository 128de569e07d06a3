#pragma once

#include <vector>

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

/// TableOperations::upsert(), but for the end of `from`. In a transaction in which nobody else changes the tables.
/// `carried`: columns of both tables beside the schema, of fields that left the stream while rows waited.
/// Whether the counts agree is for the caller to see.
landfall::RowCounts upsert_rows(Connection& connection, landfall::TableName const& from, landfall::TableName const& to,
                                landfall::TableSchema const& schema, std::vector<landfall::Identifier> const& carried,
                                landfall::UpsertRule const& rule);

}  // namespace postgres
