#include "sqlite_types.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <landfall/runtime/assert.hpp>

namespace sqlite {

using landfall::ColumnType;
using landfall::Identifier;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableColumn;

namespace {

struct DeclaredType {
  ColumnType type;
  SqlLiteral name;
};
// "TEXT" within a name makes SQLite keep what it is given as text; "INT" and "BOOL" make it numbers.
constexpr std::array<DeclaredType, 10> declared_types = {{
    {ColumnType::text, "TEXT"},
    {ColumnType::boolean, "BOOLEAN"},
    {ColumnType::integer, "BIGINT"},
    {ColumnType::number, "DECIMAL_TEXT"},
    {ColumnType::date, "DATE_TEXT"},
    {ColumnType::time, "TIME_TEXT"},
    {ColumnType::time_with_timezone, "TIMETZ_TEXT"},
    {ColumnType::timestamp, "TIMESTAMP_TEXT"},
    {ColumnType::timestamp_with_timezone, "TIMESTAMPTZ_TEXT"},
    {ColumnType::json, "JSON_TEXT"},
}};

}  // namespace

SqlLiteral declared_type(ColumnType type) {
  auto const found = std::ranges::find(declared_types, type, &DeclaredType::type);
  LANDFALL_ASSERT(found != declared_types.end());
  return found->name;
}

TableColumn column_of(std::string name, std::string const& declared, bool nullable) {
  TableColumn column(Identifier(std::move(name)), ColumnType::text, nullable);
  auto const found = std::ranges::find(declared_types, std::string_view(declared),
                                       [](DeclaredType const& type) { return type.name.text(); });
  if (found != declared_types.end()) {
    column.type = found->type;
  } else {
    column.foreign_type = declared.empty() ? "of no declared type" : declared;
  }
  return column;
}

SqlLiteral order_of(ColumnType type) {
  switch (type) {
    case ColumnType::number:
      return " COLLATE _landfall_number";
    case ColumnType::time_with_timezone:
    case ColumnType::timestamp_with_timezone:
      return " COLLATE _landfall_moment";
    case ColumnType::json:
      return " COLLATE _landfall_json";
    case ColumnType::text:
    case ColumnType::boolean:
    case ColumnType::integer:
    case ColumnType::date:
    case ColumnType::time:
    case ColumnType::timestamp:
      return "";
  }
  LANDFALL_ASSERT(false);
}

void add_converted(SqlText& sql, Identifier const& column, ColumnType from, ColumnType to) {
  if (from == to) {
    sql << column;
  } else if (to == ColumnType::text && from == ColumnType::boolean) {
    sql << "CASE " << column << " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END";
  } else if (to == ColumnType::text && from == ColumnType::json) {
    sql << "CASE WHEN json_type(" << column << ") = 'text' THEN " << column << " ->> '$' ELSE " << column << " END";
  } else if (to == ColumnType::text) {
    sql << "CAST(" << column << " AS TEXT)";
  } else if (to == ColumnType::json && (from == ColumnType::integer || from == ColumnType::number)) {
    sql << "CAST(" << column << " AS TEXT)";
  } else if (to == ColumnType::json && from == ColumnType::boolean) {
    sql << "CASE " << column << " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END";
  } else if (to == ColumnType::json) {
    sql << "CASE WHEN " << column << " IS NOT NULL THEN json_quote(" << column << ") END";
  } else if (to == ColumnType::number && from == ColumnType::integer) {
    sql << "CAST(" << column << " AS TEXT)";
  } else if (to == ColumnType::integer && (from == ColumnType::text || from == ColumnType::number)) {
    sql << "CASE WHEN CAST(CAST(" << column << " AS INTEGER) AS TEXT) = " << column << " THEN CAST(" << column
        << " AS INTEGER) END";
  } else {
    sql << "NULL";
  }
}

void add_spelled(SqlText& sql, Identifier const& column, ColumnType type) {
  sql << "_landfall_spelled(" << column << ", " << static_cast<std::int64_t>(type) << ")";
}

}  // namespace sqlite
