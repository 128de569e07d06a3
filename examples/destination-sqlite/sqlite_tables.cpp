#include "sqlite_tables.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <random>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/error.hpp>

namespace sqlite {

using landfall::awaitable;
using landfall::Cell;
using landfall::ColumnType;
using landfall::Identifier;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableColumn;
using landfall::TableName;
using landfall::TableSchema;

namespace {

// ---- types ----

struct DeclaredType {
  ColumnType type;
  SqlLiteral name;
};
// "TEXT" within a name makes SQLite keep what it is given as text; "INT" and "BOOL" make it numbers.
constexpr std::array<DeclaredType, 10> declared_types = {{
    {ColumnType::text, "TEXT"},
    {ColumnType::boolean, "BOOLEAN"},
    {ColumnType::integer, "BIGINT"},
    {ColumnType::number, "DECIMAL_TEXT"},
    {ColumnType::date, "DATE_TEXT"},
    {ColumnType::time, "TIME_TEXT"},
    {ColumnType::time_with_timezone, "TIMETZ_TEXT"},
    {ColumnType::timestamp, "TIMESTAMP_TEXT"},
    {ColumnType::timestamp_with_timezone, "TIMESTAMPTZ_TEXT"},
    {ColumnType::json, "JSON_TEXT"},
}};

SqlLiteral declared(ColumnType type) {
  auto const found = std::ranges::find(declared_types, type, &DeclaredType::type);
  LANDFALL_ASSERT(found != declared_types.end());
  return found->name;
}

TableColumn column_of(std::string name, std::string const& declared_type, bool nullable) {
  TableColumn column(Identifier(std::move(name)), ColumnType::text, nullable);
  auto const found = std::ranges::find(declared_types, std::string_view(declared_type),
                                       [](DeclaredType const& type) { return type.name.text(); });
  if (found != declared_types.end()) {
    column.type = found->type;
  } else {
    column.foreign_type = declared_type.empty() ? "of no declared type" : declared_type;
  }
  return column;
}

/// Appends the old value of `column` as one of type `to`; null where it cannot be read as one.
void add_converted(SqlText& sql, Identifier const& column, ColumnType from, ColumnType to) {
  if (from == to) {
    sql << column;
  } else if (to == ColumnType::text && from == ColumnType::boolean) {
    sql << "CASE " << column << " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END";
  } else if (to == ColumnType::text && from == ColumnType::json) {
    sql << "CASE WHEN json_type(" << column << ") = 'text' THEN " << column << " ->> '$' ELSE " << column << " END";
  } else if (to == ColumnType::text) {
    sql << "CAST(" << column << " AS TEXT)";
  } else if (to == ColumnType::json && (from == ColumnType::integer || from == ColumnType::number)) {
    sql << "CAST(" << column << " AS TEXT)";
  } else if (to == ColumnType::json && from == ColumnType::boolean) {
    sql << "CASE " << column << " WHEN 1 THEN 'true' WHEN 0 THEN 'false' END";
  } else if (to == ColumnType::json) {
    sql << "CASE WHEN " << column << " IS NOT NULL THEN json_quote(" << column << ") END";
  } else if (to == ColumnType::number && from == ColumnType::integer) {
    sql << "CAST(" << column << " AS TEXT)";
  } else if (to == ColumnType::integer && (from == ColumnType::text || from == ColumnType::number)) {
    sql << "CASE WHEN CAST(CAST(" << column << " AS INTEGER) AS TEXT) = " << column << " THEN CAST(" << column
        << " AS INTEGER) END";
  } else {
    sql << "NULL";
  }
}

// ---- pieces of SQL ----

std::vector<Identifier> names_of(TableSchema const& schema) {
  std::vector<Identifier> names;
  for (TableColumn const& column : schema.columns) names.push_back(column.name);
  return names;
}

Identifier name_of_index() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return Identifier(fmt::format("_landfall_key_{:016x}", random()));
}

void create_index(Database& database, TableName const& table, std::vector<Identifier> const& key) {
  if (key.empty()) return;
  SqlText sql;
  sql << "CREATE INDEX " << name_of_index() << " ON " << table.table << " (";
  sql.list(key) << ")";
  database.run(sql);
}

void drop_table(Database& database, TableName const& table) {
  SqlText sql;
  sql << "DROP TABLE IF EXISTS " << table;
  database.run(sql);
}

void rename_table(Database& database, TableName const& from, TableName const& to) {
  SqlText sql;
  sql << "ALTER TABLE " << from << " RENAME TO " << to.table;
  database.run(sql);
}

void create_table(Database& database, TableName const& table, TableSchema const& schema) {
  SqlText sql;
  sql << "CREATE TABLE " << table << " (";
  bool is_first = true;
  for (TableColumn const& column : schema.columns) {
    if (!std::exchange(is_first, false)) sql << ", ";
    sql << column.name << " " << declared(column.type);
    if (!column.nullable) sql << " NOT NULL";
  }
  sql << ")";
  database.run(sql);
  create_index(database, table, schema.primary_key);
}

std::vector<Identifier> key_of(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT i.name FROM pragma_index_list(";
  sql.string(table.table.text()) << ") AS l, pragma_index_info(l.name) AS i WHERE l.name LIKE '\\_landfall\\_key\\_%'"
                                    " ESCAPE '\\' ORDER BY i.seqno";
  std::vector<Identifier> key;
  Statement found = database.prepare(sql);
  while (found.step()) key.emplace_back(found.text(0));
  return key;
}

TableSchema schema_of(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT name, type, \"notnull\" FROM pragma_table_info(";
  sql.string(table.table.text()) << ") ORDER BY cid";
  TableSchema schema;
  Statement found = database.prepare(sql);
  while (found.step()) schema.columns.push_back(column_of(found.text(0), found.text(1), found.integer(2) == 0));
  schema.primary_key = key_of(database, table);
  return schema;
}

/// "table", "view", or empty: there is nothing.
std::string kind_of(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ";
  sql.string(table.table.text()) << " COLLATE NOCASE";
  Statement found = database.prepare(sql);
  return found.step() ? found.text(0) : std::string();
}

landfall::TableState state_of(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT " << Identifier(std::string(landfall::MetaColumns::generation_id)) << " FROM " << table << " LIMIT 1";
  Statement row = database.prepare(sql);
  return row.step() ? landfall::TableState::with_rows(row.integer(0)) : landfall::TableState::empty();
}

std::optional<landfall::ExistingTable> look_at(Database& database, TableName const& table) {
  std::string const kind = kind_of(database, table);
  if (kind.empty()) return std::nullopt;
  landfall::ExistingTable found;
  if (kind != "table") {
    found.other_kind = kind;
    return found;
  }
  found.schema = schema_of(database, table);
  bool const is_ours = found.schema.find(Identifier(std::string(landfall::MetaColumns::generation_id))) != nullptr;
  found.state = is_ours ? state_of(database, table) : landfall::TableState::empty();
  return found;
}

TableName const& marks_table() {
  static TableName const name{Identifier(), Identifier("_landfall_batches")};
  return name;
}

void create_marks_table(Database& database) {
  SqlText sql;
  sql << "CREATE TABLE IF NOT EXISTS " << marks_table()
      << " (stream TEXT NOT NULL, run TEXT NOT NULL, batch BIGINT NOT NULL, first_number BIGINT NOT NULL, "
         "end_number BIGINT NOT NULL, PRIMARY KEY (stream, run, batch, first_number)) WITHOUT ROWID";
  database.run(sql);
}

// ---- rows ----

void bind_cell(Statement& insert, int parameter, Cell const& cell) {
  switch (cell.kind) {
    case Cell::Kind::null:
      return insert.bind_null(parameter);
    case Cell::Kind::boolean:
    case Cell::Kind::integer:
      return insert.bind(parameter, cell.integer);
    case Cell::Kind::text:
    case Cell::Kind::number:
    case Cell::Kind::moment:
    case Cell::Kind::json:
      return insert.bind(parameter, cell.text);
  }
}

std::string utc_text(std::int64_t since_epoch_ms) {
  std::chrono::sys_time<std::chrono::milliseconds> const time{std::chrono::milliseconds(since_epoch_ms)};
  auto const seconds = std::chrono::floor<std::chrono::seconds>(time);
  // Not by way of system_clock, whose nanoseconds end in the year 2262.
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.time_since_epoch().count())),
                     (time - seconds).count());
}

