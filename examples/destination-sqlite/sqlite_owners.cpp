#include "sqlite_owners.hpp"

#include <string>
#include <utility>

namespace sqlite {

using landfall::Identifier;
using landfall::SqlText;
using landfall::TableName;
using landfall::TableNote;

namespace {

Identifier const& owners_table() {
  static Identifier const name("_landfall_owners");
  return name;
}

}  // namespace

// Names of tables are compared as SQLite compares them.
void create_owners_table(Database& database) {
  database.run(SqlText() << "CREATE TABLE IF NOT EXISTS " << owners_table()
                         << " (table_name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, final_table TEXT NOT NULL, "
                            "owner TEXT NOT NULL, fields TEXT NOT NULL) WITHOUT ROWID");
}

void write_note(Database& database, TableName const& table, TableNote const& note) {
  Statement write =
      database.prepare(SqlText() << "INSERT OR REPLACE INTO " << owners_table() << " VALUES (?, ?, ?, ?)");
  std::string const owner = owner_text(note);
  std::string const fields = fields_text(note);
  write.bind(1, table.table.text());
  write.bind(2, note.final_table.table.text());
  write.bind(3, owner);
  write.bind(4, fields);
  write.execute();
}

std::optional<TableNote> note_of(Database& database, TableName const& table) {
  Statement found = database.prepare(SqlText() << "SELECT final_table, owner, fields FROM " << owners_table()
                                               << " WHERE table_name = ?");
  found.bind(1, table.table.text());
  if (!found.step()) return std::nullopt;
  return landfall::note_of(TableName(table.schema, Identifier(found.text(0))), found.text(1), found.text(2));
}

bool has_note(Database& database, TableName const& table) {
  Statement found = database.prepare(SqlText() << "SELECT 1 FROM " << owners_table() << " WHERE table_name = ?");
  found.bind(1, table.table.text());
  return found.step();
}

void add_missing_fields(Database& database, TableName const& from, TableName const& to) {
  auto const note = note_of(database, from);
  auto combined = note_of(database, to);
  if (!note || !combined) return;
  combined->fields.insert(note->fields.begin(), note->fields.end());
  write_note(database, to, *combined);
}

void move_note(Database& database, TableName const& from, TableName const& to) {
  drop_note(database, to);
  Statement move =
      database.prepare(SqlText() << "UPDATE " << owners_table() << " SET table_name = ? WHERE table_name = ?");
  move.bind(1, to.table.text());
  move.bind(2, from.table.text());
  move.execute();
}

void drop_note(Database& database, TableName const& table) {
  Statement drop = database.prepare(SqlText() << "DELETE FROM " << owners_table() << " WHERE table_name = ?");
  drop.bind(1, table.table.text());
  drop.execute();
}

void add_tables(Database& database, Identifier const& schema, landfall::TablesThere& there) {
  Statement found = database.prepare(
      SqlText() << "SELECT m.name, o.final_table, o.owner FROM sqlite_master AS m LEFT JOIN " << owners_table()
                << " AS o ON m.name = o.table_name COLLATE NOCASE WHERE m.type = 'table'");
  while (found.step()) {
    auto& note = there[TableName(schema, Identifier(found.text(0)))];
    if (found.is_null(1)) continue;
    note = landfall::note_of(TableName(schema, Identifier(found.text(1))), found.text(2), "");
  }
}

}  // namespace sqlite
