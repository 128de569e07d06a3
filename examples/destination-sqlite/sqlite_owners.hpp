#pragma once

#include <optional>

#include <landfall/table/naming.hpp>

#include "database.hpp"

namespace sqlite {

// The notes of tables, in "_landfall_owners". All as Database's functions: blocking, one at a time.

void create_owners_table(Database& database);

/// In the place of an earlier one.
void write_note(Database& database, landfall::TableName const& table, landfall::TableNote const& note);

std::optional<landfall::TableNote> note_of(Database& database, landfall::TableName const& table);

bool has_note(Database& database, landfall::TableName const& table);

/// The note of `to` gets what that of `from` says of other columns. Nothing where one of them has no note.
void add_missing_fields(Database& database, landfall::TableName const& from, landfall::TableName const& to);

/// With the table. Where `from` has none, `to` has none, either.
void move_note(Database& database, landfall::TableName const& from, landfall::TableName const& to);

void drop_note(Database& database, landfall::TableName const& table);

/// Adds all tables that are there. A file has one schema: it is called as it is asked for.
void add_tables(Database& database, landfall::Identifier const& schema, landfall::TablesThere& there);

}  // namespace sqlite
