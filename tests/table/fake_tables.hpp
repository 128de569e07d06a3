#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>
#include <landfall/table/table_operations.hpp>

namespace landfall {

/// A store with tables, in memory. It keeps TableOperations' promises, and can be told to fail.
class FakeTables final : public TableOperations {
 public:
  struct StoredRow {
    std::map<Identifier, std::optional<std::string>> values;  ///< of the columns that are no meta columns
    std::int64_t extracted_at_ms = 0;
    std::optional<std::int64_t> generation;
    std::string meta;
    std::optional<std::int64_t> read_order;
  };
  struct Table {
    TableSchema schema;
    std::vector<StoredRow> rows;
  };

  std::map<TableName, Table> tables;
  std::map<TableName, TableNote> notes;
  std::set<Identifier> schemas;
  std::map<TableName, std::string> others;  ///< what stands in the way: name -> kind
  std::vector<std::string> calls;           ///< that changed something

  /// Asked before a call (false) and when it was applied (true): throws what the call throws.
  std::function<void(std::string const& call, bool applied)> fault;

  awaitable<void> check() override {
    begin("check");
    co_return end("check");
  }

  awaitable<void> create_schema(Identifier schema) override {
    begin("create_schema");
    bool const is_new = schemas.insert(schema).second;
    co_return end(is_new ? "create_schema" : "");
  }

  awaitable<std::optional<ExistingTable>> find(TableName table) override {
    begin("find");
    std::optional<ExistingTable> found;
    if (auto const other = others.find(table); other != others.end()) {
      found.emplace().other_kind = other->second;
    } else if (auto const there = tables.find(table); there != tables.end()) {
      found.emplace().schema = there->second.schema;
      auto const& rows = there->second.rows;
      found->state = rows.empty() ? TableState::empty() : TableState::with_rows(rows.front().generation.value_or(0));
      if (auto const note = notes.find(table); note != notes.end()) found->take_note(note->second);
    }
    co_return found;
  }

  awaitable<std::map<TableName, TableNote>> owners(std::vector<Identifier> of_schemas) override {
    begin("owners");
    std::map<TableName, TableNote> found = notes;
    std::erase_if(found, [&](auto const& entry) {
      return !tables.contains(entry.first) || std::ranges::find(of_schemas, entry.first.schema) == of_schemas.end();
    });
    for (auto& [table, note] : found) note.fields.clear();
    co_return found;
  }

  awaitable<void> create(TableName table, TableSchema schema, std::optional<TableNote> note) override {
    begin("create");
    require(schemas.contains(table.schema), "its schema is there", table);
    require(!tables.contains(table) || tables[table].schema == schema, "no other table is there", table);
    tables[table].schema = std::move(schema);
    write_note(table, std::move(note));
    co_return end("create " + to_string(table));
  }

  awaitable<void> alter(TableName table, SchemaChange change, TableSchema wanted,
                        std::optional<TableNote> note) override {
    begin("alter");
    Table& there = existing(table);
    for (StoredRow& row : there.rows) {
      for (auto const& column : change.added) row.values[column.name] = std::nullopt;
      for (auto const& [old, wanted_column] : change.retyped) convert(row.values[old.name], wanted_column.type);
    }
    keep_others(there.schema, wanted);
    for (auto const& column : change.retired) {
      std::erase_if(wanted.columns, [&](TableColumn const& one) { return one.name == column.name; });
      for (StoredRow& row : there.rows) row.read_order.reset();
    }
    there.schema = std::move(wanted);
    write_note(table, std::move(note));
    co_return end("alter " + to_string(table));
  }

  awaitable<void> claim(TableName table, TableNote note) override {
    begin("claim");
    existing(table);
    write_note(table, std::move(note));
    co_return end("claim " + to_string(table));
  }

  awaitable<void> drop(TableName table) override {
    begin("drop");
    if (!forget(table)) co_return end("");
    co_return end("drop " + to_string(table));
  }

