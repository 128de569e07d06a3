#pragma once

#include <string>
#include <vector>

#include <landfall/table/table_schema.hpp>

#include "connection.hpp"
#include "remembered.hpp"

namespace postgres {

/// What users have made of a table, given to the one that takes its place: columns that it lacks (type, collation,
/// default; their values are the default, or null), defaults, NOT NULL, indexes, statistics, storage options, comments,
/// owner, grants, its place in publications and its replica identity.
class CarryOver {
 public:
  /// What can be given to `fresh` while both are there; what has to wait is remembered.
  /// Errors: Error(config) for what the new rows do not agree with, an index for instance.
  CarryOver(Connection& connection, landfall::TableName const& old, landfall::TableName const& fresh);

  /// Now `fresh` has the name of the other, which is gone.
  void finish();

 private:
  Remembered after_;
};

/// Rows of `from` are to go to `to`: with the columns that `from` has beyond `schema`, of fields that left the stream
/// while rows waited. Gives them to `to` where it lacks them. Returns: those of them that can be copied.
std::vector<landfall::Identifier> carry_columns(Connection& connection, landfall::TableName const& from,
                                                landfall::TableName const& to, landfall::TableSchema const& schema);

/// What none of this can do: for ExistingTable::immovable.
std::vector<std::string> immovable_parts_of(Connection& connection, landfall::TableName const& table);

}  // namespace postgres
