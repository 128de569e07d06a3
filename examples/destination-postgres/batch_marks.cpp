#include "batch_marks.hpp"

#include <fmt/format.h>

#include "advisory_lock.hpp"

namespace postgres {

using landfall::Interval;
using landfall::SqlText;
using landfall::TableName;

namespace {

void add_mark(Connection& connection, TableName const& marks, landfall::BatchMark const& mark, Interval numbers) {
  SqlText sql;
  sql << "INSERT INTO " << marks << " VALUES ($1, $2, $3::bigint, $4::bigint, $5::bigint)";
  Result const added = connection.run(sql, {mark.stream, mark.run, std::to_string(mark.batch),
                                            std::to_string(numbers.begin), std::to_string(numbers.end)});
  landfall::RowCounts counts;
  counts.to_write = 1;
  counts.written = added.changed_rows();
  counts.require_whole(marks);
}

}  // namespace

TableName marks_table(std::string const& schema) {
  return TableName(landfall::Identifier(schema), landfall::Identifier("_landfall_batches"));
}

void create_marks_table(Connection& connection, TableName const& marks) {
  lock_names_of(connection, marks.schema);
  SqlText sql;
  sql << "CREATE TABLE " << marks
      << " (stream text NOT NULL, run text NOT NULL, batch bigint NOT NULL, first_number bigint NOT NULL, end_number "
         "bigint NOT NULL, PRIMARY KEY (stream, run, batch, first_number))";
  connection.run(sql);
}

std::string lock_of(landfall::BatchMark const& mark) {
  return fmt::format("{} {} {}", mark.run, mark.batch, mark.stream);
}

void add_marks(Connection& connection, TableName const& marks, landfall::CopyIn const& rows) {
  landfall::IntervalSet const numbers = landfall::numbers_in(rows.records);
  for (auto const& [begin, end] : numbers.intervals()) {
    add_mark(connection, marks, rows.mark, Interval{begin, end});
  }
}

landfall::IntervalSet numbers_of(Connection& connection, TableName const& marks, landfall::BatchMark const& mark) {
  SqlText sql;
  sql << "SELECT first_number, end_number FROM " << marks << " WHERE stream = $1 AND run = $2 AND batch = $3::bigint";
  Result const found = connection.run(sql, {mark.stream, mark.run, std::to_string(mark.batch)});
  landfall::IntervalSet numbers;
  for (int row = 0; row < found.rows(); ++row) {
    numbers.add(
        Interval{static_cast<std::uint64_t>(found.integer(row, 0)), static_cast<std::uint64_t>(found.integer(row, 1))});
  }
  return numbers;
}

void forget_runs(Connection& connection, TableName const& marks, std::string const& stream) {
  SqlText sql;
  sql << "DELETE FROM " << marks << " WHERE stream = $1 AND run <> ''";
  connection.run(sql, {stream});
}

}  // namespace postgres
