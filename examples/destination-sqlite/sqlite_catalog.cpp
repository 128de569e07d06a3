#include "sqlite_catalog.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>

#include "sqlite_owners.hpp"
#include "sqlite_types.hpp"

namespace sqlite {

using landfall::Identifier;
using landfall::SqlText;
using landfall::TableColumn;
using landfall::TableName;
using landfall::TableSchema;

namespace {

// ---- the key ----

/// The columns of the key's index, or the names of such indexes.
std::vector<Identifier> look_up_key(Database& database, TableName const& table, landfall::SqlLiteral what) {
  SqlText sql;
  sql << "SELECT DISTINCT " << what << " FROM pragma_index_list(";
  sql.string(table.table.text()) << ") AS l, pragma_index_info(l.name) AS i WHERE l.name LIKE '\\_landfall\\_key\\_%'"
                                    " ESCAPE '\\' ORDER BY i.seqno";
  std::vector<Identifier> names;
  Statement found = database.prepare(sql);
  while (found.step()) names.emplace_back(found.text(0));
  return names;
}

/// Indexes of all tables share their names, and keep them when their table is renamed.
Identifier new_index_name() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return Identifier(fmt::format("_landfall_key_{:016x}", random()));
}

void create_index(Database& database, TableName const& table, std::vector<Identifier> const& key) {
  if (key.empty()) return;
  SqlText sql;
  sql << "CREATE INDEX " << new_index_name() << " ON " << table.table << " (";
  sql.list(key) << ")";
  database.run(sql);
}

// ---- changes ----

void add_column(SqlText& sql, TableColumn const& column) {
  sql << column.name << " " << declared_type(column.type);
  if (!column.nullable) sql << " NOT NULL";
}

bool only_adds(landfall::SchemaChange const& change) {
  return change.retired.empty() && change.retyped.empty() && change.renullable.empty() &&
         std::ranges::all_of(change.added, &TableColumn::nullable);
}

void add_to_table(Database& database, TableName const& table, landfall::SchemaChange const& change,
                  std::vector<Identifier> const& key) {
  for (TableColumn const& column : change.added) {
    SqlText sql;
    sql << "ALTER TABLE " << table << " ADD COLUMN ";
    add_column(sql, column);
    database.run(sql);
  }
  if (!change.key_changes) return;
  for (Identifier const& index : look_up_key(database, table, "l.name"))
    database.run(SqlText() << "DROP INDEX " << index);
  create_index(database, table, key);
}

void refuse_foreign_columns(TableName const& table, TableSchema const& schema) {
  for (TableColumn const& column : schema.columns) {
    if (column.foreign_type.empty() && !column.filled_by_store) continue;
    throw landfall::config_error(
        "{}: the column {} ({}) would be lost by a change of the table: drop it, or move it to a table of its own",
        to_string(table), column.name.text(),
        column.foreign_type.empty() ? std::string("filled by the store") : column.foreign_type);
  }
}

/// The columns of the table that is written anew: also those that nobody wants any more, and a NOT NULL of somebody
/// else.
TableSchema schema_anew(TableSchema const& actual, TableSchema wanted) {
  for (TableColumn& column : wanted.columns) {
    TableColumn const* const old = actual.find(column.name);
    column.nullable = column.nullable && (old == nullptr || old->nullable);
  }
  for (TableColumn const& column : actual.columns) {
    bool const is_retired = landfall::MetaColumns::is_of_waiting_rows(column.name.text());
    if (wanted.find(column.name) == nullptr && !is_retired) wanted.columns.push_back(column);
  }
  return wanted;
}

void write_anew(Database& database, TableName const& table, TableSchema const& actual, TableSchema const& wanted) {
  TableName const copy{table.schema, Identifier("_landfall_copy")};
  drop_table(database, copy);
  create_table(database, copy, wanted);
  SqlText sql;
  sql << "INSERT INTO " << copy << " (";
  sql.list(names_of(wanted)) << ") SELECT ";
  bool is_first = true;
  for (TableColumn const& column : wanted.columns) {
    if (!std::exchange(is_first, false)) sql << ", ";
    TableColumn const* const old = actual.find(column.name);
    old != nullptr ? add_converted(sql, column.name, old->type, column.type) : void(sql << "NULL");
  }
  sql << " FROM " << table << " ORDER BY rowid";
  database.run(sql);
  drop_table(database, table);
  rename_table(database, copy, table);
}

}  // namespace

