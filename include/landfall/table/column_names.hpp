#pragma once

#include <functional>
#include <map>
#include <string>

#include <landfall/protocol/catalog.hpp>
#include <landfall/table/identifier.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/table_operations.hpp>

namespace landfall {

/// What there is of a stream's tables before its columns get their names. Null: that table is not there.
struct ColumnsThere {
  ColumnsThere() = default;
  ColumnsThere(ExistingTable const* of_final, ExistingTable const* of_work)
      : final_table(of_final), work_table(of_work) {}

  ExistingTable const* final_table = nullptr;
  ExistingTable const* work_table = nullptr;  ///< rows wait in it, perhaps for a final table that was never made
};

using ColumnNames = std::map<std::string, Identifier, std::less<>>;  ///< by field

/// The columns of a stream's fields, the same for all its tables. Names are made as TableNames says.
///
/// Noted:   a field goes on in the column that is noted for it, in the final table, else in the work table.
/// Adopted: in a table without a note, a field has the column that bears its hashed, or else its natural name, letter
///          by letter.
/// User's:  a column that no note knows, in a table that has one, is a user's. A new field of that name takes it over,
///          as it is spelled.
/// New:     any other field gets its natural name, unless a column has it, of a field in the schema or not.
ColumnNames column_names(DestinationStream const& stream, NameRules const& rules,
                         ColumnsThere const& there = ColumnsThere());

/// Errors: Error(config) which names the field, the column and what to do, where a user's column that a new field takes
///         over does not have exactly the type that the field needs, or is computed by the store.
void refuse_unfit_columns(DestinationStream const& stream, TableName const& table, ExistingTable const& there,
                          ColumnNames const& names);

/// A column of a user's that must have a value in each row, and that no field fills. Null: there is none.
TableColumn const* find_unfilled_column(TableSchema const& actual, TableSchema const& wanted);

}  // namespace landfall
