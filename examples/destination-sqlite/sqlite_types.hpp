#pragma once

#include <string>

#include <landfall/table/sql_text.hpp>
#include <landfall/table/table_schema.hpp>

namespace sqlite {

/// The name that a column of this type is declared with, and known again by.
landfall::SqlLiteral declared_type(landfall::ColumnType type);

/// A column that is declared so: of a foreign type where it is none of ours.
landfall::TableColumn column_of(std::string name, std::string const& declared, bool nullable);

/// What follows a column of this type where rows are put in order: " COLLATE ...", or nothing. See text_order.hpp.
landfall::SqlLiteral order_of(landfall::ColumnType type);

/// Appends the value of `column` in its one spelling, see landfall::one_spelling().
void add_spelled(landfall::SqlText& sql, landfall::Identifier const& column, landfall::ColumnType type);

}  // namespace sqlite