std::vector<Identifier> names_of(TableSchema const& schema) {
  std::vector<Identifier> names;
  for (TableColumn const& column : schema.columns) names.push_back(column.name);
  return names;
}

std::string kind_of(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ";
  sql.string(table.table.text()) << " COLLATE NOCASE";
  Statement found = database.prepare(sql);
  return found.step() ? found.text(0) : std::string();
}

TableSchema schema_of(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT name, type, \"notnull\", dflt_value IS NOT NULL OR hidden <> 0 FROM pragma_table_xinfo(";
  sql.string(table.table.text()) << ") ORDER BY cid";
  TableSchema schema;
  Statement found = database.prepare(sql);
  while (found.step()) {
    schema.columns.push_back(column_of(found.text(0), found.text(1), found.integer(2) == 0));
    schema.columns.back().filled_by_store = found.integer(3) != 0;
  }
  schema.primary_key = look_up_key(database, table, "i.name");
  return schema;
}

Identifier rowid_of(TableName const& table, TableSchema const& schema) {
  for (std::string const name : {"rowid", "_rowid_", "oid"}) {
    bool const is_taken = std::ranges::any_of(schema.columns, [&name](TableColumn const& column) {
      return sqlite3_stricmp(column.name.text().c_str(), name.c_str()) == 0;
    });
    if (!is_taken) return Identifier(name);
  }
  throw landfall::config_error("{}: it has columns called rowid, _rowid_ and oid: rename one of them",
                               to_string(table));
}

std::optional<landfall::ExistingTable> find_table(Database& database, TableName const& table) {
  std::string const kind = kind_of(database, table);
  if (kind.empty()) return std::nullopt;
  landfall::ExistingTable found;
  if (kind != "table") {
    found.other_kind = kind;
    return found;
  }
  found.schema = schema_of(database, table);
  if (auto note = note_of(database, table)) found.take_note(std::move(*note));
  found.state = landfall::TableState::empty();
  Identifier const generation{std::string(landfall::MetaColumns::generation_id)};
  if (found.schema.find(generation) == nullptr) return found;  // it is none of ours
  Statement row = database.prepare(SqlText() << "SELECT " << generation << " FROM " << table << " LIMIT 1");
  if (row.step()) found.state = landfall::TableState::with_rows(row.integer(0));
  return found;
}

void create_table(Database& database, TableName const& table, TableSchema const& schema) {
  SqlText sql;
  sql << "CREATE TABLE " << table << " (";
  bool is_first = true;
  for (TableColumn const& column : schema.columns) {
    if (!std::exchange(is_first, false)) sql << ", ";
    add_column(sql, column);
  }
  sql << ")";
  database.run(sql);
  create_index(database, table, schema.primary_key);
}

void drop_table(Database& database, TableName const& table) {
  database.run(SqlText() << "DROP TABLE IF EXISTS " << table);
}

void rename_table(Database& database, TableName const& from, TableName const& to) {
  database.run(SqlText() << "ALTER TABLE " << from << " RENAME TO " << to.table);
}

void alter_table(Database& database, TableName const& table, TableSchema const& wanted) {
  TableSchema const actual = schema_of(database, table);
  landfall::SchemaChange const change = change_between(table, actual, wanted);
  if (only_adds(change)) return add_to_table(database, table, change, wanted.primary_key);
  refuse_foreign_columns(table, actual);
  write_anew(database, table, actual, schema_anew(actual, wanted));
}

}  // namespace sqlite