  awaitable<void> copy_in(CopyIn rows) override {
    begin("copy_in");
    Table& there = existing(rows.table);
    IntervalSet& numbers = marks_[key_of(rows.mark)];
    for (Record const& record : rows.records) {
      Interval const number{record.number(), record.number() + 1};
      require(!numbers.contains_all(number), "a record of a batch comes once", rows.table);
      numbers.add(number);
      there.rows.push_back(stored(rows.rows->read(record), *rows.schema));
      give_all_columns(there.rows.back(), there.schema);
    }
    co_return end(fmt::format("copy {} rows into {}", rows.records.size(), to_string(rows.table)));
  }

  awaitable<IntervalSet> numbers_of(BatchMark mark) override {
    begin("numbers_of");
    co_return marks_[key_of(mark)];
  }

  awaitable<void> forget_runs(std::string stream) override {
    begin("forget_runs");
    std::erase_if(marks_, [&](auto const& entry) {
      auto const& [of_stream, run, batch] = entry.first;
      return of_stream == stream && !run.empty();
    });
    co_return end("");
  }

  awaitable<void> move_rows(TableName from, TableName to, TableSchema schema) override {
    begin("move_rows");
    Table& source = existing(from);
    Table& target = existing(to);
    require_columns(target.schema, schema, to);
    for (StoredRow& row : source.rows) row.read_order.reset();
    for (StoredRow& row : source.rows) give_all_columns(row, target.schema);
    std::ranges::move(source.rows, std::back_inserter(target.rows));
    forget(from);
    co_return end(fmt::format("move {} to {}", to_string(from), to_string(to)));
  }

  awaitable<void> upsert(TableName from, TableName to, TableSchema schema, UpsertRule rule, Source source) override {
    begin("upsert");
    Table& target = existing(to);
    require_columns(target.schema, schema, to);
    require(!rule.primary_key.empty(), "there is a key", to);
    require(existing(from).schema.find(read_order()) != nullptr, "there is the order in which rows were read", from);
    std::map<Key, StoredRow> newest;
    auto const consider = [&](StoredRow const& row, Key key) {
      auto const [place, is_first] = newest.emplace(std::move(key), row);
      if (!is_first && rank_of(place->second, rule) < rank_of(row, rule)) place->second = row;
    };
    for (StoredRow const& row : existing(from).rows) consider(row, key_of(row, rule));
    std::map<Key, StoredRow> old;
    std::erase_if(target.rows, [&](StoredRow const& row) {
      Key key = key_of(row, rule);
      if (!newest.contains(key)) return false;
      old.insert_or_assign(key, row);
      consider(row, std::move(key));
      return true;
    });
    for (auto& [key, row] : newest) {
      row.read_order.reset();
      if (auto const before = old.find(key); before != old.end()) row.values.merge(before->second.values);
      give_all_columns(row, target.schema);
      if (!rule.deleted_at || !row.values.at(*rule.deleted_at)) target.rows.push_back(std::move(row));
    }
    if (source == Source::is_dropped) forget(from);
    co_return end(fmt::format("upsert {} into {}", to_string(from), to_string(to)));
  }

  awaitable<void> replace(TableName target, TableName source, std::optional<TableName> done_with) override {
    begin("replace");
    Table table = std::move(existing(source));
    std::optional<TableNote> note;
    if (auto const noted = notes.find(source); noted != notes.end()) note = noted->second;
    if (auto const old = tables.find(target); old != tables.end()) keep_others(old->second.schema, table.schema);
    for (StoredRow& row : table.rows) give_all_columns(row, table.schema);
    forget(source);
    forget(target);
    tables[target] = std::move(table);
    write_note(target, std::move(note));
    if (done_with) forget(*done_with);
    co_return end(fmt::format("replace {} by {}", to_string(target), to_string(source)));
  }

 private:
  using Key = std::vector<std::optional<std::string>>;
  using MarkKey = std::tuple<std::string, std::string, std::uint64_t>;
  static MarkKey key_of(BatchMark const& mark) { return {mark.stream, mark.run, mark.batch}; }

