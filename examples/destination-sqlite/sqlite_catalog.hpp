#pragma once

#include <optional>
#include <string>
#include <vector>

#include <landfall/table/table_operations.hpp>

#include "database.hpp"

namespace sqlite {

// What tables a file has, and changes of them. All as Database's functions: blocking, one at a time.

std::vector<landfall::Identifier> names_of(landfall::TableSchema const& schema);

/// "table", "view", or empty: there is nothing.
std::string kind_of(Database& database, landfall::TableName const& table);

/// Of a table that is there.
landfall::TableSchema schema_of(Database& database, landfall::TableName const& table);

/// A name by which the rows of a table can be told apart, though it may have columns called rowid.
/// Errors: Error(config) for a table with columns of all these names.
landfall::Identifier rowid_of(landfall::TableName const& table, landfall::TableSchema const& schema);

std::optional<landfall::ExistingTable> find_table(Database& database, landfall::TableName const& table);

void create_table(Database& database, landfall::TableName const& table, landfall::TableSchema const& schema);

/// Does nothing where there is no such table.
void drop_table(Database& database, landfall::TableName const& table);

void rename_table(Database& database, landfall::TableName const& from, landfall::TableName const& to);

/// A table that only gets more columns stays as it is; any other is written anew.
/// Errors: Error(config) for a table that is written anew, and has columns of foreign types.
void alter_table(Database& database, landfall::TableName const& table, landfall::TableSchema const& wanted);

}  // namespace sqlite
