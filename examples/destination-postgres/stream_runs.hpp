#pragma once

#include <cstdint>
#include <string>

#include <landfall/table/table_operations.hpp>

#include "connection.hpp"

namespace postgres {

// Runs of streams, kept by rows of a table: a transaction that changes tables of a run holds the row of it, so that
// whoever ends the run waits for the transaction, and one that comes later does not find the row. That holds also for
// what a process has sent that is gone: its sessions go on in the server until they notice.
//
// A session that is in such a transaction is called "lf RUN BATCH ATTEMPT" (application_name), so that those which are
// in the way can be told from others, and ended. No session is ended for holding a lock alone.

/// "_landfall_runs" in the default schema.
landfall::TableName runs_table(std::string const& schema);
void create_runs_table(Connection& connection, landfall::TableName const& runs);

/// What a transaction does for a run.
struct RunWork {
  landfall::StreamRun run;
  std::string batch = "-";    ///< "12.1", of a batch or a part of it; "-": something else, one at a time
  std::uint64_t attempt = 0;  ///< of a call: higher than that of any earlier one of this process
};

/// All that is done in the transaction from here on is work for the run. Errors: landfall::run_is_over().
void enter_run(Connection& connection, landfall::TableName const& runs, RunWork const& work);

/// lock_until_commit(). Where somebody else has the lock, sessions that are at the same work with a lower attempt,
/// which was given up, or with this one, whose connection was lost, are ended first.
void lock_for_work(Connection& connection, RunWork const& work, std::string const& name);

/// Ends the sessions of earlier runs of the stream, and their rows, and makes that of this one.
void begin_run(Connection& connection, landfall::TableName const& runs, landfall::StreamRun const& run);
/// Ends what sessions the run may still have, and its row.
void end_run(Connection& connection, landfall::TableName const& runs, landfall::StreamRun const& run);

}  // namespace postgres
