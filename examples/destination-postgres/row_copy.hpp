#pragma once

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

/// Sends all rows by COPY BINARY. Whether all of them were written is for the caller to see.
/// Errors: RejectedRecords for a value that the server does not take, with the record where it says which one it was;
/// and
///         for records that a constraint of the user's does not take (null, a key that is there already), with all of
///         them. The transaction is to be given up then.
landfall::RowCounts copy_rows(Connection& connection, landfall::CopyIn const& rows);

}  // namespace postgres
