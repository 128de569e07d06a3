#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/table/table_schema.hpp>
#include <landfall/testing/simulation.hpp>

#include "database.hpp"
#include "examples/scratch_folder.hpp"
#include "sqlite_tables.hpp"

namespace landfall {

/// A table of a stream, and what others do to it.
class SqliteTables : public ::testing::Test {
 protected:
  template <class T>
  T run(awaitable<T> call) {
    return simulation.run_coroutine(std::move(call));
  }

  static TableSchema schema_with(std::vector<std::string> const& names, std::vector<Identifier> key = {}) {
    TableSchema schema;
    schema.columns = {TableColumn(Identifier("_airbyte_raw_id"), ColumnType::text, false),
                      TableColumn(Identifier("_airbyte_extracted_at"), ColumnType::timestamp_with_timezone, false),
                      TableColumn(Identifier("_airbyte_meta"), ColumnType::json, false),
                      TableColumn(Identifier("_airbyte_generation_id"), ColumnType::integer)};
    for (auto const& name : names) schema.columns.emplace_back(Identifier(name), ColumnType::integer);
    schema.primary_key = std::move(key);
    return schema;
  }

  /// A table with a row, which has 1, 2, ... in its columns.
  void make(std::string const& table, TableSchema const& schema, int first) {
    run(tables.create(named(table), schema, {}));
    SqlText sql;
    sql << "INSERT INTO " << named(table) << " VALUES ('', '', '', NULL";
    for (std::size_t i = 4; i < schema.columns.size(); ++i) sql << ", " << first++;
    database().run(sql << ")");
  }

  void alter(std::string const& table, TableSchema const& wanted) {
    auto const found = run(tables.find(named(table)));
    run(tables.alter(named(table), change_between(named(table), found->schema, wanted), wanted, {}));
  }

  /// All rows, as text with a space between their values, "-" for null.
  std::vector<std::string> texts(SqlText const& sql) {
    auto other = database();
    auto found = other.prepare(sql);
    std::vector<std::string> texts;
    while (found.step()) {
      std::string text;
      for (int column = 0; column < found.column_count(); ++column) {
        text += (column == 0 ? "" : " ") + (found.is_null(column) ? std::string("-") : found.text(column));
      }
      texts.push_back(text);
    }
    return texts;
  }

  /// The first column of all rows.
  std::vector<std::int64_t> numbers(SqlText const& sql) {
    auto other = database();
    auto found = other.prepare(sql);
    std::vector<std::int64_t> numbers;
    while (found.step()) numbers.push_back(found.integer(0));
    return numbers;
  }

  static TableName named(std::string const& name) { return TableName(Identifier(), Identifier(name)); }
  sqlite::Database database() const { return sqlite::Database(path, 1000); }

  testing::Simulation simulation;
  ScratchFolder folder;
  std::string const path = (folder.path() / "test.sqlite").string();
  sqlite::SqliteTables tables{path};
};

using Numbers = std::vector<std::int64_t>;

}  // namespace landfall
