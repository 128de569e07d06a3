#pragma once

#include <string>

#include <landfall/runtime/interval_set.hpp>
#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

/// The table in which BatchMarks are kept, "_landfall_batches" in the default schema.
landfall::TableName marks_table(std::string const& schema);
void create_marks_table(Connection& connection, landfall::TableName const& marks);

/// Until the end of the transaction whoever holds the lock of this name loads this batch, or asks for it.
std::string lock_of(landfall::BatchMark const& mark);
void add_marks(Connection& connection, landfall::TableName const& marks, landfall::CopyIn const& rows);
landfall::IntervalSet numbers_of(Connection& connection, landfall::TableName const& marks,
                                 landfall::BatchMark const& mark);
void forget_runs(Connection& connection, landfall::TableName const& marks, std::string const& stream);

}  // namespace postgres