  void begin(std::string const& call) const {
    if (fault) fault(call, false);
  }
  void end(std::string call) {
    std::string const name = call.substr(0, call.find(' '));
    if (!call.empty()) calls.push_back(std::move(call));
    if (fault) fault(name, true);
  }

  static void require(bool holds, char const* rule, TableName const& table) {
    if (!holds) throw system_error("a rule of the store was broken: {} ({})", rule, to_string(table));
  }

  /// What somebody else's columns in `old` become in the table that takes its place.
  static void keep_others(TableSchema const& old, TableSchema& schema) {
    for (TableColumn const& column : old.columns) {
      if (schema.find(column.name) == nullptr) schema.columns.push_back(column);
    }
  }

  /// There may be more columns: of somebody else, and of fields that are gone.
  static void require_columns(TableSchema const& actual, TableSchema const& schema, TableName const& table) {
    for (TableColumn const& column : schema.columns) {
      TableColumn const* const there = actual.find(column.name);
      require(there != nullptr && there->type == column.type, "the columns are those that are there", table);
    }
    require(actual.primary_key == schema.primary_key, "the key is the one that is there", table);
  }

  static void give_all_columns(StoredRow& row, TableSchema const& schema) {
    for (TableColumn const& column : schema.columns) {
      if (!is_meta(column.name)) row.values.try_emplace(column.name);
    }
  }

  static bool is_meta(Identifier const& column) {
    return column.text() == MetaColumns::raw_id || column.text() == MetaColumns::extracted_at ||
           column.text() == MetaColumns::meta || column.text() == MetaColumns::generation_id || column == read_order();
  }

  /// Returns whether the table was there.
  bool forget(TableName const& table) {
    notes.erase(table);
    return tables.erase(table) > 0;
  }

  void write_note(TableName const& table, std::optional<TableNote> note) {
    if (note) notes.insert_or_assign(table, std::move(*note));
  }

  /// All that is text is kept, but what cannot be an integer.
  static void convert(std::optional<std::string>& value, ColumnType type) {
    bool const is_integer = value && value->find_first_not_of("-0123456789") == std::string::npos;
    if (type == ColumnType::integer && !is_integer) value.reset();
  }

  Table& existing(TableName const& table) {
    auto const found = tables.find(table);
    require(found != tables.end(), "the table is there", table);
    return found->second;
  }

  static Identifier read_order() { return Identifier(std::string(MetaColumns::read_order)); }

  using Rank = std::tuple<std::optional<std::int64_t>, std::int64_t, std::int64_t>;
  /// Cursors of the tests are integers.
  static Rank rank_of(StoredRow const& row, UpsertRule const& rule) {
    std::optional<std::int64_t> cursor;
    if (rule.cursor && row.values.at(*rule.cursor)) cursor = std::stoll(*row.values.at(*rule.cursor));
    return Rank(cursor, row.extracted_at_ms, row.read_order.value_or(0));
  }

  static Key key_of(StoredRow const& row, UpsertRule const& rule) {
    Key key;
    for (Identifier const& column : rule.primary_key) key.push_back(row.values.at(column));
    return key;
  }

  StoredRow stored(TableRow const& row, TableSchema const& schema) {
    constexpr std::size_t meta_column_count = 4;
    StoredRow made;
    made.extracted_at_ms = row.extracted_at_ms;
    made.generation = row.generation;
    made.meta = row.meta;
    made.read_order = row.read_order;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      Cell const& cell = row.cells[i];
      std::optional<std::string>& value = made.values[schema.columns.at(meta_column_count + i).name];
      if (cell.kind == Cell::Kind::boolean) value = cell.integer != 0 ? "true" : "false";
      if (cell.kind != Cell::Kind::boolean && cell.kind != Cell::Kind::null) value = std::string(cell.text);
    }
    if (!row.data.empty()) made.values[Identifier(std::string(MetaColumns::data))] = std::string(row.data);
    require(made.read_order.has_value() == (schema.find(read_order()) != nullptr),
            "rows have the columns of the schema", TableName());
    return made;
  }

  std::map<MarkKey, IntervalSet> marks_;
};

}  // namespace landfall
