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

void add_spelled(SqlText& sql, Identifier const& column, ColumnType type) {
  sql << "_landfall_spelled(" << column << ", " << static_cast<std::int64_t>(type) << ")";
}

}  // namespace sqlite