void insert_row(Statement& insert, landfall::TableRow const& row) {
  std::string const extracted_at = utc_text(row.extracted_at_ms);
  insert.bind(1, row.raw_id);
  insert.bind(2, extracted_at);
  insert.bind(3, row.meta);
  row.generation ? insert.bind(4, *row.generation) : insert.bind_null(4);
  int parameter = 5;
  for (Cell const& cell : row.cells) bind_cell(insert, parameter++, cell);
  if (!row.data.empty()) insert.bind(parameter++, row.data);
  if (row.read_order) insert.bind(parameter, *row.read_order);
  insert.execute();
}

Statement prepare_insert(Database& database, TableName const& table, TableSchema const& schema) {
  SqlText sql;
  sql << "INSERT INTO " << table << " (";
  sql.list(names_of(schema)) << ") VALUES (?";
  for (std::size_t i = 1; i < schema.columns.size(); ++i) sql << ", ?";
  sql << ")";
  return database.prepare(sql);
}

void add_mark(Database& database, landfall::BatchMark const& mark, landfall::Interval numbers) {
  SqlText sql;
  sql << "INSERT INTO " << marks_table() << " VALUES (?, ?, ?, ?, ?)";
  Statement insert = database.prepare(sql);
  insert.bind(1, mark.stream);
  insert.bind(2, mark.run);
  insert.bind(3, static_cast<std::int64_t>(mark.batch));
  insert.bind(4, static_cast<std::int64_t>(numbers.begin));
  insert.bind(5, static_cast<std::int64_t>(numbers.end));
  insert.execute();
}

