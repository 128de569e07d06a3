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
#include <landfall/table/json_order.hpp>
#include <landfall/table/one_spelling.hpp>
#include <landfall/table/stored_value.hpp>
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
    std::optional<bool> deleted;
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
  std::map<std::string, std::string> runs;  ///< of each stream the one that counts

  /// What a trigger of somebody's does: such a row is left out without an error.
  std::function<bool(TableName const& table, StoredRow const& row)> leaves_out;
  bool looks_at_counts = true;                                 ///< before it commits, as it should
  std::vector<std::string> keeps_rows_out, may_keep_rows_out;  ///< of each table

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
      found->keeps_rows_out = keeps_rows_out;
      found->may_keep_rows_out = may_keep_rows_out;
    }
    co_return found;
  }

  awaitable<TablesThere> owners(std::vector<Identifier> of_schemas) override {
    begin("owners");
    TablesThere found;
    for (auto const& [table, there] : tables) {
      if (std::ranges::find(of_schemas, table.schema) == of_schemas.end()) continue;
      auto& note = found[table];
      if (auto const noted = notes.find(table); noted != notes.end()) note = noted->second;
      if (note) note->fields.clear();
    }
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

  awaitable<void> alter_all(std::vector<TableAlteration> alterations) override {
    begin("alter");
    auto const before = std::pair(tables, notes);
    std::string done = "alter";
    try {
      for (TableAlteration& one : alterations) {
        done += " " + to_string(one.table);
        alter_one(std::move(one));
      }
    } catch (Error const&) {
      std::tie(tables, notes) = before;
      throw;
    }
    co_return end(std::move(done));
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

  awaitable<RowCounts> copy_in(CopyIn rows) override {
    begin("copy_in");
    Table const& there = existing(rows.table);
    IntervalSet& loaded = marks_[key_of(rows.mark)];
    RecordBatch const left = not_loaded_of(rows.records, loaded);
    std::vector<StoredRow> made;  // all or none
    for (Record const& record : left) {
      made.push_back(stored(rows.rows->read(record), *rows.schema));
      give_all_columns(made.back(), there.schema);
    }
    std::size_t const there_before = rows.records.size() - left.size();
    RowCounts counts = put(std::move(made), rows.table, {});
    counts.to_write += there_before;
    counts.written += there_before;
    IntervalSet const numbers = numbers_in(left);
    for (auto const& [first, last] : numbers.intervals()) loaded.add(Interval{first, last});
    end(fmt::format("copy {} rows into {}", rows.records.size(), to_string(rows.table)));
    co_return counts;
  }

  awaitable<IntervalSet> numbers_of(BatchMark mark) override {
    begin("numbers_of");
    co_return marks_[key_of(mark)];
  }

  awaitable<void> begin_run(StreamRun run, std::vector<TableName>) override {
    begin("begin_run");
    std::erase_if(marks_, [&](auto const& entry) {
      auto const& [of_stream, of_run, batch] = entry.first;
      return of_stream == run.stream && !of_run.empty();
    });
    runs[run.stream] = run.id;
    co_return applied("begin_run");
  }

  awaitable<void> end_run(StreamRun run) override {
    begin("end_run");
    auto const counts = runs.find(run.stream);
    if (counts != runs.end() && counts->second == run.id) runs.erase(counts);
    co_return applied("end_run");
  }

  awaitable<RowCounts> move_rows(TableName from, TableName to, TableSchema schema) override {
    begin("move_rows");
    std::vector<StoredRow> moved = existing(from).rows;
    Table const& target = existing(to);
    require_columns(target.schema, schema, to);
    take_columns(from, to);
    for (StoredRow& row : moved) {
      row.read_order.reset();
      row.deleted.reset();
      give_all_columns(row, target.schema);
    }
    RowCounts const counts = put(std::move(moved), to, {});
    forget(from);
    end(fmt::format("move {} to {}", to_string(from), to_string(to)));
    co_return counts;
  }

  awaitable<RowCounts> upsert(TableName from, TableName to, TableSchema schema, UpsertRule rule,
                              Source source) override {
    begin("upsert");
    Table& target = existing(to);
    require_columns(target.schema, schema, to);
    require(!rule.primary_key.empty(), "there is a key", to);
    require(existing(from).schema.find(read_order()) != nullptr, "there is the order in which rows were read", from);
    take_columns(from, to);
    std::map<Key, StoredRow> newest;
    auto const consider = [&](StoredRow const& row, Key key) {
      auto const [place, is_first] = newest.emplace(std::move(key), row);
      if (is_first) return;
      StoredRow older = row;
      if (is_newer(place->second, row, rule, schema)) std::swap(place->second, older);
      give_what_it_does_not_say(place->second, older, schema);
    };
    for (StoredRow const& row : existing(from).rows) consider(row, key_of(row, rule, schema));
    std::map<Key, StoredRow> old;
    std::set<std::size_t> replaced;
    for (std::size_t place = 0; place < target.rows.size(); ++place) {
      StoredRow const& row = target.rows[place];
      Key key = key_of(row, rule, schema);
      if (!newest.contains(key)) continue;
      old.insert_or_assign(key, row);
      consider(row, std::move(key));
      replaced.insert(place);
    }
    std::vector<StoredRow> chosen;
    for (auto& [key, row] : newest) {
      row.read_order.reset();
      bool const is_deleted = says_deleted(row, rule);
      row.deleted.reset();
      if (auto const before = old.find(key); before != old.end()) row.values.merge(before->second.values);
      give_all_columns(row, target.schema);
      if (!is_deleted) chosen.push_back(std::move(row));
    }
    RowCounts const counts = put(std::move(chosen), to, replaced);
    if (source == Source::is_dropped) forget(from);
    end(fmt::format("upsert {} into {}", to_string(from), to_string(to)));
    co_return counts;
  }

  awaitable<void> replace(TableName target, TableName source, std::optional<TableName> done_with) override {
    begin("replace");
    Table table = std::move(existing(source));
    std::optional<TableNote> note;
    if (auto const noted = notes.find(source); noted != notes.end()) note = noted->second;
    if (auto const old = tables.find(target); old != tables.end()) keep_others(old->second.schema, table.schema);
    if (note && notes.contains(target)) note->fields.insert(notes[target].fields.begin(), notes[target].fields.end());
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

  /// Writes rows in the place of those that are replaced: all of it, or nothing.
  RowCounts put(std::vector<StoredRow> rows, TableName const& table, std::set<std::size_t> const& replaced) {
    RowCounts counts;
    counts.to_write = rows.size();
    counts.to_delete = counts.deleted = replaced.size();
    if (leaves_out) std::erase_if(rows, [&](StoredRow const& row) { return leaves_out(table, row); });
    counts.written = rows.size();
    if (looks_at_counts) counts.require_whole(table);
    std::vector<StoredRow>& there = existing(table).rows;
    std::size_t place = 0;
    std::erase_if(there, [&](StoredRow const&) { return replaced.contains(place++); });
    std::ranges::move(rows, std::back_inserter(there));
    return counts;
  }

  void alter_one(TableAlteration asked) {
    auto& [table, change, wanted, note] = asked;
    Table& there = existing(table);
    Table const before = there;
    for (StoredRow& row : there.rows) {
      for (auto const& column : change.added) row.values[column.name] = std::nullopt;
      for (auto const& retype : change.retyped) convert(row, retype, note);
    }
    refuse_lost_values(there, change, wanted, before, table);
    if (!change.retyped.empty()) drop_doubles(there, before, wanted, change.cursor);
    keep_others(there.schema, wanted);
    for (auto const& column : change.retired) {
      std::erase_if(wanted.columns, [&](TableColumn const& one) { return one.name == column.name; });
      for (StoredRow& row : there.rows) {
        if (column.name == read_order()) row.read_order.reset();
        if (column.name.text() == MetaColumns::deleted) row.deleted.reset();
      }
    }
    there.schema = std::move(wanted);
    write_note(table, std::move(note));
  }

  void begin(std::string const& call) const {
    if (fault) fault(call, false);
  }
  /// Of a call that changes no table.
  void applied(std::string const& call) const {
    if (fault) fault(call, true);
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

  /// Of fields that left the schema a later row says nothing.
  static void give_what_it_does_not_say(StoredRow& row, StoredRow const& older, TableSchema const& schema) {
    for (auto const& [column, value] : older.values) {
      if (schema.find(column) == nullptr && !row.values[column]) row.values[column] = value;
    }
  }

  /// Fields may have left the schema while rows waited.
  void take_columns(TableName const& from, TableName const& to) {
    Table& target = existing(to);
    keep_others(existing(from).schema, target.schema);
    std::erase_if(target.schema.columns,
                  [](TableColumn const& column) { return MetaColumns::is_of_waiting_rows(column.name.text()); });
    for (StoredRow& row : target.rows) give_all_columns(row, target.schema);
    if (!notes.contains(to) || !notes.contains(from)) return;
    notes[to].fields.insert(notes[from].fields.begin(), notes[from].fields.end());
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
           column.text() == MetaColumns::meta || column.text() == MetaColumns::generation_id ||
           MetaColumns::is_of_waiting_rows(column.text());
  }

  /// Rows in a final table, and those of before, say it by their column.
  static bool says_deleted(StoredRow const& row, UpsertRule const& rule) {
    if (!rule.deleted_at) return false;
    if (row.deleted) return *row.deleted;
    std::string const value = row.values.at(*rule.deleted_at).value_or("");
    return !value.empty() && value != "false";
  }

  /// Returns whether the table was there.
  bool forget(TableName const& table) {
    notes.erase(table);
    return tables.erase(table) > 0;
  }

  void write_note(TableName const& table, std::optional<TableNote> note) {
    if (note) notes.insert_or_assign(table, std::move(*note));
  }

  static void convert(StoredRow& row, SchemaChange::Retype const& retype, std::optional<TableNote> const& note) {
    std::optional<std::string>& value = row.values[retype.from.name];
    if (!value) return;
    StoredValueReader reader{ValueLimits()};
    Conversion const made = reader.read(retype.from.type, retype.to.type, *value);
    if (!made.is_whole()) {
      std::string const field =
          note && note->fields.contains(retype.to.name) ? note->fields.at(retype.to.name) : retype.to.name.text();
      row.meta = meta_with_change(row.meta, field, made, ValueLimits());
    }
    value = text_of(made.cell);
  }

  static void refuse_lost_values(Table const& there, SchemaChange const& change, TableSchema const& wanted,
                                 Table const& before, TableName const& table) {
    std::set<Identifier> kept(wanted.primary_key.begin(), wanted.primary_key.end());
    kept.insert(change.decisive.begin(), change.decisive.end());
    for (auto const& [from, to] : change.retyped) {
      if (!kept.contains(to.name)) continue;
      std::size_t lost = 0;
      for (std::size_t i = 0; i < there.rows.size(); ++i) {
        bool const is_lost = before.rows[i].values.at(to.name) && !there.rows[i].values.at(to.name);
        lost += is_lost ? 1 : 0;
      }
      if (lost == 0) continue;
      throw config_error("{}: {} values of the column {}, by which rows are compared, are {}, not {}", to_string(table),
                         lost, to.name.text(), landfall::to_string(from.type), landfall::to_string(to.type));
    }
  }

  /// Of rows whose keys were different and are equal now the newest one stays.
  static void drop_doubles(Table& there, Table const& before, TableSchema const& wanted,
                           std::optional<Identifier> const& cursor) {
    if (wanted.primary_key.empty()) return;
    UpsertRule rule;
    rule.primary_key = wanted.primary_key;
    rule.cursor = cursor;
    std::map<Key, std::set<Key>> old_keys;
    std::map<Key, std::size_t> newest;
    for (std::size_t i = 0; i < there.rows.size(); ++i) {
      Key const key = key_of(there.rows[i], rule, wanted);
      old_keys[key].insert(key_of(before.rows[i], rule, before.schema));
      std::size_t& best = newest.try_emplace(key, i).first->second;
      if (!is_newer(there.rows[i], there.rows[best], rule, wanted)) best = i;
    }
    std::size_t place = 0;
    std::erase_if(there.rows, [&](StoredRow const& row) {
      Key const key = key_of(row, rule, wanted);
      bool const is_newest = newest[key] == place++;
      return old_keys[key].size() > 1 && !is_newest;
    });
  }

  static std::optional<std::string> text_of(Cell const& cell) {
    if (cell.kind == Cell::Kind::null) return std::nullopt;
    if (cell.kind == Cell::Kind::boolean) return cell.integer != 0 ? "true" : "false";
    return std::string(cell.text);
  }

  Table& existing(TableName const& table) {
    auto const found = tables.find(table);
    require(found != tables.end(), "the table is there", table);
    return found->second;
  }

  static Identifier read_order() { return Identifier(std::string(MetaColumns::read_order)); }

  /// Whether b is newer than a.
  static bool is_newer(StoredRow const& a, StoredRow const& b, UpsertRule const& rule, TableSchema const& schema) {
    if (rule.cursor) {
      int const order = compare(a.values.at(*rule.cursor), b.values.at(*rule.cursor), schema.find(*rule.cursor)->type);
      if (order != 0) return order < 0;
    }
    return std::pair(a.extracted_at_ms, a.read_order.value_or(0)) <
           std::pair(b.extracted_at_ms, b.read_order.value_or(0));
  }

  /// Cursors of the tests are integers, text or JSON.
  static int compare(std::optional<std::string> const& a, std::optional<std::string> const& b, ColumnType type) {
    if (!a || !b) return static_cast<int>(a.has_value()) - static_cast<int>(b.has_value());
    return type == ColumnType::integer || type == ColumnType::json ? compare_json(*a, *b) : a->compare(*b);
  }

  static Key key_of(StoredRow const& row, UpsertRule const& rule, TableSchema const& schema) {
    Key key;
    for (Identifier const& column : rule.primary_key) {
      auto const& value = row.values.at(column);
      std::string buffer;
      key.emplace_back();
      if (value) key.back() = std::string(one_spelling(schema.find(column)->type, *value, buffer));
    }
    return key;
  }

  StoredRow stored(TableRow const& row, TableSchema const& schema) {
    constexpr std::size_t meta_column_count = 4;
    StoredRow made;
    made.extracted_at_ms = row.extracted_at_ms;
    made.generation = row.generation;
    made.meta = row.meta;
    made.read_order = row.read_order;
    made.deleted = row.deleted;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      Cell const& cell = row.cells[i];
      std::optional<std::string>& value = made.values[schema.columns.at(meta_column_count + i).name];
      value = text_of(cell);
    }
    if (!row.data.empty()) made.values[Identifier(std::string(MetaColumns::data))] = std::string(row.data);
    require(made.read_order.has_value() == (schema.find(read_order()) != nullptr),
            "rows have the columns of the schema", TableName());
    bool const has_deleted = schema.find(Identifier(std::string(MetaColumns::deleted))) != nullptr;
    require(made.deleted.has_value() == has_deleted, "rows have the columns of the schema", TableName());
    return made;
  }

  std::map<MarkKey, IntervalSet> marks_;
};

}  // namespace landfall
