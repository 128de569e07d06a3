#pragma once

#include <string>

#include <landfall/table/identifier.hpp>

#include "connection.hpp"

namespace postgres {

/// What follows where a table cannot be given an identity: it fails, or goes without.
enum class Impossible { fails, goes_without };

/// PostgreSQL refuses to change or delete rows of a table that a publication publishes such changes of, unless it can
/// tell by a replica identity which row was meant. Gives the table one (FULL) where that is so: not otherwise, since
/// the server's log then holds each old row as a whole.
///
/// Returns: what was done, for people; empty where nothing had to be.
/// Errors:  Error(config) where it fails since it cannot be done, with the table, the publications and what to do.
std::string ensure_replica_identity(Connection& connection, landfall::TableName const& table,
                                    Impossible impossible = Impossible::fails);

}  // namespace postgres
