// Prints the rows of a stream of destination-postgres.

#include <string>

#include <landfall/table/naming.hpp>
#include <landfall/table/sql_text.hpp>
#include <landfall/table/table_schema.hpp>

#include "catalog.hpp"
#include "connection.hpp"
#include "owners.hpp"
#include "postgres_tables.hpp"
#include "settings.hpp"
#include "table_reader.hpp"

namespace {

void print_rows(table_reader::Question const& asked) {
  postgres::Settings const settings = postgres::settings_of(asked.configuration);
  postgres::SecretFiles const secrets(settings.tls);
  postgres::Connection connection(settings, secrets);
  landfall::TableNames const natural(asked.catalog, postgres::name_rules(), settings.schema);
  landfall::TablesThere there;
  for (auto const& schema : natural.schemas()) postgres::add_tables(connection, schema, there);
  landfall::TableNames const names(asked.catalog, postgres::name_rules(), settings.schema, there);
  landfall::StreamTables const& tables = names.of(asked.stream);
  auto const table = postgres::look_at(connection, tables.final_table);
  if (!table || !table->other_kind.empty()) return;
  auto const columns = postgres::names_of(table->schema);
  // As JSON: numbers with all their digits, moments in ISO 8601.
  landfall::SqlText sql;
  sql << "SELECT ";
  for (auto const& column : columns) sql << "to_json(" << column << ")::text, ";
  sql << "ctid FROM " << tables.final_table << " ORDER BY ctid";
  postgres::Result const rows = connection.run(sql);
  for (int row = 0; row < rows.rows(); ++row) {
    table_reader::RowLine line(*table);
    int place = 0;
    for (auto const& column : columns) {
      line.add(column, rows.is_null(row, place) ? "null" : rows.text(row, place));
      ++place;
    }
    line.print();
  }
}

}  // namespace

int main() { return table_reader::run(print_rows); }
