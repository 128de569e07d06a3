#include "sqlite_upsert.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <landfall/runtime/assert.hpp>

#include "sqlite_catalog.hpp"
#include "sqlite_others.hpp"
#include "sqlite_types.hpp"

namespace sqlite {

using landfall::ColumnType;
using landfall::Identifier;
using landfall::RowCounts;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableColumn;
using landfall::TableName;
using landfall::TableSchema;

namespace {

// Columns of our own tables are numbered: SQLite makes "column1" of a column that is called FALSE where it names
// columns by itself, in CREATE TABLE AS and in a SELECT within a SELECT.

Identifier numbered(char const* kind, std::size_t number) { return Identifier(kind + std::to_string(number)); }

/// What an upsert works on.
struct Upsert {
  TableName from;
  TableName to;
  TableSchema const& schema;
  landfall::UpsertRule const& rule;
  std::vector<Identifier> columns;  // that are put into `to`
  Identifier place_in_to;           // rowid

  std::size_t number_of(Identifier const& column) const {
    auto const found = std::ranges::find(columns, column);
    LANDFALL_ASSERT(found != columns.end());
    return static_cast<std::size_t>(found - columns.begin());
  }
};

/// Calls add(i) for each of `count`, with commas between what it adds.
template <class Add>
void add_each(SqlText& sql, std::size_t count, Add add) {
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) sql << ", ";
    add(i);
  }
}

/// "c0, c1, ...".
void add_numbered(SqlText& sql, char const* kind, std::size_t count) {
  add_each(sql, count, [&](std::size_t i) { sql << numbered(kind, i); });
}

/// The columns of the key, as their numbers.
void add_key(SqlText& sql, Upsert const& upsert) {
  auto const& key = upsert.rule.primary_key;
  add_each(sql, key.size(), [&](std::size_t i) { sql << numbered("c", upsert.number_of(key[i])); });
}

bool is_in_key(Upsert const& upsert, Identifier const& column) {
  return std::ranges::find(upsert.rule.primary_key, column) != upsert.rule.primary_key.end();
}

/// A value of `from`, as `to` has it: JSON in a key is there in its one spelling, so that equal keys are one.
void add_value(SqlText& sql, Upsert const& upsert, Identifier const& column) {
  TableColumn const* const found = upsert.schema.find(column);
  if (found != nullptr && found->type == ColumnType::json && is_in_key(upsert, column)) {
    add_spelled(sql, column, ColumnType::json);
  } else {
    sql << column;
  }
}

std::uint64_t count_of(Database& database, SqlText const& sql) {
  Statement counted = database.prepare(sql);
  counted.step();
  return static_cast<std::uint64_t>(counted.integer(0));
}

void drop_temporary(Database& database) {
  for (char const* const table : {"_landfall_keys", "_landfall_rows", "_landfall_best"}) {
    drop_table(database, TableName(Identifier("temp"), Identifier(table)));
  }
}

void collect_keys(Database& database, Upsert const& upsert) {
  auto const& key = upsert.rule.primary_key;
  SqlText table;
  table << "CREATE TEMP TABLE _landfall_keys (";
  add_numbered(table, "k", key.size());
  database.run(table << ")");
  SqlText keys;
  keys << "INSERT INTO temp._landfall_keys SELECT DISTINCT ";
  add_each(keys, key.size(), [&](std::size_t i) { add_value(keys, upsert, key[i]); });
  database.run(keys << " FROM " << upsert.from);
}

/// Whether a row says by this column that its key was deleted.
void add_says_deleted(SqlText& sql, Upsert const& upsert, landfall::SqlLiteral table) {
  if (!upsert.rule.deleted_at) {
    sql << "FALSE";
    return;
  }
  Identifier const& name = *upsert.rule.deleted_at;
  TableColumn const* const column = upsert.schema.find(name);
  LANDFALL_ASSERT(column != nullptr);
  sql << table << name << " IS NOT NULL";
  if (column->type == ColumnType::boolean) sql << " AND " << table << name << " <> 0";
  if (column->type == ColumnType::text) sql << " AND " << table << name << " <> ''";
  if (column->type == ColumnType::json) sql << " AND " << table << name << " NOT IN ('\"\"', 'false', 'null')";
}

/// The same of a row in `from`, by what its record said, where that was stored.
void add_record_says_deleted(SqlText& sql, Upsert const& upsert) {
  if (!upsert.rule.from_says_deleted) return add_says_deleted(sql, upsert, "");
  sql << "coalesce(" << Identifier(std::string(landfall::MetaColumns::deleted)) << ", ";
  add_says_deleted(sql, upsert, "");
  sql << ")";
}

