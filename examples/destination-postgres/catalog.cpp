#include "catalog.hpp"

#include <utility>

#include <landfall/table/naming.hpp>

#include "carry_over.hpp"
#include "column_types.hpp"
#include "key_index.hpp"
#include "owners.hpp"
#include "row_obstacles.hpp"

namespace postgres {

using landfall::Identifier;
using landfall::SqlText;
using landfall::TableName;

namespace {

Identifier meta_column(std::string_view name) { return Identifier(std::string(name)); }

std::string kind_named(std::string const& relkind) {
  if (relkind == "r") return "table";
  if (relkind == "p") return "partitioned table";  // where a row is (ctid) says nothing there without its partition
  if (relkind == "v") return "view";
  if (relkind == "m") return "materialized view";
  if (relkind == "f") return "foreign table";
  if (relkind == "S") return "sequence";
  if (relkind == "c") return "type";
  return "index";
}

landfall::TableState state_of(Connection& connection, TableName const& table, bool has_generations) {
  SqlText sql, generation;
  has_generations ? generation << meta_column(landfall::MetaColumns::generation_id) : generation << "NULL::bigint";
  sql << "SELECT " << generation << " FROM " << table << " LIMIT 1";
  Result const found = connection.run(sql);
  return found.rows() == 0 ? landfall::TableState::empty() : landfall::TableState::with_rows(found.integer(0, 0));
}

/// In a table of ours a number with limits is what somebody has wanted.
void leave_limits(landfall::TableSchema& schema) {
  for (landfall::TableColumn& column : schema.columns) {
    if (column.type != landfall::ColumnType::number || column.stored_as.empty()) continue;
    column.foreign_type = std::exchange(column.stored_as, std::string());
  }
}

}  // namespace

std::vector<Identifier> names_of(landfall::TableSchema const& schema) {
  std::vector<Identifier> names;
  for (landfall::TableColumn const& column : schema.columns) names.push_back(column.name);
  return names;
}

std::string kind_of(Connection& connection, TableName const& table) {
  SqlText sql;
  sql << "SELECT c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
         "WHERE n.nspname = $1 AND c.relname = $2";
  Result const found = connection.run(sql, {table.schema.text(), table.table.text()});
  return found.rows() == 0 ? std::string() : kind_named(found.text(0, 0));
}

bool table_exists(Connection& connection, TableName const& table) { return kind_of(connection, table) == "table"; }

bool schema_exists(Connection& connection, Identifier const& schema) {
  SqlText sql;
  sql << "SELECT 1 FROM pg_namespace WHERE nspname = $1";
  return connection.run(sql, {schema.text()}).rows() > 0;
}

bool is_referred_to(Connection& connection, TableName const& table) {
  SqlText sql;
  sql << "SELECT 1 FROM pg_constraint AS f JOIN pg_class AS c ON c.oid = f.confrelid JOIN pg_namespace AS n ON n.oid = "
         "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND f.contype = 'f' LIMIT 1";
  return connection.run(sql, {table.schema.text(), table.table.text()}).rows() > 0;
}

landfall::TableSchema schema_of(Connection& connection, TableName const& table) {
  SqlText sql;
  sql << "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef OR a.attidentity <> '', "
         "a.attidentity = 'a' OR COALESCE(to_jsonb(a) ->> 'attgenerated', '') <> '' "
         "FROM pg_attribute AS a "
         "JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
         "WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
  Result const found = connection.run(sql, {table.schema.text(), table.table.text()});
  landfall::TableSchema schema;
  for (int row = 0; row < found.rows(); ++row) {
    bool const nullable = found.text(row, 2) == "f";
    schema.columns.push_back(column_of(found.text(row, 0), found.text(row, 1), nullable));
    schema.columns.back().filled_by_store = found.text(row, 3) == "t";  // a generated one "has a default", too
    schema.columns.back().computed_by_store = found.text(row, 4) == "t";
  }
  schema.primary_key = key_of(connection, table);
  if (note_of(connection, table)) leave_limits(schema);
  return schema;
}

std::optional<landfall::ExistingTable> look_at(Connection& connection, TableName const& table) {
  std::string const kind = kind_of(connection, table);
  if (kind.empty()) return std::nullopt;
  landfall::ExistingTable found;
  if (kind != "table") {
    found.other_kind = kind;
    return found;
  }
  found.schema = schema_of(connection, table);
  if (auto note = note_of(connection, table)) found.take_note(std::move(*note));
  found.immovable = immovable_parts_of(connection, table);
  found.keeps_rows_out = obstacles_of(connection, table);
  found.may_keep_rows_out = row_triggers_of(connection, table);
  auto const has = [&](std::string_view column) { return found.schema.find(meta_column(column)) != nullptr; };
  found.state = has(landfall::MetaColumns::raw_id)
                    ? state_of(connection, table, has(landfall::MetaColumns::generation_id))
                    : landfall::TableState::empty();
  return found;
}

}  // namespace postgres
