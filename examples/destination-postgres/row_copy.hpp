#pragma once

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

/// Sends all rows by COPY BINARY.
/// Errors: RejectedRecords for a value that the server does not take, with the record where it says which one it was.
void copy_rows(Connection& connection, landfall::CopyIn const& rows);

}  // namespace postgres
