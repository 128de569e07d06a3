#include "sqlite_catalog.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "sqlite_others.hpp"
#include "sqlite_owners.hpp"
#include "sqlite_types.hpp"

namespace sqlite {

using landfall::ColumnType;
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

void add_column(SqlText& sql, TableColumn const& column) {
  sql << column.name << " " << declared_type(column.type);
  if (!column.nullable) sql << " NOT NULL";
}

// ---- values in older spellings ----

bool may_be_outdated(TableSchema const& schema, TableColumn const& column) {
  switch (column.type) {
    case ColumnType::time:
    case ColumnType::time_with_timezone:
    case ColumnType::timestamp:
    case ColumnType::timestamp_with_timezone:
      return column.name.text() != landfall::MetaColumns::extracted_at;  // which always had one spelling
    case ColumnType::json:
      return std::ranges::find(schema.primary_key, column.name) != schema.primary_key.end();
    case ColumnType::text:
    case ColumnType::boolean:
    case ColumnType::integer:
    case ColumnType::number:
    case ColumnType::date:
      return false;
  }
  LANDFALL_ASSERT(false);
}

/// A table without a note was made before there were notes, and before values had one spelling.
void mark_outdated(TableSchema& schema) {
  for (TableColumn& column : schema.columns) {
    column.outdated = column.foreign_type.empty() && may_be_outdated(schema, column);
  }
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
  sql << "SELECT name, type, \"notnull\", dflt_value IS NOT NULL OR hidden <> 0, hidden FROM pragma_table_xinfo(";
  sql.string(table.table.text()) << ") ORDER BY cid";
  TableSchema schema;
  Statement found = database.prepare(sql);
  while (found.step()) {
    schema.columns.push_back(column_of(found.text(0), found.text(1), found.integer(2) == 0));
    schema.columns.back().filled_by_store = found.integer(3) != 0;
    schema.columns.back().computed_by_store = found.integer(4) != 0;
  }
  schema.primary_key = look_up_key(database, table, "i.name");
  if (!has_note(database, table)) mark_outdated(schema);
  return schema;
}

Identifier rowid_of(Database& database, TableName const& table) {
  TableSchema const schema = schema_of(database, table);
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
  found.immovable = immovable_parts(database, table);
  found.state = landfall::TableState::empty();
  Identifier const generation{std::string(landfall::MetaColumns::generation_id)};
  if (found.schema.find(generation) == nullptr) return found;  // it is none of ours
  Statement row = database.prepare(SqlText() << "SELECT " << generation << " FROM " << table << " LIMIT 1");
  if (row.step()) found.state = landfall::TableState::with_rows(row.integer(0));
  return found;
}

std::string not_null_removal(TableName const& table, TableColumn const& column) {
  Identifier const old(column.name.text() + "_old");
  SqlText before;
  before << "ALTER TABLE " << table << " RENAME COLUMN " << column.name << " TO " << old << "; ALTER TABLE " << table
         << " ADD COLUMN " << column.name;
  SqlText after;
  after << "; UPDATE " << table << " SET " << column.name << " = " << old << "; ALTER TABLE " << table
        << " DROP COLUMN " << old;
  std::string type(declared_type(column.type).text());
  if (!column.foreign_type.empty()) type = column.foreign_type;
  bool const is_declared = type.find("no declared type") == std::string::npos;
  return before.text() + (is_declared ? " " + type : "") + after.text();
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
  create_key(database, table, schema.primary_key);
}

void drop_table(Database& database, TableName const& table) {
  database.run(SqlText() << "DROP TABLE IF EXISTS " << table);
}

void rename_table(Database& database, TableName const& from, TableName const& to) {
  database.run(SqlText() << "ALTER TABLE " << from << " RENAME TO " << to.table);
}

void create_key(Database& database, TableName const& table, std::vector<Identifier> const& key) {
  if (key.empty()) return;
  SqlText sql;
  sql << "CREATE INDEX " << new_index_name() << " ON " << table.table << " (";
  sql.list(key) << ")";
  database.run(sql);
}

void drop_key(Database& database, TableName const& table) {
  for (Identifier const& index : look_up_key(database, table, "l.name")) {
    database.run(SqlText() << "DROP INDEX " << index);
  }
}

}  // namespace sqlite
