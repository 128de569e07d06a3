#include "sqlite_alter.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <landfall/runtime/error.hpp>

#include "sqlite_catalog.hpp"
#include "sqlite_others.hpp"
#include "sqlite_types.hpp"

namespace sqlite {

using landfall::ColumnType;
using landfall::Identifier;
using landfall::SchemaChange;
using landfall::SqlText;
using landfall::TableColumn;
using landfall::TableName;
using landfall::TableNote;
using landfall::TableSchema;

namespace {

bool contains(std::vector<Identifier> const& names, Identifier const& name) {
  return std::ranges::find(names, name) != names.end();
}

/// A column whose values are written anew.
struct Converted {
  Identifier column;
  std::string field;  // for _airbyte_meta
  ColumnType from = ColumnType::text;
  ColumnType to = ColumnType::text;  // the same: in its one spelling

  bool is_retyped() const noexcept { return from != to; }
};

struct Alteration {
  TableName table;
  TableSchema const& wanted;
  std::optional<Identifier> cursor;
  std::vector<Identifier> const& decisive;
  std::vector<Converted> columns;
  Identifier rowid;

  bool is_key(Converted const& column) const { return contains(wanted.primary_key, column.column); }
  bool may_lose_values(Converted const& column) const { return !is_key(column) && !contains(decisive, column.column); }
};

// Values wait in a table of their own while their columns are changed. Its columns are numbered: see sqlite_upsert.cpp.
TableName values_table() { return TableName(Identifier("temp"), Identifier("_landfall_values")); }
Identifier new_value(std::size_t i) { return Identifier("v" + std::to_string(i)); }
Identifier old_value(std::size_t i) { return Identifier("o" + std::to_string(i)); }
Identifier meta_column() { return Identifier(std::string(landfall::MetaColumns::meta)); }

void add_types(SqlText& sql, Converted const& column) {
  sql << ", " << static_cast<std::int64_t>(column.from) << ", " << static_cast<std::int64_t>(column.to) << ")";
}

void add_value(SqlText& sql, Converted const& column) {
  if (!column.is_retyped()) return add_spelled(sql, column.column, column.to);
  sql << "_landfall_convert(" << column.column;
  add_types(sql, column);
}

/// `_airbyte_meta` with an entry for each value that does not fit.
void add_meta(SqlText& sql, std::vector<Converted> const& columns) {
  SqlText meta;
  meta << meta_column();
  for (Converted const& column : columns) {
    if (!column.is_retyped()) continue;
    SqlText more;
    more << "_landfall_note(" << meta << ", ";
    more.string(column.field) << ", " << column.column;
    add_types(more, column);
    meta = more;
  }
  sql << meta;
}

/// Only rows in which something changes.
void collect_values(Database& database, Alteration const& alteration) {
  drop_table(database, values_table());
  SqlText table;
  table << "CREATE TEMP TABLE _landfall_values (place INTEGER PRIMARY KEY, meta";
  for (std::size_t i = 0; i < alteration.columns.size(); ++i) table << ", " << new_value(i) << ", " << old_value(i);
  database.run(table << ")");
  SqlText values;
  values << "INSERT INTO " << values_table() << " SELECT " << alteration.rowid << ", ";
  add_meta(values, alteration.columns);
  SqlText changed;
  for (Converted const& column : alteration.columns) {
    values << ", ";
    add_value(values, column);
    values << ", " << column.column;
    if (!changed.text().empty()) changed << " OR ";
    changed << column.column << " IS NOT ";
    column.is_retyped() ? void(changed << "NULL") : add_value(changed, column);
  }
  database.run(values << " FROM " << alteration.table << " WHERE " << changed);
}

std::int64_t count(Database& database, SqlText const& sql) {
  Statement found = database.prepare(sql);
  return found.step() ? found.integer(0) : 0;
}

void refuse_lost_values(Database& database, Alteration const& alteration) {
  for (std::size_t i = 0; i < alteration.columns.size(); ++i) {
    Converted const& column = alteration.columns[i];
    if (alteration.may_lose_values(column)) continue;
    auto const lost = count(database, SqlText() << "SELECT count(*) FROM " << values_table() << " WHERE "
                                                << new_value(i) << " IS NULL AND " << old_value(i) << " IS NOT NULL");
    if (lost == 0) continue;
    throw landfall::config_error(
        "{}: {} values of the column {}, by which rows are compared, are {} and cannot be read as {}: let the field "
        "keep its type, choose another key or cursor, change these values, or refresh the stream",
        to_string(alteration.table), lost, column.column.text(), to_string(column.from), to_string(column.to));
  }
}

/// A column of the new type would have neither.
void refuse_rules_of_others(TableName const& table, SchemaChange const& change) {
  for (auto const& [from, to] : change.retyped) {
    if (from.nullable && !from.filled_by_store) continue;
    throw landfall::config_error(
        "{}: the column {} gets another type ({} instead of {}), and somebody has given it a {}: drop that, or the "
        "column",
        to_string(table), to.name.text(), to_string(to.type), to_string(from.type),
        from.nullable ? "default" : "NOT NULL");
  }
}

/// The column of the old type goes, and one of the new type comes. Whatever else is in the table stays as it is.
void retype(Database& database, TableName const& table, Converted const& column) try {
  database.run(SqlText() << "ALTER TABLE " << table << " DROP COLUMN " << column.column);
  database.run(SqlText() << "ALTER TABLE " << table << " ADD COLUMN " << column.column << " "
                         << declared_type(column.to));
} catch (landfall::Error const& error) {
  if (error.error_class() != landfall::ErrorClass::system) throw;
  throw landfall::config_error(
      "{}: the column {} cannot get another type ({} instead of {}), since something depends on it: {}",
      to_string(table), column.column.text(), to_string(column.to), to_string(column.from), error.what());
}

void retype_all(Database& database, Alteration const& alteration) {
  if (std::ranges::none_of(alteration.columns, &Converted::is_retyped)) return;
  Others const others = views_and_triggers(database);
  drop_all(database, others);
  for (Converted const& column : alteration.columns) {
    if (column.is_retyped()) retype(database, alteration.table, column);
  }
  make_again(database, others);
}

void put_values(Database& database, Alteration const& alteration) {
  SqlText sql;
  sql << "UPDATE " << alteration.table << " AS _landfall_old SET " << meta_column() << " = _landfall_new.meta";
  for (std::size_t i = 0; i < alteration.columns.size(); ++i) {
    sql << ", " << alteration.columns[i].column << " = _landfall_new." << new_value(i);
  }
  sql << " FROM " << values_table() << " AS _landfall_new WHERE _landfall_old." << alteration.rowid
      << " = _landfall_new.place";
  database.run(sql);
}

// ---- keys that became equal ----

/// The newest first.
void add_order(SqlText& sql, Alteration const& alteration) {
  if (alteration.cursor) {
    if (TableColumn const* const cursor = alteration.wanted.find(*alteration.cursor)) {
      sql << "t." << cursor->name << order_of(cursor->type) << " DESC NULLS LAST, ";
    }
  }
  sql << "t." << Identifier(std::string(landfall::MetaColumns::extracted_at))
      << order_of(ColumnType::timestamp_with_timezone) << " DESC, t." << alteration.rowid << " DESC";
}

/// Whether two rows of one key had different ones before; "keys" is the window of the key. Doubles that were there
/// before are none of ours.
void add_differs(SqlText& sql, Alteration const& alteration) {
  for (std::size_t i = 0; i < alteration.columns.size(); ++i) {
    Converted const& column = alteration.columns[i];
    if (!alteration.is_key(column)) continue;
    SqlText before;
    before << "iif(v.place IS NULL, t." << column.column << ", v." << old_value(i) << ")";
    sql << "max(" << before << ") OVER keys IS NOT min(" << before << ") OVER keys OR ";
  }
  sql << "FALSE";
}

std::int64_t drop_doubles(Database& database, Alteration const& alteration) {
  bool const has_new_keys =
      std::ranges::any_of(alteration.columns, [&](Converted const& column) { return alteration.is_key(column); });
  if (!has_new_keys) return 0;
  SqlText sql;
  sql << "DELETE FROM " << alteration.table << " WHERE " << alteration.rowid << " IN (SELECT place FROM (SELECT t."
      << alteration.rowid << " AS place, row_number() OVER (keys ORDER BY ";
  add_order(sql, alteration);
  sql << ") AS place_in_key, ";
  add_differs(sql, alteration);
  sql << " AS differs FROM " << alteration.table << " AS t LEFT JOIN " << values_table() << " AS v ON v.place = t."
      << alteration.rowid << " WINDOW keys AS (PARTITION BY ";
  sql.list(alteration.wanted.primary_key, "t.") << ")) WHERE differs AND place_in_key > 1)";
  database.run(sql);
  return count(database, SqlText() << "SELECT changes()");
}

// ---- together ----

std::string field_of(Identifier const& column, std::optional<TableNote> const& note) {
  if (!note) return column.text();
  auto const found = note->fields.find(column);
  return found == note->fields.end() ? column.text() : found->second;
}

std::vector<Converted> conversions(SchemaChange const& change, TableSchema const& wanted,
                                   std::optional<TableNote> const& note) {
  std::vector<Converted> columns;
  for (auto const& [from, to] : change.retyped) {
    columns.push_back({to.name, field_of(to.name, note), from.type, to.type});
  }
  auto const is_there = [&](Identifier const& name) {
    return std::ranges::find(columns, name, &Converted::column) != columns.end();
  };
  for (TableColumn const& column : wanted.columns) {
    // JSON has one spelling in keys alone, and rows may have come while it was in none.
    bool const is_new_key =
        change.key_changes && column.type == ColumnType::json && contains(wanted.primary_key, column.name);
    bool const is_outdated =
        std::ranges::find(change.outdated, column.name, &TableColumn::name) != change.outdated.end();
    bool const is_added = std::ranges::find(change.added, column.name, &TableColumn::name) != change.added.end();
    if ((is_new_key || is_outdated) && !is_added && !is_there(column.name)) {
      columns.push_back({column.name, field_of(column.name, note), column.type, column.type});
    }
  }
  return columns;
}

std::int64_t convert(Database& database, Alteration const& alteration) {
  if (alteration.columns.empty()) return 0;
  collect_values(database, alteration);
  refuse_lost_values(database, alteration);
  Others const indexes = indexes_of_others(database, alteration.table);
  drop_all(database, indexes);
  retype_all(database, alteration);
  put_values(database, alteration);
  std::int64_t const dropped = drop_doubles(database, alteration);
  make_again(database, indexes);
  drop_table(database, values_table());
  return dropped;
}

/// SQLite's statements have no room for all columns of a wide table. The key and the cursor, which decide about rows,
/// go first, and together.
std::int64_t convert_in_parts(Database& database, Alteration alteration) {
  constexpr std::ptrdiff_t columns_at_once = 25;
  auto const decides = [&](Converted const& column) {
    return !alteration.may_lose_values(column) || column.column == alteration.cursor;
  };
  std::vector<Converted> columns;
  std::ranges::copy_if(alteration.columns, std::back_inserter(columns), decides);
  auto const deciding_count = static_cast<std::ptrdiff_t>(columns.size());
  std::ranges::remove_copy_if(alteration.columns, std::back_inserter(columns), decides);
  auto end = columns.begin() + deciding_count;
  std::int64_t dropped = 0;
  for (auto begin = columns.begin(); begin != columns.end(); begin = end) {
    end += std::clamp<std::ptrdiff_t>(columns_at_once - (end - begin), 0, columns.end() - end);
    alteration.columns.assign(begin, end);
    dropped += convert(database, alteration);
  }
  return dropped;
}

/// Triggers of others are about rows that change, not about a table that does.
class WithoutTriggers {
 public:
  explicit WithoutTriggers(Database& database) : database_(database) { database_.set_triggers(false); }
  ~WithoutTriggers() { database_.set_triggers(true); }
  WithoutTriggers(WithoutTriggers const&) = delete;
  WithoutTriggers& operator=(WithoutTriggers const&) = delete;

