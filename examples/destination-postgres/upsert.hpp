#pragma once

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

/// TableOperations::upsert(), but for the end of `from`. In a transaction in which nobody else changes the tables.
void upsert_rows(Connection& connection, landfall::TableName const& from, landfall::TableName const& to,
                 landfall::TableSchema const& schema, landfall::UpsertRule const& rule);

}  // namespace postgres
