#pragma once

#include <string>

#include <landfall/table/sql_text.hpp>
#include <landfall/table/table_schema.hpp>

namespace postgres {

/// The type of a column as PostgreSQL spells it.
landfall::SqlLiteral type_name(landfall::ColumnType type);
/// With TableColumn::stored_as.
landfall::SqlLiteral type_name(landfall::TableColumn const& column);
bool is_uuid(landfall::TableColumn const& column) noexcept;

/// A column as the server describes it (format_type). Text of any length is text. What other destinations make of a
/// number or a meta column is known (TableColumn::stored_as).
landfall::TableColumn column_of(std::string name, std::string const& type, bool nullable);

/// Appends the old value of a column as one of another type, of those that can be made of any value of it: text, JSON,
/// numbers of integers.
void add_converted(landfall::SqlText& sql, landfall::TableColumn const& from, landfall::ColumnType to);

}  // namespace postgres