/// A batch that lacks some of its records has a mark for each run of neighbours.
void add_marks(Database& database, landfall::CopyIn const& rows) {
  std::optional<landfall::Interval> run;
  for (landfall::Record const& record : rows.records) {
    if (run && run->end == record.number()) {
      ++run->end;
      continue;
    }
    if (run) add_mark(database, rows.mark, *run);
    run = landfall::Interval{record.number(), record.number() + 1};
  }
  if (run) add_mark(database, rows.mark, *run);
}

// ---- upsert ----

/// "a.x IS b.x AND ...": nulls of a key are equal.
void add_key_match(SqlText& sql, std::vector<Identifier> const& key, SqlLiteral left, SqlLiteral right) {
  bool is_first = true;
  for (Identifier const& column : key) {
    if (!std::exchange(is_first, false)) sql << " AND ";
    sql << left << column << " IS " << right << column;
  }
}

void collect_candidates(Database& database, TableName const& from, TableName const& to, TableSchema const& schema,
                        landfall::UpsertRule const& rule) {
  database.run(SqlText() << "DROP TABLE IF EXISTS temp._landfall_keys");
  database.run(SqlText() << "DROP TABLE IF EXISTS temp._landfall_rows");
  SqlText keys;
  keys << "CREATE TEMP TABLE _landfall_keys AS SELECT DISTINCT ";
  keys.list(rule.primary_key) << " FROM " << from;
  database.run(keys);
  SqlText rows;
  rows << "CREATE TEMP TABLE _landfall_rows AS SELECT NULL AS _landfall_place, "
       << Identifier(std::string(landfall::MetaColumns::read_order)) << ", ";
  rows.list(names_of(schema)) << " FROM " << from << " UNION ALL SELECT t.rowid, NULL, ";
  rows.list(names_of(schema), "t.") << " FROM temp._landfall_keys AS k CROSS JOIN " << to << " AS t ON ";
  add_key_match(rows, rule.primary_key, "t.", "k.");
  database.run(rows);
}

