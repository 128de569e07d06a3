#include "row_copy.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/rejected_records.hpp>
#include <landfall/runtime/assert.hpp>
#include <landfall/table/naming.hpp>

#include "binary_values.hpp"
#include "catalog.hpp"
#include "column_types.hpp"
#include "server_error.hpp"

namespace postgres {

namespace {

using landfall::Identifier;

constexpr std::size_t meta_columns = 4;

void append_row(std::string& bytes, landfall::TableSchema const& schema, landfall::TableRow const& row) {
  append_16(bytes, static_cast<std::uint16_t>(schema.columns.size()));
  is_uuid(schema.columns.front()) ? append_uuid(bytes, row.raw_id) : append_text(bytes, row.raw_id);
  append_milliseconds(bytes, row.extracted_at_ms);
  append_json(bytes, row.meta);
  row.generation ? append_integer(bytes, *row.generation) : append_null(bytes);
  auto column = schema.columns.begin() + meta_columns;
  for (landfall::Cell const& cell : row.cells) append_cell(bytes, column++->type, cell);
  if (!row.data.empty()) append_json(bytes, row.data);
  if (row.read_order) append_integer(bytes, *row.read_order);
  if (row.deleted) append_boolean(bytes, *row.deleted);
}

std::uint64_t send_rows(Connection& connection, landfall::CopyIn const& rows) {
  constexpr std::size_t enough_to_send = 64 * 1024;
  std::string bytes = copy_header();
  for (landfall::Record const& record : rows.records) {
    append_row(bytes, *rows.schema, rows.rows->read(record));
    if (bytes.size() < enough_to_send) continue;
    connection.put(bytes);
    bytes.clear();
  }
  bytes += copy_end();
  connection.put(bytes);
  return connection.end_copy();
}

std::uint64_t copy_into(Connection& connection, landfall::CopyIn const& rows, landfall::SqlText const& table) {
  landfall::SqlText sql;
  sql << "COPY " << table << " (";
  sql.list(names_of(*rows.schema)) << ") FROM STDIN (FORMAT binary)";
  connection.begin_copy(sql);
  return send_rows(connection, rows);
}

// ---- what is not taken ----

using Rejected = std::vector<landfall::RejectedRecord>;

Rejected at_places(landfall::CopyIn const& rows, std::vector<std::size_t> const& places, std::string const& why) {
  Rejected rejected;
  std::size_t place = 0;
  for (landfall::Record const& record : rows.records) {
    if (std::ranges::binary_search(places, place++)) rejected.emplace_back(record.number(), why);
  }
  return rejected;
}

/// The record that the server has named. None: it has named none.
Rejected the_one(landfall::CopyIn const& rows, ServerError const& error) {
  auto const place = error.row_of_copy(rows.table.table.text());
  return place ? at_places(rows, {*place}, error.message()) : Rejected();
}

/// All that have a null in the column.
Rejected all_with_null(landfall::CopyIn const& rows, ServerError const& error) {
  auto const& columns = rows.schema->columns;
  auto const column = std::ranges::find(columns, error.column, [](auto const& one) { return one.name.text(); });
  auto const place = static_cast<std::size_t>(column - columns.begin());
  Rejected rejected;
  if (column == columns.end() || place < meta_columns) return rejected;
  for (landfall::Record const& record : rows.records) {
    auto const cells = rows.rows->read(record).cells;
    bool const is_null =
        place - meta_columns < cells.size() && cells[place - meta_columns].kind == landfall::Cell::Kind::null;
    if (is_null) rejected.emplace_back(record.number(), error.message());
  }
  return rejected;
}

/// All that have a key which is there already, or comes twice: those that an INSERT would leave out. In a transaction
/// of its own, which nothing remains of.
Rejected all_doubles(Connection& connection, landfall::CopyIn const& rows, ServerError const& error) {
  landfall::SqlText begin, put, temporary;
  begin << "ROLLBACK; BEGIN; CREATE TEMP TABLE _landfall_copy ON COMMIT DROP AS SELECT ";
  begin.list(names_of(*rows.schema)) << " FROM " << rows.table << " WITH NO DATA";
  connection.run(begin);
  temporary << "pg_temp._landfall_copy";
  copy_into(connection, rows, temporary);
  Identifier const id{std::string(landfall::MetaColumns::raw_id)};
  put << "WITH put AS (INSERT INTO " << rows.table << " (";
  put.list(names_of(*rows.schema)) << ") SELECT ";
  put.list(names_of(*rows.schema)) << " FROM pg_temp._landfall_copy ORDER BY ctid ON CONFLICT DO NOTHING RETURNING "
                                   << id
                                   << ") SELECT c.place FROM (SELECT row_number() OVER (ORDER BY ctid) - 1 AS "
                                      "place, "
                                   << id
                                   << " FROM pg_temp._landfall_copy) AS c WHERE NOT EXISTS (SELECT 1 FROM put "
                                      "WHERE put."
                                   << id << " = c." << id << ") ORDER BY c.place";
  Result const found = connection.run(put);
  std::vector<std::size_t> places;
  for (int row = 0; row < found.rows(); ++row) places.push_back(static_cast<std::size_t>(found.integer(row, 0)));
  return at_places(rows, places, error.message());
}

/// As many as can be told at once: each time that some are rejected the batch is loaded again without them.
Rejected all_like(Connection& connection, landfall::CopyIn const& rows, ServerError const& error) {
  try {
    Rejected const all = error.sqlstate == "23502"                                ? all_with_null(rows, error)
                         : error.sqlstate == "23505" || error.sqlstate == "23P01" ? all_doubles(connection, rows, error)
                                                                                  : Rejected();
    if (!all.empty()) return all;
  } catch (ServerError const& other) {  // another constraint, for instance
    if (other.is_fatal) throw;
  }
  return the_one(rows, error);
}

}  // namespace

landfall::RowCounts copy_rows(Connection& connection, landfall::CopyIn const& rows) {
  landfall::SqlText table;
  table << rows.table;
  landfall::RowCounts counts;
  counts.to_write = rows.records.size();
  try {
    counts.written = copy_into(connection, rows, table);
    return counts;
  } catch (ServerError const& error) {
    bool const is_about_rows =
        is_about_a_value(error.sqlstate, error.function) || is_about_a_constraint(error.sqlstate);
    if (!is_about_rows) throw;
    throw landfall::RejectedRecords(error.message(), all_like(connection, rows, error));
  }
}

}  // namespace postgres
