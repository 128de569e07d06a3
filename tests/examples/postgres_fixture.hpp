#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/runtime/error.hpp>
#include <landfall/testing/simulation.hpp>

#include "examples/scratch_database.hpp"
#include "postgres_tables.hpp"
#include "table/record_batches.hpp"

namespace postgres {

/// Tables in a database of their own, in which others do as they like.
class PostgresFixture : public ::testing::Test {
 protected:
  using ColumnType = landfall::ColumnType;
  using Identifier = landfall::Identifier;
  using TableColumn = landfall::TableColumn;
  using TableName = landfall::TableName;
  using TableSchema = landfall::TableSchema;
  using Source = landfall::TableOperations::Source;

  explicit PostgresFixture(landfall::SqlLiteral options = "") : database(test_server(), options) {}

  template <class T>
  T run(landfall::awaitable<T> call) {
    return simulation.run_coroutine(std::move(call));
  }
  /// The error that a call ends with; nothing when it ends well.
  template <class T>
  std::optional<landfall::Error> failure_of(landfall::awaitable<T> call) {
    try {
      run(std::move(call));
    } catch (landfall::Error const& error) {
      return error;
    }
    return std::nullopt;
  }

  static TableName named(std::string name) { return TableName(Identifier("public"), Identifier(std::move(name))); }

  static TableSchema schema_with(std::vector<TableColumn> const& columns, std::vector<std::string> const& key = {}) {
    TableSchema made;
    made.columns = {TableColumn(Identifier("_airbyte_raw_id"), ColumnType::text, false),
                    TableColumn(Identifier("_airbyte_extracted_at"), ColumnType::timestamp_with_timezone, false),
                    TableColumn(Identifier("_airbyte_meta"), ColumnType::json, false),
                    TableColumn(Identifier("_airbyte_generation_id"), ColumnType::integer)};
    made.columns.insert(made.columns.end(), columns.begin(), columns.end());
    for (std::string const& one : key) made.primary_key.emplace_back(one);
    return made;
  }
  /// id, at, name: as `stream` has them.
  static TableSchema schema(std::vector<std::string> const& key = {}) {
    return schema_with(
        {TableColumn(Identifier("id"), ColumnType::integer), TableColumn(Identifier("at"), ColumnType::json),
         TableColumn(Identifier("name"), ColumnType::text)},
        key);
  }
  static TableSchema waiting(TableSchema made) {
    made.primary_key.clear();
    made.columns.emplace_back(Identifier(std::string(landfall::MetaColumns::read_order)), ColumnType::integer);
    return made;
  }
  static landfall::UpsertRule rule() {
    landfall::UpsertRule made;
    made.primary_key = {Identifier("id")};
    made.cursor = Identifier("at");
    return made;
  }

  void make(TableName const& table, TableSchema const& columns) { run(tables.create(table, columns, {})); }

  /// Rows of `stream` for a table of this schema.
  landfall::CopyIn rows_for(TableName const& table, std::vector<landfall::SentRecord> const& sent,
                            TableSchema const& columns, std::string const& properties = usual_properties) {
    bool const waits = columns.find(Identifier(std::string(landfall::MetaColumns::read_order))) != nullptr;
    landfall::DestinationStream stream;
    stream.descriptor = landfall::StreamDescriptor("users");
    stream.json_schema = boost::json::parse(R"({"properties":)" + properties + "}").as_object();
    stream.generation_id = 1;
    ++last_batch;
    landfall::CopyIn rows;
    rows.table = table;
    rows.schema = std::make_shared<TableSchema const>(columns);
    rows.rows = std::make_shared<landfall::TableRows>(stream, landfall::TableLayout::typed, value_limits(),
                                                      waits ? std::optional<std::int64_t>(0) : std::nullopt);
    rows.records = batch_of(sent, std::make_shared<landfall::DestinationStream const>(stream),
                            landfall::BatchId(last_batch), 10 * last_batch);
    rows.mark = landfall::BatchMark("public.users", "run", last_batch);
    return rows;
  }
  void copy(TableName const& table, std::vector<landfall::SentRecord> const& sent,
            TableSchema const& columns = schema()) {
    run(tables.copy_in(rows_for(table, sent, columns)));
  }

  /// The records are merged into `users`, of schema({"id"}).
  landfall::awaitable<landfall::RowCounts> merge(std::vector<landfall::SentRecord> const& sent) {
    TableName const work = named("work");
    run(tables.drop(work));
    make(work, waiting(schema()));
    copy(work, sent, waiting(schema()));
    return tables.upsert(work, users, schema({"id"}), rule(), Source::is_dropped);
  }

  Result sql(landfall::SqlLiteral text) {
    landfall::SqlText statement;
    statement << text;
    return database.run(statement);
  }
  /// All rows, with blanks between columns; null is "-".
  std::vector<std::string> ask(landfall::SqlLiteral text) {
    Result const found = sql(text);
    std::vector<std::string> rows;
    for (int row = 0; row < found.rows(); ++row) {
      std::string line;
      for (int column = 0; column < PQnfields(found.get()); ++column) {
        line += (column == 0 ? "" : " ") + (found.is_null(row, column) ? std::string("-") : found.text(row, column));
      }
      rows.push_back(line);
    }
    return rows;
  }
  using Rows = std::vector<std::string>;

  static inline std::string const usual_properties = R"({"id":{"type":"integer"},"at":{},"name":{"type":"string"}})";

  landfall::testing::Simulation simulation;
  ScratchDatabase database;
  PostgresTables tables{database.settings()};
  TableName const users = named("users");
  std::uint64_t last_batch = 0;
};

}  // namespace postgres