void put_newest(Database& database, TableName const& to, TableSchema const& schema, landfall::UpsertRule const& rule) {
  SqlText remove;
  remove << "DELETE FROM " << to << " WHERE rowid IN (SELECT _landfall_place FROM temp._landfall_rows)";
  database.run(remove);
  SqlText add;
  add << "INSERT INTO " << to << " (";
  add.list(names_of(schema)) << ") SELECT ";
  add.list(names_of(schema)) << " FROM (SELECT *, row_number() OVER (PARTITION BY ";
  add.list(rule.primary_key) << " ORDER BY ";
  if (rule.cursor) add << *rule.cursor << " DESC NULLS LAST, ";
  add << Identifier(std::string(landfall::MetaColumns::extracted_at)) << " DESC, "
      << Identifier(std::string(landfall::MetaColumns::read_order))
      << " DESC NULLS LAST, _landfall_place DESC) AS _landfall_rank FROM temp._landfall_rows) WHERE "
         "_landfall_rank = 1";
  if (rule.deleted_at) add << " AND " << *rule.deleted_at << " IS NULL";
  database.run(add);
}

}  // namespace

landfall::NameRules name_rules() {
  landfall::NameRules rules;
  rules.longest = 120;
  rules.unit = landfall::NameRules::Unit::characters;
  rules.letter_case = landfall::NameRules::LetterCase::ignored;
  rules.has_schemas = false;
  rules.reserved = {"rowid", "oid", "_rowid_"};
  rules.forbidden = {"sqlite_", "_landfall_"};
  return rules;
}

landfall::ValueLimits value_limits() {
  landfall::ValueLimits limits;
  limits.longest_text_bytes = 1'000'000'000;  // SQLITE_MAX_LENGTH
  limits.takes_nul = false;                   // SQLite's own functions end text there
  limits.first_year = 1;
  return limits;
}

SqliteTables::SqliteTables(std::string path, int patience_ms) : path_(std::move(path)), patience_ms_(patience_ms) {}

template <class Function>
awaitable<std::invoke_result_t<Function&, Database&>> SqliteTables::on_database(Function function) {
  auto call = [&] {
    std::lock_guard const lock(mutex_);
    if (!database_) {
      auto opened = std::make_unique<Database>(path_, patience_ms_);
      create_marks_table(*opened);
      database_ = std::move(opened);
    }
    return function(*database_);
  };
  co_return co_await landfall::run_blocking(std::move(call));
}

awaitable<void> SqliteTables::check() {
  co_await on_database([](Database& database) {
    Transaction transaction(database);  // whether it can be written to
    database.run(SqlText() << "CREATE TABLE _landfall_check (a)");
  });
}

awaitable<void> SqliteTables::create_schema(Identifier) { co_return; }  // there are none

awaitable<std::optional<landfall::ExistingTable>> SqliteTables::find(TableName table) {
  co_return co_await on_database([&table](Database& database) { return look_at(database, table); });
}

awaitable<void> SqliteTables::create(TableName table, TableSchema schema) {
  co_await on_database([&](Database& database) {
    Transaction transaction(database);
    if (kind_of(database, table) == "table" && schema_of(database, table) == schema) return;
    create_table(database, table, schema);
    transaction.commit();
  });
}

