#pragma once

#include <optional>
#include <string>
#include <vector>

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

std::vector<landfall::Identifier> names_of(landfall::TableSchema const& schema);

/// An index for looking up rows of a key has such a name: by it the key is known again.
landfall::Identifier name_of_key_index();

/// Empty: there is nothing under this name. "table", or what else it is: "view", "sequence", ...
std::string kind_of(Connection& connection, landfall::TableName const& table);
bool table_exists(Connection& connection, landfall::TableName const& table);
bool schema_exists(Connection& connection, landfall::Identifier const& schema);

/// Of a table that is there.
landfall::TableSchema schema_of(Connection& connection, landfall::TableName const& table);
std::vector<landfall::Identifier> key_indexes_of(Connection& connection, landfall::TableName const& table);

std::optional<landfall::ExistingTable> look_at(Connection& connection, landfall::TableName const& table);

}  // namespace postgres
