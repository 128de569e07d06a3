#pragma once

#include <optional>
#include <string>
#include <vector>

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

std::vector<landfall::Identifier> names_of(landfall::TableSchema const& schema);

/// Empty: there is nothing under this name. "table", or what else it is: "view", "sequence", ...
std::string kind_of(Connection& connection, landfall::TableName const& table);
bool table_exists(Connection& connection, landfall::TableName const& table);
bool schema_exists(Connection& connection, landfall::Identifier const& schema);

/// True when a foreign key refers to its rows.
bool is_referred_to(Connection& connection, landfall::TableName const& table);

/// Of a table that is there.
landfall::TableSchema schema_of(Connection& connection, landfall::TableName const& table);

std::optional<landfall::ExistingTable> look_at(Connection& connection, landfall::TableName const& table);

}  // namespace postgres
