#include "sqlite_tables.hpp"

#include <functional>
#include <map>
#include <memory>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/blocking.hpp>

#include "sqlite_alter.hpp"
#include "sqlite_catalog.hpp"
#include "sqlite_others.hpp"
#include "sqlite_owners.hpp"
#include "sqlite_rows.hpp"
#include "sqlite_upsert.hpp"

namespace sqlite {

using landfall::awaitable;
using landfall::RowCounts;
using landfall::SqlText;
using landfall::TableName;
using landfall::TableNote;
using landfall::TableSchema;

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

SqliteTables::SqliteTables(std::string path, int patience_ms, landfall::Notices notices)
    : path_(std::move(path)), patience_ms_(patience_ms), notices_(std::move(notices)), run_locks_(path_) {}

namespace {

void drop_with_note(Database& database, TableName const& table) {
  drop_table(database, table);
  drop_note(database, table);
}

}  // namespace

template <class Function>
awaitable<std::invoke_result_t<Function&, Database&>> SqliteTables::on_database(Function function) {
  auto const interruption = std::make_shared<Interruption>();
  auto call = [&] {
    std::lock_guard const lock(mutex_);
    interruption->throw_if_interrupted();
    if (!database_) {
      auto opened = std::make_unique<Database>(path_, patience_ms_, interruption.get());
      create_marks_table(*opened);
      create_owners_table(*opened);
      database_ = std::move(opened);
    }
    WorkFor const work(*database_, *interruption);
    return database_->run_in_place(function);
  };
  std::function<void()> end = [interruption] { interruption->interrupt(); };
  co_return co_await landfall::run_blocking(std::move(call), std::move(end));
}

template <class Function>
awaitable<std::invoke_result_t<Function&, Database&>> SqliteTables::change(Function function) {
  co_return co_await on_database([&function](Database& database) {
    Transaction transaction(database);
    if constexpr (std::is_void_v<std::invoke_result_t<Function&, Database&>>) {
      function(database);
      transaction.commit();
    } else {
      auto result = function(database);
      transaction.commit();
      return result;
    }
  });
}

awaitable<void> SqliteTables::require_in_place() {
  auto call = [&] {
    std::lock_guard const lock(mutex_);
    auto nothing = [](Database&) {};
    if (database_) database_->run_in_place(nothing);
  };
  co_await landfall::run_blocking(std::move(call));
}

awaitable<void> SqliteTables::check() {
  co_await on_database([](Database& database) {
    Transaction transaction(database);  // is given up: nothing is left
    database.run(SqlText() << "CREATE TABLE _landfall_check (a)");
  });
}

awaitable<void> SqliteTables::create_schema(landfall::Identifier) { co_return; }  // there are none

awaitable<std::optional<landfall::ExistingTable>> SqliteTables::find(TableName table) {
  co_return co_await on_database([&](Database& database) { return find_table(database, table); });
}

awaitable<landfall::TablesThere> SqliteTables::owners(std::vector<landfall::Identifier> schemas) {
  co_return co_await on_database([&](Database& database) {
    landfall::TablesThere there;
    for (landfall::Identifier const& schema : schemas) add_tables(database, schema, there);
    return there;
  });
}

std::string SqliteTables::allow_null_statement(TableName const& table, landfall::TableColumn const& column) const {
  return not_null_removal(table, column);
}

awaitable<void> SqliteTables::create(TableName table, TableSchema schema, std::optional<TableNote> note) {
  co_await change([&](Database& database) {
    bool const is_there = kind_of(database, table) == "table" && schema_of(database, table) == schema;
    if (!is_there) create_table(database, table, schema);
    if (note) write_note(database, table, *note);
  });
}

// What has to be changed is looked up again: the call before may have been applied.
awaitable<void> SqliteTables::alter_all(std::vector<landfall::TableAlteration> alterations) {
  std::map<std::string, std::int64_t> doubles;
  co_await change([&](Database& database) {
    for (landfall::TableAlteration const& one : alterations) {
      doubles[to_string(one.table)] = alter_table(database, one);
      if (one.note) write_note(database, one.table, *one.note);
    }
  });
  for (auto const& [table, count] : doubles) {
    if (count == 0) continue;
    notices_.warn(
        fmt::format("{}: {} rows were removed: since values are kept in one spelling, or the key has another "
                    "type, their keys are equal to those of newer rows",
                    table, count));
  }
}

awaitable<void> SqliteTables::claim(TableName table, TableNote note) {
  co_await change([&](Database& database) { write_note(database, table, note); });
}

awaitable<void> SqliteTables::drop(TableName table) {
  co_await change([&](Database& database) {
    if (kind_of(database, table) == "table") drop_with_note(database, table);
  });
}

awaitable<RowCounts> SqliteTables::copy_in(landfall::CopyIn rows) {
  co_return co_await change([&](Database& database) { return insert_rows(database, rows); });
}

awaitable<landfall::IntervalSet> SqliteTables::numbers_of(landfall::BatchMark mark) {
  co_return co_await on_database([&](Database& database) { return marked_numbers(database, mark); });
}

// What an earlier process had under way ended with it: so it is enough that there is no other.
awaitable<void> SqliteTables::begin_run(landfall::StreamRun run, std::vector<TableName>) {
  co_await change([&](Database& database) {
    run_locks_.take(run.stream);
    forget_runs(database, run.stream);
  });
}

awaitable<void> SqliteTables::end_run(landfall::StreamRun run) {
  co_await on_database([&](Database&) { run_locks_.give_back(run.stream); });
}

awaitable<RowCounts> SqliteTables::move_rows(TableName from, TableName to, TableSchema schema) {
  co_return co_await change([&](Database& database) {
    RowCounts const counts = move_all_rows(database, from, to, schema);
    add_missing_fields(database, from, to);
    drop_with_note(database, from);
    return counts;
  });
}

awaitable<RowCounts> SqliteTables::upsert(TableName from, TableName to, TableSchema schema, landfall::UpsertRule rule,
                                          Source source) {
  co_return co_await change([&](Database& database) {
    RowCounts const counts = upsert_rows(database, from, to, schema, rule);
    add_missing_fields(database, from, to);
    if (source == Source::is_dropped) drop_with_note(database, from);
    return counts;
  });
}

// What others have put on the table goes along: columns, indexes, triggers.
awaitable<void> SqliteTables::replace(TableName target, TableName source, std::optional<TableName> done_with) {
  co_await change([&](Database& database) {
    Others others;
    if (kind_of(database, target) == "table") {
      landfall::refuse_immovable(target, immovable_parts(database, target));
      others = indexes_and_triggers_of_others(database, target);
      carry_over_columns(database, target, source);
      add_missing_fields(database, target, source);
      drop_table(database, target);
    }
    rename_table(database, source, target);
    move_note(database, source, target);
    make_again(database, others);
    if (done_with) drop_with_note(database, *done_with);
  });
}

}  // namespace sqlite
