// Prints the rows of a stream of destination-sqlite.

#include <string>

#include <landfall/table/naming.hpp>
#include <landfall/table/sql_text.hpp>
#include <landfall/table/table_schema.hpp>

#include "database.hpp"
#include "sqlite_catalog.hpp"
#include "sqlite_owners.hpp"
#include "sqlite_tables.hpp"
#include "table_reader.hpp"

namespace {

using landfall::ColumnType;

/// The value of a row's column as JSON.
std::string json_of(sqlite::Statement const& row, int place, ColumnType type) {
  if (row.is_null(place)) return "null";
  std::string text = row.text(place);
  switch (type) {
    case ColumnType::boolean:
      return row.integer(place) != 0 ? "true" : "false";
    case ColumnType::integer:
    case ColumnType::number:
    case ColumnType::json:
      return text;
    case ColumnType::text:
    case ColumnType::date:
    case ColumnType::time:
    case ColumnType::time_with_timezone:
    case ColumnType::timestamp:
    case ColumnType::timestamp_with_timezone:
      return table_reader::quoted(text);
  }
  return text;
}

void print_rows(table_reader::Question const& asked) {
  sqlite::Database database(asked.configuration.string("destination_path"), 5000);
  sqlite::create_owners_table(database);
  landfall::TablesThere there;
  sqlite::add_tables(database, landfall::Identifier(), there);
  landfall::TableNames const names(asked.catalog, sqlite::name_rules(), "", there);
  landfall::StreamTables const& tables = names.of(asked.stream);
  auto const table = sqlite::find_table(database, tables.final_table);
  if (!table) return;
  landfall::SqlText sql;
  sql << "SELECT ";
  sql.list(sqlite::names_of(table->schema)) << " FROM " << tables.final_table << " ORDER BY rowid";
  sqlite::Statement row = database.prepare(sql);
  while (row.step()) {
    table_reader::RowLine line(*table);
    for (std::size_t i = 0; i < table->schema.columns.size(); ++i) {
      landfall::TableColumn const& column = table->schema.columns[i];
      line.add(column.name, json_of(row, static_cast<int>(i), column.type));
    }
    line.print();
  }
}

}  // namespace

int main() { return table_reader::run(print_rows); }
