#include "key_index.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace postgres {

using landfall::Identifier;
using landfall::SqlText;
using landfall::TableName;

namespace {

constexpr std::string_view too_long = "54000";

/// By such a beginning the indexes of a key are known again.
std::string new_name() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return fmt::format("_landfall_key_{:016x}", random());
}

void run(Connection& connection, landfall::SqlLiteral text) {
  SqlText sql;
  sql << text;
  connection.run(sql);
}

std::vector<Identifier> indexes_of(Connection& connection, TableName const& table) {
  SqlText sql;
  sql << "SELECT x.relname FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid "
         "JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
         "WHERE n.nspname = $1 AND c.relname = $2 AND x.relname LIKE '\\_landfall\\_key\\_%'";
  Result const found = connection.run(sql, {table.schema.text(), table.table.text()});
  std::vector<Identifier> names;
  for (int row = 0; row < found.rows(); ++row) names.emplace_back(found.text(row, 0));
  return names;
}

// Named in the order of the key.
void create_hash_indexes(Connection& connection, TableName const& table, std::vector<Identifier> const& key) {
  std::string const name = new_name();
  for (std::size_t i = 0; i < key.size(); ++i) {
    SqlText sql;
    sql << "CREATE INDEX " << Identifier(fmt::format("{}_{:03}", name, i)) << " ON " << table << " USING hash ("
        << key[i] << ")";
    connection.run(sql);
  }
}

}  // namespace

void create_key_index(Connection& connection, TableName const& table, std::vector<Identifier> const& key) {
  if (key.empty()) return;
  SqlText sql;
  sql << "CREATE INDEX " << Identifier(new_name()) << " ON " << table << " (";
  sql.list(key) << ")";
  begin_with_long_keys(connection);
  try {
    connection.run(sql);
  } catch (ServerError const& error) {
    if (error.sqlstate != too_long) throw;
    run(connection, "ROLLBACK TO SAVEPOINT _landfall_key");
    create_hash_indexes(connection, table, key);
  }
}

void drop_key_index(Connection& connection, TableName const& table) {
  for (Identifier const& index : indexes_of(connection, table)) {
    SqlText sql;
    sql << "DROP INDEX " << TableName(table.schema, index);
    connection.run(sql);
  }
}

std::vector<Identifier> key_of(Connection& connection, TableName const& table) {
  SqlText sql;
  sql << "SELECT a.attname FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid "
         "JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
         "CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) "
         "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum "
         "WHERE n.nspname = $1 AND c.relname = $2 AND x.relname LIKE '\\_landfall\\_key\\_%' ORDER BY x.relname, "
         "k.place";
  Result const found = connection.run(sql, {table.schema.text(), table.table.text()});
  std::vector<Identifier> key;
  for (int row = 0; row < found.rows(); ++row) key.emplace_back(found.text(row, 0));
  return key;
}

void begin_with_long_keys(Connection& connection) { run(connection, "SAVEPOINT _landfall_key"); }

bool make_room_for_long_keys(Connection& connection, TableName const& table, ServerError const& error) {
  if (error.sqlstate != too_long) return false;
  run(connection, "ROLLBACK TO SAVEPOINT _landfall_key");
  auto const key = key_of(connection, table);
  drop_key_index(connection, table);
  create_hash_indexes(connection, table, key);
  return true;
}

}  // namespace postgres