/// All rows of the keys in `from`, of both tables; `place` is that of a row in `to`.
void collect_rows(Database& database, Upsert const& upsert) {
  auto const& columns = upsert.columns;
  SqlText table;
  table << "CREATE TEMP TABLE _landfall_rows (place, read_order, deleted, ";
  add_numbered(table, "c", columns.size());
  database.run(table << ")");
  SqlText rows;
  rows << "INSERT INTO temp._landfall_rows SELECT NULL, " << Identifier(std::string(landfall::MetaColumns::read_order))
       << ", ";
  add_record_says_deleted(rows, upsert);
  rows << ", ";
  add_each(rows, columns.size(), [&](std::size_t i) { add_value(rows, upsert, columns[i]); });
  rows << " FROM " << upsert.from << " UNION ALL SELECT t." << upsert.place_in_to << ", NULL, ";
  add_says_deleted(rows, upsert, "t.");
  rows << ", ";
  rows.list(columns, "t.") << " FROM temp._landfall_keys AS k CROSS JOIN " << upsert.to << " AS t ON ";
  for (std::size_t i = 0; i < upsert.rule.primary_key.size(); ++i) {
    if (i != 0) rows << " AND ";
    rows << "t." << upsert.rule.primary_key[i] << " IS k." << numbered("k", i);  // nulls of a key are equal
  }
  database.run(rows);
}

/// The newest first.
void add_order(SqlText& sql, Upsert const& upsert) {
  auto const add_column = [&](Identifier const& name) {
    TableColumn const* const column = upsert.schema.find(name);
    LANDFALL_ASSERT(column != nullptr);
    sql << numbered("c", upsert.number_of(name)) << order_of(column->type) << " DESC NULLS LAST, ";
  };
  if (upsert.rule.cursor) add_column(*upsert.rule.cursor);
  add_column(Identifier(std::string(landfall::MetaColumns::extracted_at)));
  sql << "read_order DESC NULLS LAST, place DESC";  // a row that is there was read before
}

// ---- a table with our columns alone ----

/// " FROM ...": of each key the newest row, unless it says that its key was deleted.
void add_newest(SqlText& sql, Upsert const& upsert) {
  sql << " FROM (SELECT *, row_number() OVER (PARTITION BY ";
  add_key(sql, upsert);
  sql << " ORDER BY ";
  add_order(sql, upsert);
  sql << ") AS place_in_key FROM temp._landfall_rows) WHERE place_in_key = 1 AND NOT deleted";
}

void put_newest(Database& database, Upsert const& upsert, RowCounts& counts) {
  counts.to_delete = count_of(database, SqlText() << "SELECT count(place) FROM temp._landfall_rows");
  database.run(SqlText() << "DELETE FROM " << upsert.to << " WHERE " << upsert.place_in_to
                         << " IN (SELECT place FROM temp._landfall_rows)");
  counts.deleted = database.changed_rows();
  SqlText add;
  add << insert_into(database, upsert.to) << upsert.to << " (";
  add.list(upsert.columns) << ") SELECT ";
  add_numbered(add, "c", upsert.columns.size());
  add_newest(add, upsert);
  database.run(add);
  counts.written = counts.to_write = database.changed_rows();
  if (!has_triggers(database, upsert.to)) return;  // nothing else leaves rows out, and to count them costs a sort
  SqlText chosen;
  chosen << "SELECT count(*)";
  add_newest(chosen, upsert);
  counts.to_write = count_of(database, chosen);
}

// ---- a table with columns of others ----

void add_window(SqlText& sql, Upsert const& upsert) {
  sql << "OVER (PARTITION BY ";
  add_key(sql, upsert);
  sql << " ORDER BY ";
}

/// `from` may have columns that are not in the schema, of fields that left it: rows that came later say nothing of
/// them, so that the newest value stays that there is.
void add_best_value(SqlText& sql, Upsert const& upsert, std::size_t i) {
  Identifier const column = numbered("c", i);
  if (upsert.schema.find(upsert.columns[i]) != nullptr) {
    sql << column;
    return;
  }
  sql << "first_value(" << column << ") ";
  add_window(sql, upsert);
  sql << column << " IS NULL, ";
  add_order(sql, upsert);
  sql << ")";
}