awaitable<void> SqliteTables::alter(TableName table, landfall::SchemaChange, TableSchema wanted) {
  co_await on_database([&](Database& database) {
    Transaction transaction(database);
    TableSchema const actual = schema_of(database, table);
    // By copy and swap, whatever changes: SQLite has no other way for most of it.
    for (TableColumn const& column : actual.columns) {
      if (!column.foreign_type.empty()) {
        throw landfall::config_error(
            "{}: the column {} ({}) would be lost by a change of the table: drop it, or move it to "
            "a table of its own",
            to_string(table), column.name.text(), column.foreign_type);
      }
    }
    TableName const copy{table.schema, Identifier("_landfall_copy")};
    drop_table(database, copy);
    create_table(database, copy, wanted);
    SqlText sql;
    sql << "INSERT INTO " << copy << " (";
    sql.list(names_of(wanted)) << ") SELECT ";
    bool is_first = true;
    for (TableColumn const& column : wanted.columns) {
      if (!std::exchange(is_first, false)) sql << ", ";
      TableColumn const* const old = actual.find(column.name);
      if (old == nullptr) {
        sql << "NULL";
      } else {
        add_converted(sql, column.name, old->type, column.type);
      }
    }
    sql << " FROM " << table << " ORDER BY rowid";
    database.run(sql);
    drop_table(database, table);
    rename_table(database, copy, table);
    transaction.commit();
  });
}

awaitable<void> SqliteTables::drop(TableName table) {
  co_await on_database([&table](Database& database) {
    if (kind_of(database, table) == "table") drop_table(database, table);
  });
}

awaitable<void> SqliteTables::copy_in(landfall::CopyIn rows) {
  co_await on_database([&rows](Database& database) {
    Transaction transaction(database);
    Statement insert = prepare_insert(database, rows.table, *rows.schema);
    for (landfall::Record const& record : rows.records) insert_row(insert, rows.rows->read(record));
    add_marks(database, rows);
    transaction.commit();
  });
}

awaitable<landfall::IntervalSet> SqliteTables::numbers_of(landfall::BatchMark mark) {
  co_return co_await on_database([&mark](Database& database) {
    SqlText sql;
    sql << "SELECT first_number, end_number FROM " << marks_table() << " WHERE stream = ? AND run = ? AND batch = ?";
    Statement found = database.prepare(sql);
    found.bind(1, mark.stream);
    found.bind(2, mark.run);
    found.bind(3, static_cast<std::int64_t>(mark.batch));
    landfall::IntervalSet numbers;
    while (found.step()) {
      numbers.add(landfall::Interval{static_cast<std::uint64_t>(found.integer(0)),
                                     static_cast<std::uint64_t>(found.integer(1))});
    }
    return numbers;
  });
}

awaitable<void> SqliteTables::forget_runs(std::string stream) {
  co_await on_database([&stream](Database& database) {
    SqlText sql;
    sql << "DELETE FROM " << marks_table() << " WHERE stream = ? AND run <> ''";
    Statement forget = database.prepare(sql);
    forget.bind(1, stream);
    forget.execute();
  });
}

awaitable<void> SqliteTables::move_rows(TableName from, TableName to, TableSchema schema) {
  co_await on_database([&](Database& database) {
    Transaction transaction(database);
    SqlText sql;
    sql << "INSERT INTO " << to << " (";
    sql.list(names_of(schema)) << ") SELECT ";
    sql.list(names_of(schema)) << " FROM " << from << " ORDER BY rowid";
    database.run(sql);
    drop_table(database, from);
    transaction.commit();
  });
}

awaitable<void> SqliteTables::upsert(TableName from, TableName to, TableSchema schema, landfall::UpsertRule rule,
                                     Source source) {
  co_await on_database([&](Database& database) {
    Transaction transaction(database);
    collect_candidates(database, from, to, schema, rule);
    put_newest(database, to, schema, rule);
    if (source == Source::is_dropped) drop_table(database, from);
    database.run(SqlText() << "DROP TABLE temp._landfall_keys");
    database.run(SqlText() << "DROP TABLE temp._landfall_rows");
    transaction.commit();
  });
}

awaitable<void> SqliteTables::replace(TableName target, TableName source, std::optional<TableName> done_with) {
  co_await on_database([&](Database& database) {
    Transaction transaction(database);
    drop_table(database, target);
    rename_table(database, source, target);
    if (done_with) drop_table(database, *done_with);
    transaction.commit();
  });
}

}  // namespace sqlite
