#include "sqlite_rows.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <landfall/destination/rejected_records.hpp>
#include <landfall/runtime/utc_text.hpp>
#include <landfall/table/one_spelling.hpp>

#include "sqlite_catalog.hpp"
#include "sqlite_others.hpp"

namespace sqlite {

using landfall::Cell;
using landfall::Interval;
using landfall::SqlText;

namespace {

// ---- rows ----

/// Binds cells of a row. Equal numbers and equal moments have equal text, so that they are one key.
class CellBinder {
 public:
  explicit CellBinder(landfall::TableSchema const& schema) : schema_(schema), buffers_(schema.columns.size()) {}

  /// `parameter`: that of its column. Valid until the next one of this parameter.
  void bind(Statement& insert, int parameter, Cell const& cell) {
    switch (cell.kind) {
      case Cell::Kind::null:
        return insert.bind_null(parameter);
      case Cell::Kind::boolean:
      case Cell::Kind::integer:
        return insert.bind(parameter, cell.integer);
      case Cell::Kind::number:
      case Cell::Kind::moment: {
        auto const column = static_cast<std::size_t>(parameter - 1);
        return insert.bind(parameter,
                           landfall::one_spelling(schema_.columns[column].type, cell.text, buffers_[column]));
      }
      case Cell::Kind::text:
      case Cell::Kind::json:
        return insert.bind(parameter, cell.text);
    }
  }

 private:
  landfall::TableSchema const& schema_;
  std::vector<std::string> buffers_;
};

void insert_row(Statement& insert, landfall::TableRow const& row, CellBinder& binder) {
  landfall::UtcText const extracted_at(row.extracted_at_ms);
  insert.bind(1, row.raw_id);
  insert.bind(2, extracted_at.text());
  insert.bind(3, row.meta);
  row.generation ? insert.bind(4, *row.generation) : insert.bind_null(4);
  int parameter = 5;
  for (Cell const& cell : row.cells) binder.bind(insert, parameter++, cell);
  if (!row.data.empty()) insert.bind(parameter++, row.data);
  if (row.read_order) insert.bind(parameter++, *row.read_order);
  if (row.deleted) insert.bind(parameter, std::int64_t{*row.deleted});
  insert.execute();
}

Statement prepare_insert(Database& database, landfall::CopyIn const& rows) {
  SqlText sql;
  sql << insert_into(database, rows.table) << rows.table << " (";
  sql.list(names_of(*rows.schema)) << ") VALUES (?";
  for (std::size_t i = 1; i < rows.schema->columns.size(); ++i) sql << ", ?";
  sql << ")";
  return database.prepare(sql);
}

// ---- marks ----

landfall::Identifier const& marks_table() {
  static landfall::Identifier const name("_landfall_batches");
  return name;
}

void insert_mark(Statement& insert, landfall::BatchMark const& mark, Interval numbers) {
  insert.bind(1, mark.stream);
  insert.bind(2, mark.run);
  insert.bind(3, static_cast<std::int64_t>(mark.batch));
  insert.bind(4, static_cast<std::int64_t>(numbers.begin));
  insert.bind(5, static_cast<std::int64_t>(numbers.end));
  insert.execute();
}

void insert_marks(Database& database, landfall::CopyIn const& rows) {
  Statement insert = database.prepare(SqlText() << "INSERT INTO " << marks_table() << " VALUES (?, ?, ?, ?, ?)");
  landfall::IntervalSet const numbers = landfall::numbers_in(rows.records);
  for (auto const& [begin, end] : numbers.intervals()) {
    insert_mark(insert, rows.mark, Interval{begin, end});
  }
}

}  // namespace

void create_marks_table(Database& database) {
  database.run(SqlText() << "CREATE TABLE IF NOT EXISTS " << marks_table()
                         << " (stream TEXT NOT NULL, run TEXT NOT NULL, batch BIGINT NOT NULL, "
                            "first_number BIGINT NOT NULL, end_number BIGINT NOT NULL, "
                            "PRIMARY KEY (stream, run, batch, first_number)) WITHOUT ROWID");
}

landfall::IntervalSet marked_numbers(Database& database, landfall::BatchMark const& mark) {
  Statement found = database.prepare(SqlText() << "SELECT first_number, end_number FROM " << marks_table()
                                               << " WHERE stream = ? AND run = ? AND batch = ?");
  found.bind(1, mark.stream);
  found.bind(2, mark.run);
  found.bind(3, static_cast<std::int64_t>(mark.batch));
  landfall::IntervalSet numbers;
  while (found.step()) {
    numbers.add(Interval{static_cast<std::uint64_t>(found.integer(0)), static_cast<std::uint64_t>(found.integer(1))});
  }
  return numbers;
}

landfall::RowCounts insert_rows(Database& database, landfall::CopyIn rows) {
  std::uint64_t const record_count = rows.records.size();
  rows.records = landfall::not_loaded_of(rows.records, marked_numbers(database, rows.mark));
  Statement insert = prepare_insert(database, rows);
  CellBinder binder(*rows.schema);
  std::vector<landfall::RejectedRecord> rejected;
  landfall::RowCounts counts;
  counts.to_write = record_count;
  counts.written = record_count - rows.records.size();
  for (landfall::Record const& record : rows.records) {
    landfall::TableRow const& row = rows.rows->read(record);
    try {
      insert_row(insert, row, binder);
      counts.written += database.changed_rows();
    } catch (RuleError const& error) {
      rejected.emplace_back(record.number(), error.message());
      if (!database.is_in_transaction()) break;  // what follows would be committed row by row
    }
  }
  if (!rejected.empty()) {
    std::string const reason = rejected.front().reason;
    throw landfall::RejectedRecords(reason, std::move(rejected));
  }
  counts.require_whole(rows.table);
  insert_marks(database, rows);
  return counts;
}

void forget_runs(Database& database, std::string const& stream) {
  Statement forget =
      database.prepare(SqlText() << "DELETE FROM " << marks_table() << " WHERE stream = ? AND run <> ''");
  forget.bind(1, stream);
  forget.execute();
}

}  // namespace sqlite
