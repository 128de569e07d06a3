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

/// Of a table that is there. Its columns are outdated where it has no note.
landfall::TableSchema schema_of(Database& database, landfall::TableName const& table);

/// A name by which the rows of a table can be told apart, though it may have columns called rowid.
/// Errors: Error(config) for a table with columns of all these names.
landfall::Identifier rowid_of(Database& database, landfall::TableName const& table);

std::optional<landfall::ExistingTable> find_table(Database& database, landfall::TableName const& table);

void create_table(Database& database, landfall::TableName const& table, landfall::TableSchema const& schema);

/// Does nothing where there is no such table.
void drop_table(Database& database, landfall::TableName const& table);

void rename_table(Database& database, landfall::TableName const& from, landfall::TableName const& to);

/// The index by which rows are looked up; none for an empty key.
void create_key(Database& database, landfall::TableName const& table, std::vector<landfall::Identifier> const& key);
void drop_key(Database& database, landfall::TableName const& table);

/// What a user can do about a NOT NULL, which SQLite cannot take away: a column without it takes its place.
std::string not_null_removal(landfall::TableName const& table, landfall::TableColumn const& column);

}  // namespace sqlite
