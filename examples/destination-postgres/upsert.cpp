#include "upsert.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/table/naming.hpp>

#include "catalog.hpp"
#include "cursor_order.hpp"
#include "replica_identity.hpp"

namespace postgres {

namespace {

using landfall::Identifier;
using landfall::RowCounts;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableName;
using landfall::UpsertRule;

Identifier key_column(std::size_t place) { return Identifier(fmt::format("k{}", place)); }

/// Whether a row says by its column that its key was deleted.
void add_says_deleted(SqlText& sql, landfall::TableSchema const& schema, UpsertRule const& rule) {
  if (!rule.deleted_at) {
    sql << "false";
    return;
  }
  landfall::TableColumn const* const column = schema.find(*rule.deleted_at);
  LANDFALL_ASSERT(column != nullptr);
  sql << *rule.deleted_at << " IS NOT NULL";
  if (column->type == landfall::ColumnType::boolean) sql << " AND " << *rule.deleted_at;
  if (column->type == landfall::ColumnType::text) sql << " AND " << *rule.deleted_at << " <> ''";
  if (column->type == landfall::ColumnType::json) {
    sql << " AND " << *rule.deleted_at << " NOT IN ('\"\"', 'false', 'null')";
  }
}

/// Which table a row lies in.
enum class Side { from, to };

/// The cursor, "extracted" and "deleted" of a row: in `from` by what its record said, where that was stored.
void add_rank_columns(SqlText& sql, landfall::TableSchema const& schema, UpsertRule const& rule, Side side) {
  CursorOrder(schema, rule).add_columns(sql);
  sql << Identifier(std::string(landfall::MetaColumns::extracted_at)) << " AS extracted, ";
  bool const has_flag = side == Side::from && rule.from_says_deleted;
  if (has_flag) sql << "coalesce(" << Identifier(std::string(landfall::MetaColumns::deleted)) << ", ";
  add_says_deleted(sql, schema, rule);
  if (has_flag) sql << ")";
  sql << " AS deleted";
}

void add_newest_first(SqlText& sql, CursorOrder const& order, SqlLiteral table = "") {
  for (Identifier const& column : order.names()) sql << table << column << " DESC NULLS LAST, ";
}

// _landfall_new: of each key in `from` where its newest row is.
void collect_new(Connection& connection, TableName const& from, landfall::TableSchema const& schema,
                 UpsertRule const& rule) {
  SqlText sql;
  sql << "CREATE TEMP TABLE _landfall_new ON COMMIT DROP AS SELECT DISTINCT ON (";
  sql.list(rule.primary_key) << ") ctid AS place, ";
  for (std::size_t i = 0; i < rule.primary_key.size(); ++i) {
    sql << rule.primary_key[i] << " AS " << key_column(i) << ", ";
  }
  add_rank_columns(sql, schema, rule, Side::from);
  sql << " FROM ONLY " << from << " ORDER BY ";
  sql.list(rule.primary_key) << ", ";
  add_newest_first(sql, CursorOrder(schema, rule));
  sql << "extracted DESC, " << Identifier(std::string(landfall::MetaColumns::read_order)) << " DESC NULLS LAST";
  connection.run(sql);
}

bool has_rows(Connection& connection, TableName const& table) {
  SqlText sql;
  sql << "SELECT 1 FROM ONLY " << table << " LIMIT 1";
  return connection.run(sql).rows() > 0;
}

/// Which columns of the keys are null: a combination for each that occurs.
std::vector<std::vector<bool>> null_patterns(Connection& connection, std::size_t key_size) {
  SqlText sql;
  sql << "SELECT DISTINCT ";
  for (std::size_t i = 0; i < key_size; ++i)
    sql << (i == 0 ? SqlLiteral("") : SqlLiteral(", ")) << key_column(i) << " IS NULL";
  sql << " FROM pg_temp._landfall_new";
  Result const found = connection.run(sql);
  std::vector<std::vector<bool>> patterns;
  for (int row = 0; row < found.rows(); ++row) {
    std::vector<bool> pattern;
    for (std::size_t i = 0; i < key_size; ++i) pattern.push_back(found.text(row, static_cast<int>(i)) == "t");
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

std::vector<Identifier> names_in_new(CursorOrder const& order) {
  std::vector<Identifier> names;
  for (Identifier const& column : order.names()) names.emplace_back("new_" + column.text());
  return names;
}

/// True of an old row that is newer than the new one.
void add_is_newer(SqlText& sql, CursorOrder const& order) {
  auto const new_names = names_in_new(order);
  sql << "COALESCE((";
  sql.list(order.names(), "o.") << ") > (";
  sql.list(new_names, "o.") << ") OR (o.cursor IS NOT NULL AND o.new_cursor IS NULL) OR ((";
  sql.list(order.names(), "o.") << ") IS NOT DISTINCT FROM (";
  sql.list(new_names, "o.") << ") AND o.extracted > o.new_extracted), false)";
}

void add_same_key(SqlText& sql, std::vector<bool> const& is_null) {
  for (std::size_t i = 0; i < is_null.size(); ++i) {
    if (i > 0) sql << " AND ";
    Identifier const column = key_column(i);
    if (is_null[i]) {
      sql << "t." << column << " IS NULL AND n." << column << " IS NULL";
    } else {
      sql << "t." << column << " = n." << column;
    }
  }
}

/// Pairs of an old and a new row of a key of this pattern, each with what they are compared by, and which of the old
/// ones of the key is the newest. Each column is compared in a way that an index can answer.
void add_pairs(SqlText& sql, TableName const& to, landfall::TableSchema const& schema, UpsertRule const& rule,
               std::vector<bool> const& is_null) {
  CursorOrder const order(schema, rule);
  auto const new_names = names_in_new(order);
  sql << "SELECT t.place, n.place AS rival, t.deleted, n.deleted AS new_deleted, t.extracted, n.extracted AS "
         "new_extracted, ";
  for (std::size_t i = 0; i < new_names.size(); ++i) {
    sql << "t." << order.names()[i] << ", n." << order.names()[i] << " AS " << new_names[i] << ", ";
  }
  sql << "row_number() OVER (PARTITION BY n.place ORDER BY ";
  add_newest_first(sql, order, "t.");
  sql << "t.extracted DESC, t.place DESC) = 1 AS is_best FROM pg_temp._landfall_new AS n JOIN (SELECT ctid AS place, ";
  for (std::size_t i = 0; i < rule.primary_key.size(); ++i) {
    sql << rule.primary_key[i] << " AS " << key_column(i) << ", ";
  }
  add_rank_columns(sql, schema, rule, Side::to);
  sql << " FROM ONLY " << to << ") AS t ON ";
  add_same_key(sql, is_null);
}

void collect_old_with(Connection& connection, TableName const& to, landfall::TableSchema const& schema,
                      UpsertRule const& rule, std::vector<bool> const& is_null) {
  SqlText sql;
  sql << "INSERT INTO pg_temp._landfall_old SELECT p.place, p.rival, p.deleted, p.stays, p.is_best AND NOT p.stays AND "
         "NOT p.new_deleted FROM (SELECT o.place, o.rival, o.deleted, o.new_deleted, o.is_best, o.is_best AND ";
  add_is_newer(sql, CursorOrder(schema, rule));
  sql << " AS stays FROM (";
  add_pairs(sql, to, schema, rule, is_null);
  sql << ") AS o) AS p";
  connection.run(sql);
}

// _landfall_old: where the rows of these keys are in `to`, whether one of them is newer than the new one, and whether
// it is the one whose place the new one takes.
void collect_old(Connection& connection, TableName const& to, landfall::TableSchema const& schema,
                 UpsertRule const& rule) {
  SqlText sql;
  sql << "CREATE TEMP TABLE _landfall_old (place tid, rival tid, deleted boolean, stays boolean, yields boolean) ON "
         "COMMIT DROP";
  connection.run(sql);
  if (!has_rows(connection, to)) return;
  SqlText analyze;
  analyze << "ANALYZE pg_temp._landfall_new";  // how rows are looked up best depends on how many there are
  connection.run(analyze);
  for (auto const& pattern : null_patterns(connection, rule.primary_key.size())) {
    collect_old_with(connection, to, schema, rule, pattern);
  }
}

std::uint64_t count_of(Connection& connection, SqlLiteral places) {
  SqlText sql;
  sql << "SELECT count(*) FROM (" << places << ") AS p";
  return static_cast<std::uint64_t>(connection.run(sql).integer(0, 0));
}

void put_newest(Connection& connection, TableName const& from, TableName const& to, landfall::TableSchema const& schema,
                RowCounts& counts) {
  constexpr SqlLiteral replaced = "SELECT place FROM pg_temp._landfall_old WHERE NOT stays OR deleted";
  counts.to_delete = count_of(connection, replaced);
  SqlText remove;
  remove << "DELETE FROM ONLY " << to << " WHERE ctid = ANY (ARRAY(" << replaced << "))";
  counts.deleted = connection.run(remove).changed_rows();
  constexpr SqlLiteral chosen =
      "SELECT place FROM pg_temp._landfall_new WHERE NOT deleted EXCEPT ALL SELECT rival FROM pg_temp._landfall_old "
      "WHERE stays";
  counts.to_write = count_of(connection, chosen);
  SqlText add;
  add << "INSERT INTO " << to << " (";
  add.list(names_of(schema)) << ") SELECT ";
  add.list(names_of(schema)) << " FROM ONLY " << from << " WHERE ctid = ANY (ARRAY(" << chosen << "))";
  counts.written = connection.run(add).changed_rows();
}

// ---- a table whose rows have more than what we put there ----

Identifier value_column(std::size_t place) { return Identifier(fmt::format("v{}", place)); }

/// Of each row of `from`: its place, key and rank, and its carried values.
void add_rows_with_values(SqlText& sql, TableName const& from, landfall::TableSchema const& schema,
                          std::vector<Identifier> const& carried, UpsertRule const& rule) {
  sql << "SELECT ctid AS place, ";
  for (std::size_t i = 0; i < rule.primary_key.size(); ++i) {
    sql << rule.primary_key[i] << " AS " << key_column(i) << ", ";
  }
  for (std::size_t i = 0; i < carried.size(); ++i) sql << carried[i] << " AS " << value_column(i) << ", ";
  add_rank_columns(sql, schema, rule, Side::from);
  sql << ", " << Identifier(std::string(landfall::MetaColumns::read_order)) << " AS read_order FROM ONLY " << from;
}

/// The newest value of a key that is there at all.
void add_newest_value(SqlText& sql, CursorOrder const& order, std::size_t key_size, Identifier const& value) {
  sql << "first_value(" << value << ") OVER (PARTITION BY ";
  for (std::size_t i = 0; i < key_size; ++i) sql << (i == 0 ? SqlLiteral("") : SqlLiteral(", ")) << key_column(i);
  sql << " ORDER BY " << value << " IS NULL, ";
  add_newest_first(sql, order);
  sql << "extracted DESC, read_order DESC NULLS LAST) AS " << value;
}

/// Gives each row of `from` that lacks a carried value the newest one of its key: only the newest row is merged, and it
/// may have come when the field had left its stream.
void fill_carried(Connection& connection, TableName const& from, landfall::TableSchema const& schema,
                  std::vector<Identifier> const& carried, UpsertRule const& rule) {
  if (carried.empty()) return;
  ensure_replica_identity(connection, from);
  SqlText set, values, is_needed;
  for (std::size_t i = 0; i < carried.size(); ++i) {
    if (i > 0) {
      set << ", ";
      is_needed << " OR ";
    }
    set << carried[i] << " = COALESCE(f." << carried[i] << ", q." << value_column(i) << ")";
    is_needed << "(f." << carried[i] << " IS NULL AND q." << value_column(i) << " IS NOT NULL)";
    values << ", ";
    add_newest_value(values, CursorOrder(schema, rule), rule.primary_key.size(), value_column(i));
  }
  SqlText sql;
  sql << "UPDATE ONLY " << from << " AS f SET " << set << " FROM (SELECT place" << values << " FROM (";
  add_rows_with_values(sql, from, schema, carried, rule);
  sql << ") AS s) AS q WHERE f.ctid = q.place AND (" << is_needed << ")";
  connection.run(sql);
}

/// The new row is written into the old one: what others have in columns of their own stays, and what refers to the row.
/// A carried value is written where there is one: a row that came when its field had left the stream says nothing of
/// it.
std::uint64_t write_into_old(Connection& connection, TableName const& from, TableName const& to,
                             std::vector<Identifier> const& columns, std::vector<Identifier> const& carried) {
  SqlText sql;
  sql << "UPDATE ONLY " << to << " AS t SET ";
  bool is_first = true;
  for (Identifier const& column : columns) {
    if (!std::exchange(is_first, false)) sql << ", ";
    sql << column << " = f." << column;
  }
  for (Identifier const& column : carried)
    sql << ", " << column << " = COALESCE(f." << column << ", t." << column << ")";
  // Twice by place: the join finds the new row, the array the old one, without reading all of them.
  sql << " FROM pg_temp._landfall_old AS o JOIN ONLY " << from << " AS f ON f.ctid = o.rival "
      << "WHERE o.yields AND t.ctid = o.place AND t.ctid = ANY (ARRAY(SELECT place FROM pg_temp._landfall_old WHERE "
         "yields))";
  return connection.run(sql).changed_rows();
}

void put_newest_in_place(Connection& connection, TableName const& from, TableName const& to,
                         landfall::TableSchema const& schema, std::vector<Identifier> const& carried,
                         RowCounts& counts) {
  constexpr SqlLiteral removed = "SELECT place FROM pg_temp._landfall_old WHERE (NOT stays OR deleted) AND NOT yields";
  counts.to_delete = count_of(connection, removed);
  SqlText remove;
  remove << "DELETE FROM ONLY " << to << " WHERE ctid = ANY (ARRAY(" << removed << "))";
  counts.deleted = connection.run(remove).changed_rows();
  std::vector<Identifier> columns = names_of(schema);
  counts.to_write = count_of(connection, "SELECT place FROM pg_temp._landfall_old WHERE yields");
  counts.written = write_into_old(connection, from, to, columns, carried);
  constexpr SqlLiteral added =
      "SELECT place FROM pg_temp._landfall_new WHERE NOT deleted EXCEPT ALL SELECT rival FROM pg_temp._landfall_old "
      "WHERE stays OR yields";
  counts.to_write += count_of(connection, added);
  std::ranges::copy(carried, std::back_inserter(columns));
  SqlText add;
  add << "INSERT INTO " << to << " (";
  add.list(columns) << ") SELECT ";
  add.list(columns) << " FROM ONLY " << from << " WHERE ctid = ANY (ARRAY(" << added << "))";
  counts.written += connection.run(add).changed_rows();
}

/// Whether rows have more than what we put there, or others refer to them: then a row must not be made anew.
bool rows_have_more(Connection& connection, TableName const& to, landfall::TableSchema const& schema) {
  SqlText sql;
  // Generated columns, from PostgreSQL 12 on, get their values again.
  sql << "SELECT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON "
         "n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped AND "
         "COALESCE(to_jsonb(a) ->> 'attgenerated', '') = ''";
  Result const found = connection.run(sql, {to.schema.text(), to.table.text()});
  for (int row = 0; row < found.rows(); ++row) {
    if (schema.find(Identifier(found.text(row, 0))) == nullptr) return true;
  }
  return is_referred_to(connection, to);
}

}  // namespace

// Only the places of rows are sorted and compared, not the rows. A place says nothing in tables that inherit from
// these: hence ONLY.
RowCounts upsert_rows(Connection& connection, TableName const& from, TableName const& to,
                      landfall::TableSchema const& schema, std::vector<Identifier> const& carried,
                      UpsertRule const& rule) {
  SqlText prepare;
  prepare << "SET LOCAL work_mem = '64MB'; LOCK TABLE " << to << " IN SHARE ROW EXCLUSIVE MODE";
  connection.run(prepare);
  fill_carried(connection, from, schema, carried, rule);  // first: it moves rows
  collect_new(connection, from, schema, rule);
  collect_old(connection, to, schema, rule);
  RowCounts counts;
  if (rows_have_more(connection, to, schema)) {
    put_newest_in_place(connection, from, to, schema, carried, counts);
  } else {
    put_newest(connection, from, to, schema, counts);
  }
  return counts;
}

}  // namespace postgres
