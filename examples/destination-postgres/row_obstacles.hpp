#pragma once

#include <string>
#include <vector>

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

// What users have made on a table by which rows do not get into it, and no statement says so.

/// Rules on INSERT (a COPY does not run them, an INSERT may do something else), rules that do something instead of an
/// UPDATE or DELETE, and row security that holds for our role.
std::vector<std::string> obstacles_of(Connection& connection, landfall::TableName const& table);

/// Triggers that see each row before it is written or deleted: they may return null, and the row is left out.
std::vector<std::string> row_triggers_of(Connection& connection, landfall::TableName const& table);

}  // namespace postgres
