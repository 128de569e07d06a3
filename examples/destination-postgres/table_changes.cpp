#include "table_changes.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "advisory_lock.hpp"
#include "column_types.hpp"
#include "key_index.hpp"
#include "replica_identity.hpp"
#include "retype.hpp"
#include "views.hpp"

namespace postgres {

using landfall::Identifier;
using landfall::SchemaChange;
using landfall::SqlText;
using landfall::TableColumn;
using landfall::TableName;
using landfall::TableSchema;

namespace {

void add_definition(SqlText& sql, TableColumn const& column) {
  sql << column.name << " " << type_name(column);
  if (!column.nullable) sql << " NOT NULL";
}

/// What is to be read anew is text as the server spells it until then.
void add_retype(SqlText& sql, SchemaChange::Retype const& retype) {
  auto const& [from, to] = retype;
  if (is_uuid(to)) {
    sql << "ALTER COLUMN " << to.name << " TYPE uuid USING " << from.name << "::uuid";
  } else if (is_converted_by_server(from, to.type)) {
    sql << "ALTER COLUMN " << to.name << " TYPE " << type_name(to.type) << " USING ";
    add_converted(sql, from, to.type);
  } else {
    sql << "ALTER COLUMN " << to.name << " TYPE " << type_name(landfall::ColumnType::text) << " USING " << from.name
        << "::" << type_name(landfall::ColumnType::text);
  }
}

/// One statement for all columns: the table is written anew once at most.
void alter_columns(Connection& connection, TableName const& table, SchemaChange const& change) {
  SqlText sql;
  sql << "ALTER TABLE " << table << " ";
  bool is_first = true;
  auto const next = [&]() -> SqlText& {
    if (!std::exchange(is_first, false)) sql << ", ";
    return sql;
  };
  for (TableColumn const& column : change.retired) next() << "DROP COLUMN " << column.name;
  for (TableColumn const& column : change.added) add_definition(next() << "ADD COLUMN ", column);
  for (auto const& retype : change.retyped) {
    add_retype(next(), retype);
    if (retype.from.nullable && !retype.to.nullable) next() << "ALTER COLUMN " << retype.to.name << " SET NOT NULL";
  }
  for (auto const& [from, to] : change.renullable) next() << "ALTER COLUMN " << to.name << " SET NOT NULL";
  if (!is_first) connection.run(sql);
}

std::vector<Identifier> names_of(std::vector<SchemaChange::Retype> const& columns) {
  std::vector<Identifier> names;
  for (auto const& column : columns) names.push_back(column.from.name);
  return names;
}

std::vector<SchemaChange::Retype> to_be_read_anew(SchemaChange const& change) {
  std::vector<SchemaChange::Retype> columns;
  auto const is_ours = [](SchemaChange::Retype const& one) { return !is_converted_by_server(one.from, one.to.type); };
  std::ranges::copy_if(change.retyped, std::back_inserter(columns), is_ours);
  return columns;
}

}  // namespace

void create_table(Connection& connection, TableName const& table, TableSchema const& schema) {
  lock_names_of(connection, table.schema);
  SqlText sql;
  sql << "CREATE TABLE " << table << " (";
  bool is_first = true;
  for (TableColumn const& column : schema.columns) {
    if (!std::exchange(is_first, false)) sql << ", ";
    add_definition(sql, column);
  }
  sql << ")";
  connection.run(sql);
  create_key_index(connection, table, schema.primary_key);
}

std::int64_t change_table(Connection& connection, TableName const& table, SchemaChange const& change,
                          TableSchema const& wanted, std::map<Identifier, std::string> const& fields) {
  KeysThatMayMeet keys(connection, table, change.retyped, wanted.primary_key);
  if (change.key_changes) drop_key_index(connection, table);
  ViewsInTheWay views(connection, table, names_of(change.retyped));
  alter_columns(connection, table, change);
  std::vector<Identifier> kept = wanted.primary_key;
  std::ranges::copy(change.decisive, std::back_inserter(kept));
  read_anew(connection, table, to_be_read_anew(change), fields, kept);
  if (keys.may_have_met()) ensure_replica_identity(connection, table);
  std::int64_t const dropped_count = keys.drop_older(wanted, change.cursor);
  views.make_again();
  if (change.key_changes) create_key_index(connection, table, wanted.primary_key);
  return dropped_count;
}

}  // namespace postgres
