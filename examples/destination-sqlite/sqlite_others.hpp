#pragma once

#include <string>
#include <vector>

#include <landfall/table/table_operations.hpp>

#include "database.hpp"

namespace sqlite {

// What somebody else has put on a table of ours: it stays, or goes along when another table takes its place. All as
// Database's functions: blocking, one at a time.

/// An index, a trigger or a view, as SQLite has it written down.
struct Other {
  std::string kind;  ///< "index", "trigger", "view"
  landfall::Identifier name;
  std::string sql;
};
using Others = std::vector<Other>;

Others indexes_of_others(Database& database, landfall::TableName const& table);
Others indexes_and_triggers_of_others(Database& database, landfall::TableName const& table);
/// Of all tables: while there are any, SQLite drops no column unless each of them can be read.
Others views_and_triggers(Database& database);

void drop_all(Database& database, Others const& others);
/// Errors: Error(config) which names what cannot be made on the table as it is now.
void make_again(Database& database, Others const& others);

/// Columns of `from` that `to` has not are made there, with their type, default and NOT NULL: null, or the default, in
/// the rows that are there.
void add_missing_columns(Database& database, landfall::TableName const& from, landfall::TableName const& to);

/// The same, and what users have made of columns that both have, of the same type, goes along: default, NOT NULL and
/// collation. Errors: Error(config) where a row of `to` has a null that is not allowed then.
void carry_over_columns(Database& database, landfall::TableName const& from, landfall::TableName const& to);

/// The columns of `from` beside those of `schema`, but for those of waiting rows and those that SQLite computes.
std::vector<landfall::Identifier> columns_beside(Database& database, landfall::TableName const& from,
                                                 landfall::TableSchema const& schema);

/// "INSERT INTO ": with "OR ABORT" where somebody has made the table with ON CONFLICT clauses, by which rows would be
/// left out, or others would go, in silence. (Not for all tables: it would hold for the statements of triggers, too.)
landfall::SqlLiteral insert_into(Database& database, landfall::TableName const& table);

bool has_triggers(Database& database, landfall::TableName const& table);

/// See ExistingTable::immovable.
std::vector<std::string> immovable_parts(Database& database, landfall::TableName const& table);

}  // namespace sqlite
