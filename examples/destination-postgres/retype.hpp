#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <landfall/table/table_schema.hpp>

#include "connection.hpp"

namespace postgres {

/// True when the server itself makes of each value what a new one would be: any value as text or JSON, whole numbers as
/// numbers. Other values go through landfall's own reading (StoredValueReader).
bool is_converted_by_server(landfall::TableColumn const& from, landfall::ColumnType to) noexcept;

/// Of a table whose columns are text by now, and were of the type `from`: their values are read as new values of the
/// type `to`, and get that type. What does not fit is null, with an entry in the row's `changes`.
/// `fields`: of columns, for these entries. `kept`: columns that no value may get lost in.
/// Errors: Error(config) for such a loss, with how many rows it concerns.
void read_anew(Connection& connection, landfall::TableName const& table,
               std::vector<landfall::SchemaChange::Retype> const& columns,
               std::map<landfall::Identifier, std::string> const& fields,
               std::vector<landfall::Identifier> const& kept);

/// Rows whose keys become equal when columns of the key get another type: the newest one stays. Doubles from before
/// stay as they are.
class KeysThatMayMeet {
 public:
  /// Notes the keys; nothing, where none of these columns is in the key.
  KeysThatMayMeet(Connection& connection, landfall::TableName const& table,
                  std::vector<landfall::SchemaChange::Retype> const& columns,
                  std::vector<landfall::Identifier> const& key);

  bool may_have_met() const noexcept { return !key_.empty(); }

  /// The newest row stays, by (cursor, extracted at, place). `schema`: the table's, as it is now. Returns how many rows
  /// went.
  std::int64_t drop_older(landfall::TableSchema const& schema, std::optional<landfall::Identifier> const& cursor);

 private:
  Connection& connection_;
  landfall::TableName const& table_;
  std::vector<landfall::Identifier> key_;  // empty: nothing to do
};

}  // namespace postgres
