#include "column_types.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <landfall/runtime/assert.hpp>
#include <landfall/table/naming.hpp>

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

/// What other destinations make, or users have made of it: what it holds, and how it is spelled where that matters.
struct OtherType {
  std::string_view column;  // or empty: any, but for those of the meta columns
  std::string_view type;    // the beginning
  ColumnType holds;
  bool is_kept;  // as it is: rows go in and out without a change
};
constexpr std::array<OtherType, 9> other_types = {{
    {landfall::MetaColumns::raw_id, "uuid", ColumnType::text, false},
    {landfall::MetaColumns::raw_id, "character varying(36)", ColumnType::text, true},
    {landfall::MetaColumns::raw_id, "character varying(255)", ColumnType::text, true},
    {landfall::MetaColumns::raw_id, "character(36)", ColumnType::text, true},
    {landfall::MetaColumns::meta, "json", ColumnType::json, false},
    {landfall::MetaColumns::meta, "text", ColumnType::json, false},
    {landfall::MetaColumns::meta, "character varying", ColumnType::json, false},
    {landfall::MetaColumns::generation_id, "integer", ColumnType::integer, false},
    {"", "numeric(", ColumnType::number, false},
}};

/// Sets the type of such a column.
bool is_taken_over(landfall::TableColumn& column, std::string const& type) {
  auto const fits = [&](OtherType const& one) {
    return one.column.empty() ? type.starts_with(one.type) : column.name.text() == one.column && type == one.type;
  };
  auto const found = std::ranges::find_if(other_types, fits);
  if (found == other_types.end()) return false;
  column.type = found->holds;
  if (!found->is_kept) column.stored_as = type;
  return true;
}

}  // namespace

SqlLiteral type_name(ColumnType type) {
  auto const found = std::ranges::find(named_types, type, &NamedType::type);
  LANDFALL_ASSERT(found != named_types.end());
  return found->name;
}

SqlLiteral type_name(landfall::TableColumn const& column) {
  return is_uuid(column) ? SqlLiteral("uuid") : type_name(column.type);
}

bool is_uuid(landfall::TableColumn const& column) noexcept { return column.stored_as == "uuid"; }

landfall::TableColumn column_of(std::string name, std::string const& type, bool nullable) {
  landfall::TableColumn column(landfall::Identifier(std::move(name)), ColumnType::text, nullable);
  if (is_taken_over(column, type)) return column;
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
    sql << from.name << "::" << type_name(to);
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
