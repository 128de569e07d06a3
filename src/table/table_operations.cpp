#include <landfall/table/table_operations.hpp>

#include <utility>

#include <fmt/ranges.h>

#include <landfall/runtime/error.hpp>
#include <landfall/table/sql_text.hpp>

namespace landfall {

void ExistingTable::take_note(TableNote note) {
  std::erase_if(note.fields, [this](auto const& entry) { return schema.find(entry.first) == nullptr; });
  owner = std::move(note.owner);
  fields = std::move(note.fields);
}

void refuse_immovable(TableName const& table, std::vector<std::string> const& parts) {
  if (parts.empty()) return;
  throw config_error(
      "{} is to be replaced by a new table, which cannot have {}: drop what is named here, or choose a sync mode that "
      "keeps the table",
      to_string(table), fmt::join(parts, ", "));
}

void refuse_what_keeps_rows_out(StreamDescriptor const& stream, TableName const& table,
                                std::vector<std::string> const& obstacles) {
  if (obstacles.empty()) return;
  throw config_error(
      "stream {}: {} has {}, which would keep rows out of it, or hide them, without an error: remove what is named "
      "here, or choose another schema",
      to_string(stream), to_string(table), fmt::join(obstacles, ", "));
}

void RowCounts::require_whole(TableName const& table) const {
  if (written != to_write) {
    throw config_error(
        "{}: {} rows were to be written, and {} were: a trigger or a rule that somebody has made on the table leaves "
        "rows out, or adds some. Nothing of this was committed. Remove it, or let it raise an error for the rows that "
        "it does not want",
        to_string(table), to_write, written);
  }
  if (deleted != to_delete) {
    throw config_error(
        "{}: {} rows were to be deleted or replaced, and {} were: a trigger or a rule that somebody has made on the "
        "table keeps rows. Nothing of this was committed. Remove it, or let it raise an error",
        to_string(table), to_delete, deleted);
  }
}

std::string TableOperations::allow_null_statement(TableName const& table, TableColumn const& column) const {
  SqlText sql;
  sql << "ALTER TABLE " << table << " ALTER COLUMN " << column.name << " DROP NOT NULL";
  return sql.text();
}

awaitable<void> TableOperations::alter(TableName table, SchemaChange change, TableSchema wanted,
                                       std::optional<TableNote> note) {
  std::vector<TableAlteration> one;
  one.emplace_back(std::move(table), std::move(change), std::move(wanted), std::move(note));
  co_await alter_all(std::move(one));
}

Error run_is_over(StreamRun const& run) {
  return config_error(
      "another sync of stream {} took over, and this one changes nothing of it any more: let one sync of a stream run "
      "at a time",
      run.stream);
}

void StreamRuns::begin(StreamRun const& run, std::vector<TableName> const& tables) {
  std::lock_guard const lock(mutex_);
  for (TableName const& table : tables) runs_.insert_or_assign(table, run);
  tables_.insert_or_assign(run.stream, tables);
}

void StreamRuns::end(StreamRun const& run) {
  std::lock_guard const lock(mutex_);
  auto const found = tables_.find(run.stream);
  if (found == tables_.end()) return;
  for (TableName const& table : found->second) {
    auto const of = runs_.find(table);
    if (of == runs_.end() || of->second != run) return;  // a later one has begun
    runs_.erase(of);
  }
  tables_.erase(found);
}

std::optional<StreamRun> StreamRuns::of(TableName const& table) const {
  std::lock_guard const lock(mutex_);
  auto const found = runs_.find(table);
  return found == runs_.end() ? std::nullopt : std::optional(found->second);
}

RecordBatch not_loaded_of(RecordBatch const& records, IntervalSet const& loaded) {
  if (loaded.count() == 0) return records;  // as a rule
  std::vector<RecordNumber> numbers;
  for (Record const& record : records) {
    if (loaded.contains_all(Interval{record.number(), record.number() + 1})) numbers.push_back(record.number());
  }
  return numbers.empty() ? records : records.without(numbers);
}

IntervalSet numbers_in(RecordBatch const& records) {
  IntervalSet numbers;
  std::optional<Interval> neighbours;
  for (Record const& record : records) {
    if (neighbours && neighbours->end == record.number()) {
      ++neighbours->end;
      continue;
    }
    if (neighbours) numbers.add(*neighbours);
    neighbours = Interval{record.number(), record.number() + 1};
  }
  if (neighbours) numbers.add(*neighbours);
  return numbers;
}

}  // namespace landfall
