#include "row_copy.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/rejected_records.hpp>
#include <landfall/runtime/assert.hpp>
#include <landfall/table/naming.hpp>

#include "binary_values.hpp"
#include "catalog.hpp"
#include "server_error.hpp"

namespace postgres {

namespace {

constexpr std::size_t meta_columns = 4;

void append_row(std::string& bytes, landfall::TableSchema const& schema, landfall::TableRow const& row) {
  append_16(bytes, static_cast<std::uint16_t>(schema.columns.size()));
  append_text(bytes, row.raw_id);
  append_milliseconds(bytes, row.extracted_at_ms);
  append_json(bytes, row.meta);
  row.generation ? append_integer(bytes, *row.generation) : append_null(bytes);
  auto column = schema.columns.begin() + meta_columns;
  for (landfall::Cell const& cell : row.cells) append_cell(bytes, column++->type, cell);
  if (!row.data.empty()) append_json(bytes, row.data);
  if (row.read_order) append_integer(bytes, *row.read_order);
  if (row.deleted) append_boolean(bytes, *row.deleted);
}

void send_rows(Connection& connection, landfall::CopyIn const& rows) {
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
  connection.end_copy();
}

[[noreturn]] void reject(landfall::CopyIn const& rows, ServerError const& error) {
  std::vector<landfall::RejectedRecord> rejected;
  auto const place = error.row_of_copy(rows.table.table.text());
  if (place && *place < rows.records.size()) {
    auto record = rows.records.begin();
    std::advance(record, static_cast<std::ptrdiff_t>(*place));
    rejected.emplace_back((*record).number(), error.message());
  }
  throw landfall::RejectedRecords(error.message(), std::move(rejected));
}

}  // namespace

void copy_rows(Connection& connection, landfall::CopyIn const& rows) {
  landfall::SqlText sql;
  sql << "COPY " << rows.table << " (";
  sql.list(names_of(*rows.schema)) << ") FROM STDIN (FORMAT binary)";
  connection.begin_copy(sql);
  try {
    send_rows(connection, rows);
  } catch (ServerError const& error) {
    if (is_about_a_value(error.sqlstate, error.function)) reject(rows, error);
    throw;
  }
}

}  // namespace postgres
