#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
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

 private:
  struct Clear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

/// One connection, whose session is set up: UTF-8, UTC, time-outs, commits that are durable.
///
/// Threads: one at a time, but for interrupt(). All calls block.
/// Errors:  ServerError.
class Connection {
 public:
  Connection(Settings const& settings, SecretFiles const& secrets);
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
  void end_copy();

  /// False: it is lost, or in the middle of something.
  bool is_idle() const noexcept { return PQtransactionStatus(connection_) == PQTRANS_IDLE; }
  bool is_lost() const noexcept { return PQstatus(connection_) != CONNECTION_OK; }
  /// Of an idle one: the server has said something, and that can only be its farewell.
  bool is_stale() const noexcept;

  /// Ends the call that runs, and all later ones, with an error. Does not block. Any thread.
  void interrupt() noexcept;
  /// Tells the server that nobody waits for the statement any more; blocks. Any thread, also later than this lives.
  class Canceller {
   public:
    explicit Canceller(PGconn* connection) : cancel_(PQgetCancel(connection)) {}
    ~Canceller() { PQfreeCancel(cancel_); }
    Canceller(Canceller const&) = delete;
    Canceller& operator=(Canceller const&) = delete;
    void cancel() noexcept;

   private:
    PGcancel* cancel_;
  };
  std::shared_ptr<Canceller> canceller() const noexcept { return canceller_; }

 private:
  Result checked(Result result);
  [[noreturn]] void fail(PGresult const* result);
  void drop_results() noexcept;
  void connect(Settings const& settings, SecretFiles const& secrets);
  void set_up(Settings const& settings);
  void close() noexcept;

  PGconn* connection_ = nullptr;
  int socket_ = -1;  // the same socket under a number of our own, which libpq does not give to another
  std::shared_ptr<Canceller> canceller_;
};

/// What is done while it lives is committed together, or not at all.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(Transaction const&) = delete;
  Transaction& operator=(Transaction const&) = delete;

  /// Errors: ServerError when it was not committed; CommitLost when nobody knows.
  void commit();

 private:
  Connection* connection_;  // null: it is over
  std::string id_;
};

/// The connection was lost while a transaction was committed.
struct CommitLost : landfall::Error {
  CommitLost(std::string const& why, std::string transaction)
      : Error(landfall::ErrorClass::unknown_outcome, why), transaction_id(std::move(transaction)) {}

  std::string transaction_id;
};

}  // namespace postgres
