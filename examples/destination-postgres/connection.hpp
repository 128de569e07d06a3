#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <libpq-fe.h>

#include <landfall/table/sql_text.hpp>

#include "secret_files.hpp"
#include "settings.hpp"

namespace postgres {

/// Rows that the server has sent.
class Result {
 public:
  explicit Result(PGresult* result) : result_(result) {}

  PGresult const* get() const noexcept { return result_.get(); }
  int rows() const noexcept { return PQntuples(result_.get()); }
  bool is_null(int row, int column) const noexcept { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string text(int row, int column) const;
  /// Null is 0.
  std::int64_t integer(int row, int column) const;
  /// That an INSERT, UPDATE, DELETE or COPY has changed, as the server counts them.
  std::uint64_t changed_rows() const;

 private:
  struct Clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

class Interruption;

/// One connection, whose session is set up: UTF-8, UTC, time-outs, commits that are durable.
///
/// Options: all are given. Of libpq's environment, and of its files of passwords, nothing enters.
/// Threads: one at a time, but for interrupt(). All calls block.
/// Gone:    where a call was interrupted, or this process ends, the server notices within a second, and rolls back. (On
///          Linux, from PostgreSQL 14. Others go on with the statement until its end.)
/// Errors:  ServerError; Error(transient) for an answer that the protocol does not allow.
class Connection {
 public:
  /// Ready for use within connect_timeout_seconds, or not at all; given up when `interruption`, if there is one, is
  /// interrupted. Only the name server may take longer.
  /// Errors: ServerError; transient_error when it took too long or was given up.
  Connection(Settings const& settings, SecretFiles const& secrets, Interruption const* interruption = nullptr);
  ~Connection();
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;

  /// One or more statements; the result is the last one's.
  Result run(landfall::SqlText const& sql);
  /// One statement with parameters $1, $2, ... as text.
  Result run(landfall::SqlText const& sql, std::initializer_list<std::string> parameters);

  /// COPY ... FROM STDIN: begin, put any number of times, end. An error of the server shows soon, not only at the end.
  void begin_copy(landfall::SqlText const& sql);
  void put(std::string_view bytes);
  /// Returns how many rows the server has taken.
  std::uint64_t end_copy();

  /// False: it is lost, in the middle of something, or of a session that had better be another.
  bool is_reusable() const noexcept { return !is_doubtful_ && PQtransactionStatus(connection_) == PQTRANS_IDLE; }
  bool is_lost() const noexcept { return PQstatus(connection_) != CONNECTION_OK; }
  /// Of one that nobody uses: the server has said something, and that can only be its farewell.
  bool is_stale() const noexcept;

  /// Ends the call that runs, and all later ones, with an error. Does not block. Any thread.
  void interrupt() noexcept;

 private:
  struct Patience;

  Result checked(Result result);
  friend class Transaction;
  [[noreturn]] void fail(PGresult const* result);
  [[noreturn]] void refuse(std::string_view asked, Result const& answer);
  void drop_results() noexcept;
  void connect(Settings const& settings, SecretFiles const& secrets, Patience const& patience);
  void set_up(Settings const& settings, Patience const& patience);
  void patient_run(landfall::SqlText const& sql, Patience const& patience);
  void close() noexcept;

  PGconn* connection_ = nullptr;
  int socket_ = -1;  // the same socket under a number of our own, which libpq does not give to another
  bool is_doubtful_ = false;
};

/// The connection was lost while a transaction was committed: nobody knows whether it was.
struct CommitLost : landfall::Error {
  explicit CommitLost(std::string const& why) : Error(landfall::ErrorClass::unknown_outcome, why) {}
};

/// What is done while it lives is committed together, or not at all.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(Transaction const&) = delete;
  Transaction& operator=(Transaction const&) = delete;

  /// Errors: ServerError when it was not committed; CommitLost.
  void commit();

 private:
  Connection* connection_;  // null: it is over
};

}  // namespace postgres
