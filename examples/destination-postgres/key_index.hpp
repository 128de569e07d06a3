#pragma once

#include <vector>

#include <landfall/table/sql_text.hpp>

#include "connection.hpp"
#include "server_error.hpp"

namespace postgres {

// What rows of a key are looked up by: a B-tree over its columns. Where a value is too long for one, which holds some
// 2,700 bytes, a hash index for each column.

/// Nothing, where the key is empty.
void create_key_index(Connection& connection, landfall::TableName const& table,
                      std::vector<landfall::Identifier> const& key);
void drop_key_index(Connection& connection, landfall::TableName const& table);

/// The columns of the key that a table has an index for.
std::vector<landfall::Identifier> key_of(Connection& connection, landfall::TableName const& table);

/// For with_long_keys(): undoes what failed, and makes hash indexes. False: the error is about something else.
bool make_room_for_long_keys(Connection& connection, landfall::TableName const& table, ServerError const& error);
void begin_with_long_keys(Connection& connection);

/// Does what puts rows into the table; once more, when a value of its key was too long for the index.
template <class Work>
void with_long_keys(Connection& connection, landfall::TableName const& table, Work work) {
  begin_with_long_keys(connection);
  try {
    return work();
  } catch (ServerError const& error) {
    if (!make_room_for_long_keys(connection, table, error)) throw;
  }
  work();
}

}  // namespace postgres
