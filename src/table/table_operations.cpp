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
