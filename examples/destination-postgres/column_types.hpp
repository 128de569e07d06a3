#pragma once

#include <string>

#include <landfall/table/sql_text.hpp>
#include <landfall/table/table_schema.hpp>

namespace postgres {

/// The type of a column as PostgreSQL spells it.
landfall::SqlLiteral type_name(landfall::ColumnType type);

/// A column as the server describes it (format_type). Text of any length is text.
landfall::TableColumn column_of(std::string name, std::string const& type, bool nullable);

/// Makes a function for the time of the transaction by which add_converted() reads what may not be readable.
landfall::SqlText reading_function();

/// Appends the old value of a column as one of another type; null where it cannot be read as one.
void add_converted(landfall::SqlText& sql, landfall::TableColumn const& from, landfall::ColumnType to);

}  // namespace postgres
