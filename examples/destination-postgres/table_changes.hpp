#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <landfall/table/table_schema.hpp>

#include "connection.hpp"

namespace postgres {

// Where a table is made, and changed: in a transaction in which nobody else does the same.

void create_table(Connection& connection, landfall::TableName const& table, landfall::TableSchema const& schema);

/// Columns of others stay, and so does a NOT NULL of theirs. Views that read a column which gets another type are made
/// again. `fields`: of columns, for entries of lost values in the rows' `changes`.
/// Returns: how many rows went, since their key became equal to a newer row's.
/// Errors: Error(config) for a key, or a decisive column, that would lose values, and for what hangs on a column and
/// cannot follow.
std::int64_t change_table(Connection& connection, landfall::TableName const& table,
                          landfall::SchemaChange const& change, landfall::TableSchema const& wanted,
                          std::map<landfall::Identifier, std::string> const& fields);

}  // namespace postgres
