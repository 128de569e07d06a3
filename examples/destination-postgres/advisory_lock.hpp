#pragma once

#include <cstdint>
#include <string>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>

#include <landfall/table/identifier.hpp>

#include "connection.hpp"

namespace postgres {

/// Waits until nobody else holds the lock of this name, and holds it until the transaction ends. Names have keys of 64
/// bits: that two of them have the same lock, and one waits for the other in vain, has to be looked for.
inline void lock_until_commit(Connection& connection, std::string const& name) {
  // Of all versions of the server, and of all that connect to it, the same: an SHA-1 that is made here.
  static boost::uuids::name_generator_sha1 const keys(
      boost::uuids::string_generator()("6c616e64-6661-6c6c-8000-6c6f636b6579"));
  boost::uuids::uuid const hash = keys(name);
  std::uint64_t key = 0;
  for (std::uint8_t const byte : hash) key = key << 8 | byte;  // the last eight
  landfall::SqlText sql;
  sql << "SELECT pg_advisory_xact_lock($1::bigint)";
  connection.run(sql, {std::to_string(static_cast<std::int64_t>(key))});
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
