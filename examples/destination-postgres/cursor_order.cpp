#include "cursor_order.hpp"

#include <landfall/runtime/assert.hpp>

namespace postgres {

using landfall::ColumnType;
using landfall::Identifier;
using landfall::SqlText;

CursorOrder::CursorOrder(landfall::TableSchema const& schema, landfall::UpsertRule const& rule)
    : names_{Identifier("cursor")} {
  if (!rule.cursor) return;
  column_ = schema.find(*rule.cursor);
  LANDFALL_ASSERT(column_ != nullptr);
  if (column_->type != ColumnType::json) return;
  names_.emplace_back("cursor_number");
  names_.emplace_back("cursor_text");
}

void CursorOrder::add_columns(SqlText& sql) const {
  if (column_ == nullptr) {
    sql << "NULL::bigint AS cursor, ";
  } else if (column_->type == ColumnType::json) {
    add_json_columns(sql);
  } else if (column_->type == ColumnType::text) {
    sql << column_->name << " COLLATE \"C\" AS cursor, ";
  } else {
    sql << column_->name << " AS cursor, ";
  }
}

// jsonb has an order of its own, in which texts come before numbers and compare as the database's language does.
void CursorOrder::add_json_columns(SqlText& sql) const {
  Identifier const& name = column_->name;
  sql << "CASE jsonb_typeof(" << name
      << ") WHEN 'number' THEN 1 WHEN 'string' THEN 2 WHEN 'boolean' THEN 3 WHEN 'array' THEN 4 WHEN 'object' THEN 4 "
         "END AS cursor, CASE jsonb_typeof("
      << name << ") WHEN 'number' THEN (" << name << " #>> '{}')::numeric ELSE 0 END AS cursor_number, "
      << "CASE jsonb_typeof(" << name << ") WHEN 'string' THEN " << name << " #>> '{}' WHEN 'boolean' THEN " << name
      << " #>> '{}' ELSE '' END COLLATE \"C\" AS cursor_text, ";
}

}  // namespace postgres
