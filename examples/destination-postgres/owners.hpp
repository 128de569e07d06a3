#pragma once

#include <optional>

#include <landfall/table/naming.hpp>

#include "connection.hpp"

namespace postgres {

// The notes of a schema's tables, in its table "_landfall_owners".

/// In the place of an earlier one. Makes the table of notes when it is missing.
void write_note(Connection& connection, landfall::TableName const& table, landfall::TableNote const& note);

std::optional<landfall::TableNote> note_of(Connection& connection, landfall::TableName const& table);

/// With the table. Where `from` has none, `to` has none, either.
void move_note(Connection& connection, landfall::TableName const& from, landfall::TableName const& to);

void drop_note(Connection& connection, landfall::TableName const& table);

/// Adds all tables that are there.
void add_tables(Connection& connection, landfall::Identifier const& schema, landfall::TablesThere& there);

}  // namespace postgres
