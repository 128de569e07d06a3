#include "owners.hpp"

#include <string>
#include <utility>

#include "advisory_lock.hpp"
#include "catalog.hpp"

namespace postgres {

using landfall::Identifier;
using landfall::SqlText;
using landfall::TableName;
using landfall::TableNote;

namespace {

TableName owners_table(Identifier const& schema) { return TableName(schema, Identifier("_landfall_owners")); }

/// Two streams may be the first at once: the second one waits for the first one's end, and sees its table.
void make_owners_table(Connection& connection, Identifier const& schema) {
  TableName const owners = owners_table(schema);
  if (table_exists(connection, owners)) return;
  lock_names_of(connection, schema);
  if (table_exists(connection, owners)) return;
  SqlText sql;
  sql << "CREATE TABLE " << owners
      << " (table_name text NOT NULL PRIMARY KEY, final_table text NOT NULL, owner text NOT NULL, fields text NOT "
         "NULL)";
  connection.run(sql);
}

}  // namespace

void write_note(Connection& connection, TableName const& table, TableNote const& note) {
  make_owners_table(connection, table.schema);
  SqlText sql;
  sql << "INSERT INTO " << owners_table(table.schema)
      << " VALUES ($1, $2, $3, $4) ON CONFLICT (table_name) DO UPDATE SET final_table = EXCLUDED.final_table, owner = "
         "EXCLUDED.owner, fields = EXCLUDED.fields";
  connection.run(sql, {table.table.text(), note.final_table.table.text(), owner_text(note), fields_text(note)});
}

std::optional<TableNote> note_of(Connection& connection, TableName const& table) {
  TableName const owners = owners_table(table.schema);
  if (!table_exists(connection, owners)) return std::nullopt;
  SqlText sql;
  sql << "SELECT final_table, owner, fields FROM " << owners << " WHERE table_name = $1";
  Result const found = connection.run(sql, {table.table.text()});
  if (found.rows() == 0) return std::nullopt;
  return landfall::note_of(TableName(table.schema, Identifier(found.text(0, 0))), found.text(0, 1), found.text(0, 2));
}

void move_note(Connection& connection, TableName const& from, TableName const& to) {
  drop_note(connection, to);
  TableName const owners = owners_table(from.schema);
  if (!table_exists(connection, owners)) return;
  SqlText sql;
  sql << "UPDATE " << owners << " SET table_name = $1 WHERE table_name = $2";
  connection.run(sql, {to.table.text(), from.table.text()});
}

void drop_note(Connection& connection, TableName const& table) {
  TableName const owners = owners_table(table.schema);
  if (!table_exists(connection, owners)) return;
  SqlText sql;
  sql << "DELETE FROM " << owners << " WHERE table_name = $1";
  connection.run(sql, {table.table.text()});
}

void add_tables(Connection& connection, Identifier const& schema, landfall::TablesThere& there) {
  SqlText tables;
  tables << "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 "
            "AND c.relkind = 'r'";
  Result const found = connection.run(tables, {schema.text()});
  for (int row = 0; row < found.rows(); ++row) there[TableName(schema, Identifier(found.text(row, 0)))];
  TableName const owners = owners_table(schema);
  if (!there.contains(owners)) return;
  SqlText notes;
  notes << "SELECT table_name, final_table, owner FROM " << owners;
  Result const noted = connection.run(notes);
  for (int row = 0; row < noted.rows(); ++row) {
    auto const table = there.find(TableName(schema, Identifier(noted.text(row, 0))));
    if (table == there.end()) continue;
    table->second = landfall::note_of(TableName(schema, Identifier(noted.text(row, 1))), noted.text(row, 2), "");
  }
}

}  // namespace postgres