 private:
  Database& database_;
};

void add_and_retire(Database& database, TableName const& table, SchemaChange const& change) {
  for (TableColumn const& column : change.added) {
    database.run(SqlText() << "ALTER TABLE " << table << " ADD COLUMN " << column.name << " "
                           << declared_type(column.type));
  }
  if (change.retired.empty()) return;
  Others const others = views_and_triggers(database);
  drop_all(database, others);
  for (TableColumn const& column : change.retired) {
    database.run(SqlText() << "ALTER TABLE " << table << " DROP COLUMN " << column.name);
  }
  make_again(database, others);
}

}  // namespace

std::int64_t alter_table(Database& database, landfall::TableAlteration const& asked) {
  auto const& [table, asked_change, wanted, note] = asked;
  TableSchema const actual = schema_of(database, table);
  SchemaChange const change = change_between(table, actual, wanted);
  refuse_rules_of_others(table, change);
  WithoutTriggers const without_triggers(database);
  add_and_retire(database, table, change);
  Alteration alteration{table,
                        wanted,
                        asked_change.cursor,
                        asked_change.decisive,
                        conversions(change, wanted, note),
                        rowid_of(database, table)};
  bool const is_index_in_the_way = std::ranges::any_of(
      alteration.columns, [&](Converted const& column) { return contains(actual.primary_key, column.column); });
  bool const needs_index = change.key_changes || is_index_in_the_way;
  if (needs_index) drop_key(database, table);
  std::int64_t const dropped = convert_in_parts(database, std::move(alteration));
  if (needs_index) create_key(database, table, wanted.primary_key);
  return dropped;
}

}  // namespace sqlite