/// The best row of each key, and in `kept` the place of the best of those that are in `to`: which has the values of the
/// others' columns.
void find_best(Database& database, Upsert const& upsert) {
  SqlText table;
  table << "CREATE TEMP TABLE _landfall_best (place, kept, is_deleted, ";
  add_numbered(table, "c", upsert.columns.size());
  database.run(table << ")");
  SqlText best;
  best << "INSERT INTO temp._landfall_best SELECT place, kept, deleted, ";
  add_numbered(best, "v", upsert.columns.size());
  best << " FROM (SELECT place, deleted, ";
  add_each(best, upsert.columns.size(), [&](std::size_t i) {
    add_best_value(best, upsert, i);
    best << " AS " << numbered("v", i);
  });
  best << ", row_number() ";
  add_window(best, upsert);
  add_order(best, upsert);
  best << ") AS place_in_key, first_value(place) ";
  add_window(best, upsert);
  best << "place IS NULL, ";
  add_order(best, upsert);
  best << ") AS kept FROM temp._landfall_rows) WHERE place_in_key = 1";
  database.run(best);
}

void update_kept(Database& database, Upsert const& upsert, RowCounts& counts) {
  counts.to_write += count_of(database, SqlText() << "SELECT count(*) FROM temp._landfall_best WHERE kept IS NOT NULL "
                                                     "AND place IS NULL AND NOT is_deleted");
  SqlText update;
  update << "UPDATE " << upsert.to << " AS _landfall_old SET ";
  add_each(update, upsert.columns.size(),
           [&](std::size_t i) { update << upsert.columns[i] << " = _landfall_new." << numbered("c", i); });
  update << " FROM temp._landfall_best AS _landfall_new WHERE _landfall_old." << upsert.place_in_to
         << " = _landfall_new.kept AND _landfall_new.place IS NULL AND NOT _landfall_new.is_deleted";
  database.run(update);
  counts.written += database.changed_rows();
}

void put_newest_beside_others(Database& database, Upsert const& upsert, RowCounts& counts) {
  find_best(database, upsert);
  constexpr SqlLiteral replaced =
      "SELECT place FROM temp._landfall_rows WHERE place IS NOT NULL EXCEPT SELECT kept FROM temp._landfall_best WHERE "
      "NOT is_deleted";
  counts.to_delete = count_of(database, SqlText() << "SELECT count(*) FROM (" << replaced << ")");
  database.run(SqlText() << "DELETE FROM " << upsert.to << " WHERE " << upsert.place_in_to << " IN (" << replaced
                         << ")");
  counts.deleted = database.changed_rows();
  update_kept(database, upsert, counts);
  counts.to_write +=
      count_of(database, SqlText() << "SELECT count(*) FROM temp._landfall_best WHERE kept IS NULL AND NOT is_deleted");
  SqlText add;
  add << insert_into(database, upsert.to) << upsert.to << " (";
  add.list(upsert.columns) << ") SELECT ";
  add_numbered(add, "c", upsert.columns.size());
  database.run(add << " FROM temp._landfall_best WHERE kept IS NULL AND NOT is_deleted");
  counts.written += database.changed_rows();
}

}  // namespace

RowCounts upsert_rows(Database& database, TableName const& from, TableName const& to, TableSchema const& schema,
                      landfall::UpsertRule const& rule) {
  std::vector<Identifier> columns = names_of(schema);
  std::ranges::copy(columns_beside(database, from, schema), std::back_inserter(columns));
  add_missing_columns(database, from, to);
  std::size_t const column_count = schema_of(database, to).columns.size();
  Upsert const upsert{from, to, schema, rule, std::move(columns), rowid_of(database, to)};
  drop_temporary(database);
  collect_keys(database, upsert);
  collect_rows(database, upsert);
  bool const is_ours_alone = column_count == schema.columns.size();
  RowCounts counts;
  is_ours_alone ? put_newest(database, upsert, counts) : put_newest_beside_others(database, upsert, counts);
  drop_temporary(database);
  counts.require_whole(to);
  return counts;
}

RowCounts move_all_rows(Database& database, TableName const& from, TableName const& to, TableSchema const& schema) {
  auto const beside = columns_beside(database, from, schema);
  add_missing_columns(database, from, to);
  auto columns = names_of(schema);
  std::ranges::copy(beside, std::back_inserter(columns));
  landfall::UpsertRule key_alone;
  key_alone.primary_key = schema.primary_key;
  Upsert const moved{from, to, schema, key_alone, columns, Identifier()};
  SqlText sql;
  sql << insert_into(database, to) << to << " (";
  sql.list(columns) << ") SELECT ";
  add_each(sql, columns.size(), [&](std::size_t i) { add_value(sql, moved, columns[i]); });
  database.run(sql << " FROM " << from << " ORDER BY " << rowid_of(database, from));
  RowCounts counts;
  counts.to_write = count_of(database, SqlText() << "SELECT count(*) FROM " << from);
  counts.written = database.changed_rows();
  counts.require_whole(to);
  return counts;
}

}  // namespace sqlite
