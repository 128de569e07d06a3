#include "stream_runs.hpp"

#include <fmt/format.h>

#include "advisory_lock.hpp"

namespace postgres {

using landfall::SqlText;
using landfall::StreamRun;
using landfall::TableName;

namespace {

/// "lf 0123456789abcdef": of a run, but not of the same process's runs of other streams. With a batch and an attempt it
/// has at most 62 bytes, and the server keeps 63.
std::string session_name(StreamRun const& run) {
  return fmt::format("lf {:016x}", lock_key(fmt::format("run {} of {}", run.id, run.stream)));
}

std::string session_name(RunWork const& work) {
  return fmt::format("{} {} {}", session_name(work.run), work.batch, work.attempt);
}

/// Our own role's, in this database, whose name begins so and ends with an attempt that is not higher.
void end_sessions(Connection& connection, std::string const& name, std::string const& highest_attempt) {
  SqlText sql;
  sql << "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = "
         "current_user AND pid <> pg_backend_pid() AND left(application_name, length($1)) = $1 AND "
         "split_part(application_name, ' ', 4) ~ '^[0-9]{1,20}$' AND split_part(application_name, ' ', 4)::numeric <= "
         "$2::numeric";
  connection.run(sql, {name + " ", highest_attempt});
}

constexpr char const* any_attempt = "100000000000000000000";

}  // namespace

TableName runs_table(std::string const& schema) {
  return TableName(landfall::Identifier(schema), landfall::Identifier("_landfall_runs"));
}

void create_runs_table(Connection& connection, TableName const& runs) {
  lock_names_of(connection, runs.schema);
  SqlText sql;
  sql << "CREATE TABLE " << runs << " (stream text NOT NULL, run text NOT NULL, PRIMARY KEY (stream, run))";
  connection.run(sql);
}

void enter_run(Connection& connection, TableName const& runs, RunWork const& work) {
  SqlText sql;
  sql << "SELECT set_config('application_name', $3, true) FROM " << runs
      << " WHERE stream = $1 AND run = $2 FOR KEY SHARE";
  Result const found = connection.run(sql, {work.run.stream, work.run.id, session_name(work)});
  if (found.rows() == 0) throw landfall::run_is_over(work.run);
}

void lock_for_work(Connection& connection, RunWork const& work, std::string const& name) {
  if (try_lock_until_commit(connection, name)) return;
  end_sessions(connection, fmt::format("{} {}", session_name(work.run), work.batch), std::to_string(work.attempt));
  lock_until_commit(connection, name);
}

void begin_run(Connection& connection, TableName const& runs, StreamRun const& run) {
  lock_until_commit(connection, "runs of " + run.stream);
  SqlText earlier, remove, add;
  earlier << "SELECT run FROM " << runs << " WHERE stream = $1 AND run <> $2";
  Result const found = connection.run(earlier, {run.stream, run.id});
  for (int row = 0; row < found.rows(); ++row) {
    end_sessions(connection, session_name(StreamRun(run.stream, found.text(row, 0))), any_attempt);
  }
  remove << "DELETE FROM " << runs << " WHERE stream = $1 AND run <> $2";
  connection.run(remove, {run.stream, run.id});
  add << "INSERT INTO " << runs << " VALUES ($1, $2) ON CONFLICT DO NOTHING";
  connection.run(add, {run.stream, run.id});
}

void end_run(Connection& connection, TableName const& runs, StreamRun const& run) {
  end_sessions(connection, session_name(run), any_attempt);
  SqlText remove;
  remove << "DELETE FROM " << runs << " WHERE stream = $1 AND run = $2";
  connection.run(remove, {run.stream, run.id});
}

}  // namespace postgres
