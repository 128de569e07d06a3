#include "postgres_tables.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>

#include "advisory_lock.hpp"
#include "batch_marks.hpp"
#include "carry_over.hpp"
#include "catalog.hpp"
#include "column_types.hpp"
#include "key_index.hpp"
#include "owners.hpp"
#include "replica_identity.hpp"
#include "row_copy.hpp"
#include "row_obstacles.hpp"
#include "table_changes.hpp"
#include "upsert.hpp"
#include "views.hpp"

namespace postgres {

using landfall::awaitable;
using landfall::Identifier;
using landfall::RowCounts;
using landfall::SqlText;
using landfall::TableName;
using landfall::TableNote;
using landfall::TableSchema;

namespace {

RowCounts move_all(Connection& connection, TableName const& from, TableName const& to,
                   std::vector<Identifier> const& columns) {
  SqlText count;
  count << "SELECT count(*) FROM " << from;
  RowCounts counts;
  counts.to_write = static_cast<std::uint64_t>(connection.run(count).integer(0, 0));
  SqlText sql;
  sql << "INSERT INTO " << to << " (";
  sql.list(columns) << ") SELECT ";
  sql.list(columns) << " FROM " << from;
  counts.written = connection.run(sql).changed_rows();
  return counts;
}

void rename_table(Connection& connection, TableName const& from, TableName const& to) {
  lock_names_of(connection, to.schema);
  SqlText sql;
  sql << "ALTER TABLE " << from << " RENAME TO " << to.table;
  connection.run(sql);
}

/// Those that have left the schema: their columns went along.
void add_fields(Connection& connection, TableName const& table, TableNote const& of_before) {
  auto note = note_of(connection, table);
  if (!note) return;
  note->fields.insert(of_before.fields.begin(), of_before.fields.end());
  write_note(connection, table, *note);
}

void create_schema_if_missing(Connection& connection, Identifier const& schema) {
  if (schema_exists(connection, schema)) return;
  SqlText sql;
  sql << "CREATE SCHEMA " << schema;
  connection.run(sql);
}

}  // namespace

landfall::NameRules name_rules() {
  landfall::NameRules rules;
  rules.longest = 63;
  rules.unit = landfall::NameRules::Unit::bytes;
  rules.letter_case = landfall::NameRules::LetterCase::kept;
  rules.has_schemas = true;
  rules.reserved = {"information_schema", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "oid"};
  rules.forbidden = {"pg_", "_landfall_"};
  return rules;
}

landfall::ValueLimits value_limits() {
  landfall::ValueLimits limits;
  limits.longest_text_bytes = 268'435'455;  // of a string in jsonb; text could be longer
  limits.number_digits = 131'072 + 16'383;
  limits.number_scale = 16'383;
  limits.takes_nul = false;
  limits.json_takes_nul = false;
  limits.json_takes_lone_surrogates = false;
  limits.json_number_digits = 131'072;
  limits.json_number_scale = 16'383;
  limits.json_depth = 5'000;  // it has a stack for some 12,000, if max_stack_depth is the usual
  limits.first_year = -4712;
  limits.last_year = 294'275;
  limits.fraction_digits = 6;
  return limits;
}

awaitable<void> PostgresTables::ensure_own_tables() {
  if (has_own_tables_) co_return;
  TableName const marks = marks_table(connections_.settings().schema);
  TableName const runs = runs_table(connections_.settings().schema);
  auto make = [&](Connection& connection) {
    lock_until_commit(connection, marks.schema.text());
    create_schema_if_missing(connection, marks.schema);
    if (!table_exists(connection, marks)) create_marks_table(connection, marks);
    if (!table_exists(connection, runs)) create_runs_table(connection, runs);
  };
  co_await connections_.transact(make);
  has_own_tables_ = true;
}

std::optional<RunWork> PostgresTables::work_on(TableName const& table, std::string batch) {
  auto const run = runs_.of(table);
  if (!run) return std::nullopt;
  return RunWork{*run, std::move(batch), ++last_attempt_};
}

/// Until the transaction ends whoever holds the lock makes this change, and the run of the work is not over.
void PostgresTables::begin_change(Connection& connection, std::optional<RunWork> const& work,
                                  std::string const& lock) const {
  if (!work) return lock_until_commit(connection, lock);
  enter_run(connection, runs_table(connections_.settings().schema), *work);
  lock_for_work(connection, *work, lock);
}

void PostgresTables::drop_table(Connection& connection, TableName const& table) const {
  if (!table_exists(connection, table)) return;
  SqlText lock;  // others must not wait until its readers are through
  lock << "LOCK TABLE " << table << " IN ACCESS EXCLUSIVE MODE";
  connection.run(lock);
  lock_names_of(connection, table.schema);
  SqlText sql;
  sql << "DROP TABLE " << table;
  if (connections_.settings().drop_cascade) sql << " CASCADE";
  connection.run(sql);
  drop_note(connection, table);
}

/// Triggers that put rows into another table (a partition, as it was done before there were any) leave them out here.
void PostgresTables::require_whole(Connection& connection, TableName const& table, RowCounts& counts) const {
  bool const is_allowed = connections_.settings().allow_row_triggers && !row_triggers_of(connection, table).empty();
  if (is_allowed) {
    counts.written = counts.to_write;
    counts.deleted = counts.to_delete;
  }
  counts.require_whole(table);
}

void PostgresTables::tell(std::string const& text) const {
  if (!text.empty()) notices_.info(text);
}

void PostgresTables::tell_what_is_taken_over(TableName const& table, landfall::SchemaChange const& change) const {
  for (auto const& [from, to] : change.retyped) {
    if (from.stored_as.empty()) continue;
    notices_.warn(fmt::format("{} is taken over: its column {} was {} and becomes {}", to_string(table),
                              from.name.text(), from.stored_as, type_name(to).text()));
  }
  for (landfall::TableColumn const& column : change.added) {
    if (column.name.text() != landfall::MetaColumns::generation_id) continue;
    notices_.warn(fmt::format("{} is taken over: it gets a column {}", to_string(table), column.name.text()));
  }
}

awaitable<void> PostgresTables::check() {
  TableName const table(Identifier(connections_.settings().schema), Identifier("_landfall_check"));
  auto try_out = [&table](Connection& connection) {
    lock_until_commit(connection, table);
    bool const is_new = !schema_exists(connection, table.schema);
    SqlText sql;
    if (is_new) sql << "CREATE SCHEMA " << table.schema << "; ";
    sql << "CREATE TABLE " << table << " (a bigint); CREATE TEMP TABLE _landfall_check_temp (a bigint) ON COMMIT DROP; "
        << "INSERT INTO " << table << " VALUES (1); DROP TABLE " << table;
    if (is_new) sql << "; DROP SCHEMA " << table.schema;
    connection.run(sql);
  };
  co_await connections_.transact(try_out);
}

awaitable<void> PostgresTables::create_schema(Identifier schema) {
  auto make = [&schema](Connection& connection) {
    lock_until_commit(connection, schema.text());
    create_schema_if_missing(connection, schema);
  };
  co_await connections_.transact(make);
}

awaitable<std::optional<landfall::ExistingTable>> PostgresTables::find(TableName table) {
  auto look = [&](Connection& connection) {
    lock_until_commit(connection, table);
    auto found = look_at(connection, table);
    if (found && connections_.settings().allow_row_triggers) found->may_keep_rows_out.clear();
    return found;
  };
  co_return co_await connections_.transact(look);
}

awaitable<landfall::TablesThere> PostgresTables::owners(std::vector<Identifier> schemas) {
  auto look = [&schemas](Connection& connection) {
    landfall::TablesThere there;
    for (Identifier const& schema : schemas) add_tables(connection, schema, there);
    return there;
  };
  co_return co_await connections_.transact(look);
}

awaitable<void> PostgresTables::create(TableName table, TableSchema schema, std::optional<TableNote> note) {
  auto const work = work_on(table);
  auto make = [&](Connection& connection) {
    begin_change(connection, work, to_string(table));
    bool const is_there = table_exists(connection, table) && schema_of(connection, table) == schema;
    if (!is_there) create_table(connection, table, schema);
    if (note) write_note(connection, table, *note);
  };
  co_await connections_.transact(make);
}

awaitable<void> PostgresTables::alter_all(std::vector<landfall::TableAlteration> alterations) {
  if (alterations.empty()) co_return;
  auto const work = work_on(alterations.front().table);  // all are of one stream
  auto change_them = [&](Connection& connection) {
    for (auto const& one : alterations) begin_change(connection, work, to_string(one.table));
    for (landfall::TableAlteration const& one : alterations) alter_one(connection, one);
  };
  co_await connections_.transact(change_them);
}

void PostgresTables::alter_one(Connection& connection, landfall::TableAlteration const& asked) const {
  auto const& [table, asked_change, wanted, note] = asked;
  landfall::SchemaChange left = landfall::change_between(table, schema_of(connection, table), wanted);
  left.cursor = asked_change.cursor;
  left.decisive = asked_change.decisive;
  tell_what_is_taken_over(table, left);
  std::int64_t const dropped_count =
      change_table(connection, table, left, wanted, note ? note->fields : std::map<Identifier, std::string>());
  if (dropped_count > 0) {
    notices_.warn(fmt::format("{}: {} rows went, since their key is that of a newer row in the key's new type",
                              to_string(table), dropped_count));
  }
  if (note) write_note(connection, table, *note);
}

awaitable<void> PostgresTables::claim(TableName table, TableNote note) {
  auto const work = work_on(table);
  auto write = [&](Connection& connection) {
    begin_change(connection, work, to_string(table));
    write_note(connection, table, note);
  };
  co_await connections_.transact(write);
}

awaitable<void> PostgresTables::drop(TableName table) {
  auto const work = work_on(table);
  auto drop_it = [&](Connection& connection) {
    begin_change(connection, work, to_string(table));
    drop_table(connection, table);
  };
  co_await connections_.transact(drop_it);
}

awaitable<RowCounts> PostgresTables::copy_in(landfall::CopyIn rows) {
  co_await ensure_own_tables();
  TableName const marks = marks_table(connections_.settings().schema);
  landfall::BatchId const id = rows.records.id();
  auto const work = work_on(rows.table, fmt::format("{}.{}", id.value, id.part));
  auto copy = [&](Connection& connection) {
    begin_change(connection, work, lock_of(rows.mark));
    landfall::CopyIn left = rows;
    left.records = landfall::not_loaded_of(rows.records, postgres::numbers_of(connection, marks, rows.mark));
    RowCounts counts;
    if (!left.records.empty()) {
      counts = copy_rows(connection, left);
      require_whole(connection, rows.table, counts);
      add_marks(connection, marks, left);
    }
    counts.to_write = counts.written = rows.records.size();
    return counts;
  };
  co_return co_await connections_.transact(copy);
}

awaitable<landfall::IntervalSet> PostgresTables::numbers_of(landfall::BatchMark mark) {
  co_await ensure_own_tables();
  TableName const marks = marks_table(connections_.settings().schema);
  auto look = [&](Connection& connection) {
    lock_until_commit(connection, lock_of(mark));
    return postgres::numbers_of(connection, marks, mark);
  };
  co_return co_await connections_.transact(look);
}

awaitable<void> PostgresTables::begin_run(landfall::StreamRun run, std::vector<TableName> tables) {
  co_await ensure_own_tables();
  TableName const marks = marks_table(connections_.settings().schema);
  TableName const runs = runs_table(connections_.settings().schema);
  auto begin = [&](Connection& connection) {
    postgres::begin_run(connection, runs, run);
    forget_runs(connection, marks, run.stream);
  };
  co_await connections_.transact(begin);
  runs_.begin(run, tables);
}

awaitable<void> PostgresTables::end_run(landfall::StreamRun run) {
  co_await ensure_own_tables();
  TableName const runs = runs_table(connections_.settings().schema);
  auto end = [&](Connection& connection) { postgres::end_run(connection, runs, run); };
  co_await connections_.transact(end);
  runs_.end(run);
}

// In the three below: where the source is gone, an earlier call, or run, was applied of which nobody knew.

awaitable<RowCounts> PostgresTables::move_rows(TableName from, TableName to, TableSchema schema) {
  auto const work = work_on(to);
  auto move = [&](Connection& connection) {
    RowCounts counts;
    begin_change(connection, work, to_string(to));
    if (!table_exists(connection, from)) return counts;
    std::vector<Identifier> columns = names_of(schema);
    std::ranges::copy(carry_columns(connection, from, to, schema), std::back_inserter(columns));
    with_long_keys(connection, to, [&] { counts = move_all(connection, from, to, columns); });
    require_whole(connection, to, counts);
    drop_table(connection, from);
    return counts;
  };
  co_return co_await connections_.transact(move);
}

awaitable<RowCounts> PostgresTables::upsert(TableName from, TableName to, TableSchema schema, landfall::UpsertRule rule,
                                            Source source) {
  auto const work = work_on(to);
  auto merge = [&](Connection& connection) {
    RowCounts counts;
    begin_change(connection, work, to_string(to));
    if (!table_exists(connection, from)) return counts;
    std::string const done = ensure_replica_identity(connection, to);
    auto const note = note_of(connection, to);
    if (!note || note->final_table == to) tell(done);  // not of one that will take its place
    auto const carried = carry_columns(connection, from, to, schema);
    with_long_keys(connection, to, [&] { counts = upsert_rows(connection, from, to, schema, carried, rule); });
    require_whole(connection, to, counts);
    if (source == Source::is_dropped) drop_table(connection, from);
    return counts;
  };
  co_return co_await connections_.transact(merge);
}

awaitable<void> PostgresTables::replace(TableName target, TableName source, std::optional<TableName> done_with) {
  auto const work = work_on(target);
  auto swap = [&](Connection& connection) {
    begin_change(connection, work, to_string(target));
    if (!table_exists(connection, source)) return;
    if (table_exists(connection, target)) {
      take_place_of(connection, target, source);
    } else {
      rename_table(connection, source, target);
      move_note(connection, source, target);
    }
    if (done_with) drop_table(connection, *done_with);
    // Rows of a table without a key are not changed.
    bool const is_merged_into = !key_of(connection, target).empty();
    tell(ensure_replica_identity(connection, target, is_merged_into ? Impossible::fails : Impossible::goes_without));
  };
  co_await connections_.transact(swap);
}

// With all that users have made of the table, and of views that read it.
void PostgresTables::take_place_of(Connection& connection, TableName const& target, TableName const& source) const {
  landfall::refuse_immovable(target, immovable_parts_of(connection, target));
  CarryOver carry_over(connection, target, source);
  ViewsInTheWay views(connection, target);
  auto const old_note = note_of(connection, target);
  drop_table(connection, target);
  rename_table(connection, source, target);
  move_note(connection, source, target);
  if (old_note) add_fields(connection, target, *old_note);
  carry_over.finish();
  bool const drops = connections_.settings().drop_cascade;
  auto const left_away = views.make_again(drops ? ViewsInTheWay::Broken::stays_away : ViewsInTheWay::Broken::fails);
  for (std::string const& one : left_away) notices_.warn(one);
}

}  // namespace postgres
