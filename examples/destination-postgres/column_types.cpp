#include "column_types.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <landfall/runtime/assert.hpp>

namespace postgres {

namespace {

using landfall::ColumnType;
using landfall::SqlLiteral;
using landfall::SqlText;

struct NamedType {
  ColumnType type;
  SqlLiteral name;  // as format_type() prints it
};
constexpr std::array<NamedType, 10> named_types = {{
    {ColumnType::text, "character varying"},
    {ColumnType::boolean, "boolean"},
    {ColumnType::integer, "bigint"},
    {ColumnType::number, "numeric"},
    {ColumnType::date, "date"},
    {ColumnType::time, "time without time zone"},
    {ColumnType::time_with_timezone, "time with time zone"},
    {ColumnType::timestamp, "timestamp without time zone"},
    {ColumnType::timestamp_with_timezone, "timestamp with time zone"},
    {ColumnType::json, "jsonb"},
}};

/// A JSON string is its text.
void add_text(SqlText& sql, landfall::TableColumn const& column) {
  if (column.type == ColumnType::json) {
    sql << "CASE jsonb_typeof(" << column.name << ") WHEN 'string' THEN " << column.name << " #>> '{}' ELSE "
        << column.name << "::text END";
  } else {
    sql << column.name << "::text";
  }
}

}  // namespace

SqlLiteral type_name(ColumnType type) {
  auto const found = std::ranges::find(named_types, type, &NamedType::type);
  LANDFALL_ASSERT(found != named_types.end());
  return found->name;
}

landfall::TableColumn column_of(std::string name, std::string const& type, bool nullable) {
  landfall::TableColumn column(landfall::Identifier(std::move(name)), ColumnType::text, nullable);
  if (type == "text") return column;
  auto const named = [&type](NamedType const& one) { return one.name.text() == type; };
  auto const found = std::ranges::find_if(named_types, named);
  if (found != named_types.end()) {
    column.type = found->type;
  } else {
    column.foreign_type = type;
  }
  return column;
}

void add_converted(SqlText& sql, landfall::TableColumn const& from, ColumnType to) {
  if (from.type == to) {
    sql << from.name;
  } else if (to == ColumnType::text) {
    add_text(sql, from);
  } else if (to == ColumnType::json) {
    sql << "to_jsonb(" << from.name << ")";
  } else {
    LANDFALL_ASSERT(to == ColumnType::number && from.type == ColumnType::integer);
    sql << from.name << "::numeric";
  }
}

}  // namespace postgres
