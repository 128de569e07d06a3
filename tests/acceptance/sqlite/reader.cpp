// Prints the rows of a stream of destination-sqlite as JSON lines: the columns of Airbyte beside the fields of the
// record under their own names.
//
// LANDFALL_CONFIG, LANDFALL_CATALOG: files, as for `write`; LANDFALL_STREAM, LANDFALL_NAMESPACE (unset when there is
// none): the stream.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

#include <landfall/destination/configuration.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/table_schema.hpp>

#include "database.hpp"
#include "sqlite_catalog.hpp"
#include "sqlite_tables.hpp"

namespace {

using landfall::ColumnType;
using landfall::Identifier;
using landfall::MetaColumns;
using landfall::TableColumn;

std::string file_named_by(char const* variable) {
  char const* const path = std::getenv(variable);
  if (path == nullptr) throw landfall::config_error("{} is not set", variable);
  std::ifstream file(path);
  if (!file) throw landfall::config_error("{} cannot be read", path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

landfall::StreamDescriptor stream() {
  char const* const name = std::getenv("LANDFALL_STREAM");
  char const* const name_space = std::getenv("LANDFALL_NAMESPACE");
  if (name == nullptr) throw landfall::config_error("LANDFALL_STREAM is not set");
  landfall::StreamDescriptor stream{std::string(name)};
  if (name_space != nullptr) stream.name_space = name_space;
  return stream;
}

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
      return boost::json::serialize(boost::json::string(text));
  }
  return text;
}

/// What a column is called in the record; its own name, where the catalog does not know it.
std::string field_of(landfall::StreamTables const& tables, Identifier const& column) {
  for (auto const& [field, name] : tables.columns) {
    if (name == column) return field;
  }
  return column.text();
}

void print_rows(sqlite::Database& database, landfall::StreamTables const& tables) {
  auto const table = sqlite::find_table(database, tables.final_table);
  if (!table) return;
  landfall::SqlText sql;
  sql << "SELECT ";
  sql.list(sqlite::names_of(table->schema)) << " FROM " << tables.final_table << " ORDER BY rowid";
  sqlite::Statement row = database.prepare(sql);
  while (row.step()) {
    std::string line;
    for (std::size_t i = 0; i < table->schema.columns.size(); ++i) {
      TableColumn const& column = table->schema.columns[i];
      std::string const value = json_of(row, static_cast<int>(i), column.type);
      if (column.name.text() == MetaColumns::data) {  // its members beside the other columns
        bool const is_empty = value.find_first_not_of(" \t\r\n", 1) == value.rfind('}');
        line += is_empty ? "" : fmt::format(",{}", std::string_view(value).substr(1, value.rfind('}') - 1));
      } else {
        line +=
            fmt::format(",{}:{}", boost::json::serialize(boost::json::string(field_of(tables, column.name))), value);
      }
    }
    std::cout << '{' << line.substr(1) << "}\n";
  }
}

}  // namespace

int main() try {
  auto const configuration = landfall::Configuration::parse(file_named_by("LANDFALL_CONFIG"));
  auto const catalog = landfall::DestinationCatalog::parse(file_named_by("LANDFALL_CATALOG"));
  landfall::TableNames const names(catalog, sqlite::name_rules(), "");
  sqlite::Database database(configuration.string("destination_path"), 5000);
  print_rows(database, names.of(stream()));
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
