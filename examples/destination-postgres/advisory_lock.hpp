#pragma once

#include <cstdint>
#include <string>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>

#include <landfall/table/identifier.hpp>

#include "connection.hpp"

namespace postgres {

/// Of a lock's name, the same in all programs: the end of an SHA-1. Names have 62 bits, so that two of them having the
/// same lock, and one waiting for the other in vain, has to be looked for.
inline std::uint64_t lock_key(std::string const& name) {
  static boost::uuids::name_generator_sha1 const keys(
      boost::uuids::string_generator()("6c616e64-6661-6c6c-8000-6c6f636b6579"));
  boost::uuids::uuid const hash = keys(name);
  std::uint64_t key = 0;
  for (std::uint8_t const byte : hash) key = key << 8 | byte;
  return key;
}

inline std::string lock_key_text(std::string const& name) {
  return std::to_string(static_cast<std::int64_t>(lock_key(name)));
}

/// Waits until nobody else holds the lock of this name, and holds it until the transaction ends.
inline void lock_until_commit(Connection& connection, std::string const& name) {
  landfall::SqlText sql;
  sql << "SELECT pg_advisory_xact_lock($1::bigint)";
  connection.run(sql, {lock_key_text(name)});
}

/// Does not wait. False: somebody else holds it.
inline bool try_lock_until_commit(Connection& connection, std::string const& name) {
  landfall::SqlText sql;
  sql << "SELECT pg_try_advisory_xact_lock($1::bigint)";
  return connection.run(sql, {lock_key_text(name)}).text(0, 0) == "t";
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
