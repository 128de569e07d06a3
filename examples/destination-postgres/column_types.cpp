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

SqlText reading_function() {
  SqlText sql;
  sql << "CREATE OR REPLACE FUNCTION pg_temp._landfall_read(value text, wanted anyelement) RETURNS anyelement "
         "LANGUAGE plpgsql AS $$ BEGIN wanted := value; RETURN wanted; EXCEPTION WHEN data_exception THEN RETURN NULL; "
         "END $$";
  return sql;
}

void add_converted(SqlText& sql, landfall::TableColumn const& from, ColumnType to) {
  if (from.type == to) {
    sql << from.name;
  } else if (to == ColumnType::text) {
    add_text(sql, from);
  } else if (to == ColumnType::json) {
    sql << "to_jsonb(" << from.name << ")";
  } else if (to == ColumnType::number && from.type == ColumnType::integer) {
    sql << from.name << "::numeric";
  } else if (to == ColumnType::integer && from.type == ColumnType::number) {
    sql << "CASE WHEN " << from.name << " = trunc(" << from.name << ") AND " << from.name
        << " BETWEEN -9223372036854775808 AND 9223372036854775807 THEN " << from.name << "::bigint END";
  } else {
    sql << "pg_temp._landfall_read(";
    add_text(sql, from);
    sql << ", NULL::" << type_name(to) << ")";
  }
}

}  // namespace postgres
