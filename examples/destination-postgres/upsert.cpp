#include "upsert.hpp"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/table/naming.hpp>

#include "catalog.hpp"

namespace postgres {

namespace {

using landfall::Identifier;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableName;
using landfall::UpsertRule;

Identifier key_column(std::size_t place) { return Identifier(fmt::format("k{}", place)); }

/// The cursor as it is compared: text by its bytes, whatever the database's language.
void add_cursor(SqlText& sql, landfall::TableSchema const& schema, UpsertRule const& rule) {
  if (!rule.cursor) {
    sql << "NULL::bigint";
    return;
  }
  landfall::TableColumn const* const column = schema.find(*rule.cursor);
  LANDFALL_ASSERT(column != nullptr);
  sql << *rule.cursor;
  if (column->type == landfall::ColumnType::text) sql << " COLLATE \"C\"";
}

void add_is_deleted(SqlText& sql, UpsertRule const& rule) {
  if (rule.deleted_at) {
    sql << *rule.deleted_at << " IS NOT NULL";
  } else {
    sql << "false";
  }
}

/// "cursor", "extracted" and "deleted" of a row.
void add_rank_columns(SqlText& sql, landfall::TableSchema const& schema, UpsertRule const& rule) {
  add_cursor(sql, schema, rule);
  sql << " AS cursor, " << Identifier(std::string(landfall::MetaColumns::extracted_at)) << " AS extracted, ";
  add_is_deleted(sql, rule);
  sql << " AS deleted";
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
  add_rank_columns(sql, schema, rule);
  sql << " FROM ONLY " << from << " ORDER BY ";
  sql.list(rule.primary_key) << ", cursor DESC NULLS LAST, extracted DESC, "
                             << Identifier(std::string(landfall::MetaColumns::read_order)) << " DESC NULLS LAST";
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

/// Rows of `to` with keys of this pattern. Each column is compared in a way that an index can answer.
void collect_old_with(Connection& connection, TableName const& to, landfall::TableSchema const& schema,
                      UpsertRule const& rule, std::vector<bool> const& is_null) {
  SqlText sql;
  sql << "INSERT INTO pg_temp._landfall_old SELECT o.place, o.rival, o.deleted, o.is_best AND COALESCE("
         "o.cursor > o.new_cursor OR (o.cursor IS NOT NULL AND o.new_cursor IS NULL) OR "
         "(o.cursor IS NOT DISTINCT FROM o.new_cursor AND o.extracted > o.new_extracted), false) FROM ("
         "SELECT t.place, n.place AS rival, t.deleted, t.cursor, t.extracted, n.cursor AS new_cursor, "
         "n.extracted AS new_extracted, row_number() OVER (PARTITION BY n.place ORDER BY t.cursor DESC NULLS LAST, "
         "t.extracted DESC, t.place DESC) = 1 AS is_best FROM pg_temp._landfall_new AS n JOIN (SELECT ctid AS place, ";
  for (std::size_t i = 0; i < rule.primary_key.size(); ++i) {
    sql << rule.primary_key[i] << " AS " << key_column(i) << ", ";
  }
  add_rank_columns(sql, schema, rule);
  sql << " FROM ONLY " << to << ") AS t ON ";
  for (std::size_t i = 0; i < rule.primary_key.size(); ++i) {
    if (i > 0) sql << " AND ";
    Identifier const column = key_column(i);
    if (is_null[i]) {
      sql << "t." << column << " IS NULL AND n." << column << " IS NULL";
    } else {
      sql << "t." << column << " = n." << column;
    }
  }
  sql << ") AS o";
  connection.run(sql);
}

// _landfall_old: where the rows of these keys are in `to`, and whether one of them is newer than the new one.
void collect_old(Connection& connection, TableName const& to, landfall::TableSchema const& schema,
                 UpsertRule const& rule) {
  SqlText sql;
  sql << "CREATE TEMP TABLE _landfall_old (place tid, rival tid, deleted boolean, stays boolean) ON COMMIT DROP";
  connection.run(sql);
  if (!has_rows(connection, to)) return;
  SqlText analyze;
  analyze << "ANALYZE pg_temp._landfall_new";  // how rows are looked up best depends on how many there are
  connection.run(analyze);
  for (auto const& pattern : null_patterns(connection, rule.primary_key.size())) {
    collect_old_with(connection, to, schema, rule, pattern);
  }
}

void put_newest(Connection& connection, TableName const& from, TableName const& to,
                landfall::TableSchema const& schema) {
  SqlText remove;
  remove << "DELETE FROM ONLY " << to
         << " WHERE ctid = ANY (ARRAY(SELECT place FROM pg_temp._landfall_old WHERE NOT stays OR deleted))";
  connection.run(remove);
  SqlText add;
  add << "INSERT INTO " << to << " (";
  add.list(names_of(schema)) << ") SELECT ";
  add.list(names_of(schema)) << " FROM ONLY " << from
                             << " WHERE ctid = ANY (ARRAY(SELECT place FROM pg_temp._landfall_new WHERE NOT deleted "
                                "EXCEPT ALL SELECT rival FROM pg_temp._landfall_old WHERE stays))";
  connection.run(add);
}

}  // namespace

// Only the places of rows are sorted and compared, not the rows. A place says nothing in tables that inherit from
// these: hence ONLY.
void upsert_rows(Connection& connection, TableName const& from, TableName const& to,
                 landfall::TableSchema const& schema, UpsertRule const& rule) {
  SqlText prepare;
  prepare << "SET LOCAL work_mem = '64MB'; LOCK TABLE " << to << " IN SHARE ROW EXCLUSIVE MODE";
  connection.run(prepare);
  collect_new(connection, from, schema, rule);
  collect_old(connection, to, schema, rule);
  put_newest(connection, from, to, schema);
}

}  // namespace postgres
