#include "sqlite_upsert.hpp"

#include <utility>
#include <vector>

#include <landfall/runtime/assert.hpp>

#include "sqlite_catalog.hpp"
#include "sqlite_types.hpp"

namespace sqlite {

using landfall::Identifier;
using landfall::SqlText;
using landfall::TableName;
using landfall::TableSchema;

namespace {

Identifier read_order() { return Identifier(std::string(landfall::MetaColumns::read_order)); }

/// All rows of the keys in `from`, of both tables.
void collect_candidates(Database& database, TableName const& from, TableName const& to, TableSchema const& schema,
                        std::vector<Identifier> const& key) {
  SqlText keys;
  keys << "CREATE TEMP TABLE _landfall_keys AS SELECT DISTINCT ";
  keys.list(key) << " FROM " << from;
  database.run(keys);
  SqlText rows;
  rows << "CREATE TEMP TABLE _landfall_rows AS SELECT NULL AS _landfall_place, " << read_order() << ", ";
  rows.list(names_of(schema)) << " FROM " << from << " UNION ALL SELECT t.rowid, NULL, ";
  rows.list(names_of(schema), "t.") << " FROM temp._landfall_keys AS k CROSS JOIN " << to << " AS t ON ";
  bool is_first = true;
  for (Identifier const& column : key) {
    if (!std::exchange(is_first, false)) rows << " AND ";
    rows << "t." << column << " IS k." << column;  // nulls of a key are equal
  }
  database.run(rows);
}

/// The newest first.
void add_order(SqlText& sql, TableSchema const& schema, landfall::UpsertRule const& rule) {
  auto const add_column = [&](Identifier const& name) {
    landfall::TableColumn const* const column = schema.find(name);
    LANDFALL_ASSERT(column != nullptr);
    sql << name << order_of(column->type) << " DESC NULLS LAST, ";
  };
  if (rule.cursor) add_column(*rule.cursor);
  add_column(Identifier(std::string(landfall::MetaColumns::extracted_at)));
  sql << read_order() << " DESC NULLS LAST, _landfall_place DESC";  // a row that is there was read before
}

void put_newest(Database& database, TableName const& to, TableSchema const& schema, landfall::UpsertRule const& rule) {
  database.run(SqlText() << "DELETE FROM " << to
                         << " WHERE rowid IN (SELECT _landfall_place FROM temp._landfall_rows)");
  SqlText add;
  add << "INSERT INTO " << to << " (";
  add.list(names_of(schema)) << ") SELECT ";
  add.list(names_of(schema)) << " FROM (SELECT *, row_number() OVER (PARTITION BY ";
  add.list(rule.primary_key) << " ORDER BY ";
  add_order(add, schema, rule);
  add << ") AS _landfall_rank FROM temp._landfall_rows) WHERE _landfall_rank = 1";
  if (rule.deleted_at) add << " AND " << *rule.deleted_at << " IS NULL";
  database.run(add);
}

}  // namespace

void upsert_rows(Database& database, TableName const& from, TableName const& to, TableSchema const& schema,
                 landfall::UpsertRule const& rule) {
  database.run(SqlText() << "DROP TABLE IF EXISTS temp._landfall_keys");
  database.run(SqlText() << "DROP TABLE IF EXISTS temp._landfall_rows");
  collect_candidates(database, from, to, schema, rule.primary_key);
  put_newest(database, to, schema, rule);
  database.run(SqlText() << "DROP TABLE temp._landfall_keys");
  database.run(SqlText() << "DROP TABLE temp._landfall_rows");
}

}  // namespace sqlite
