#pragma once

#include <landfall/runtime/interval_set.hpp>
#include <landfall/table/table_operations.hpp>

#include "database.hpp"

namespace sqlite {

/// Where it is written down which batches are loaded.
void create_marks_table(Database& database);

/// Inserts the rows and their mark, but for those that came with it before.
/// Errors: RejectedRecords with all that a rule of somebody else's does not let in (up to the first one that ends the
///         transaction); what TableRows::read() throws; where a trigger leaves rows out in silence, Error(config). The
///         caller rolls back.
landfall::RowCounts insert_rows(Database& database, landfall::CopyIn rows);

/// The numbers of the records that came with this batch.
landfall::IntervalSet marked_numbers(Database& database, landfall::BatchMark const& mark);

/// Forgets the batches of a stream that have a run.
void forget_runs(Database& database, std::string const& stream);

}  // namespace sqlite
