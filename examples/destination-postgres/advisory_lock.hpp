#pragma once

#include <string>

#include <landfall/table/identifier.hpp>

#include "connection.hpp"

namespace postgres {

/// Waits until nobody else holds the lock of this name, and holds it until the transaction ends. Two names may have the
/// same lock.
inline void lock_until_commit(Connection& connection, std::string const& name) {
  landfall::SqlText sql;
  sql << "SELECT pg_advisory_xact_lock(1818324580, hashtext($1))";  // a number of our own: "land"
  connection.run(sql, {name});
}

inline void lock_until_commit(Connection& connection, landfall::TableName const& table) {
  lock_until_commit(connection, landfall::to_string(table));
}

/// For who makes, renames or drops a table. The server calls its array type as the table, with a '_' in front: where
/// two do so at once with "c" and "_c", one of them fails.
inline void lock_names_of(Connection& connection, landfall::Identifier const& schema) {
  lock_until_commit(connection, "names of " + schema.text());
}

}  // namespace postgres
