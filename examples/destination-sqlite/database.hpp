#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sqlite3.h>

#include <landfall/runtime/error.hpp>
#include <landfall/table/sql_text.hpp>

#include "interruption.hpp"

namespace sqlite {

class Database;

/// A rule that somebody has put on a table does not let a row in: an index, a constraint, a trigger. What the statement
/// has changed may stay (RAISE(FAIL)), or the whole transaction may be gone (RAISE(ROLLBACK)): roll back.
class RuleError : public landfall::Error {
 public:
  explicit RuleError(landfall::Error error) : Error(std::move(error)) {}
};

/// One prepared statement.
///
/// Threads:  one at a time, as its database.
/// Lifetime: goes before the database.
class Statement {
 public:
  Statement() = default;

  // Parameters are numbered from 1. Text must stay as it is until the next step() is over.
  void bind_null(int parameter);
  void bind(int parameter, std::int64_t number);
  void bind(int parameter, std::string_view text);

  /// True: there is a row. Errors: as Database::run(); RuleError.
  bool step();
  /// For the next execution.
  void reset() noexcept;
  /// step() to the end, then reset().
  void execute();

  // Columns are numbered from 0, and valid until the next step().
  int column_count() const noexcept { return sqlite3_column_count(statement_.get()); }
  bool is_null(int column) const noexcept;
  std::int64_t integer(int column) const noexcept;
  std::string text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

  sqlite3* database_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A database file. What is committed is on disk: write-ahead log, synced at each commit.
///
/// SQL:     has the functions and collations of sql_functions.hpp.
/// Threads: one at a time. All calls block.
/// Errors:  landfall::Error with the file and SQLite's own words: transient where others hold the file, or the disk is
///          full; config for a file that is broken, no database, not allowed or not there; system for the rest.
class Database {
 public:
  /// Makes the file when it is missing, its folder not. Waits for others up to `patience_ms`, here and later.
  /// `interruption`: as in work_for().
  explicit Database(std::string const& path, int patience_ms, Interruption* interruption = nullptr);
  ~Database();
  Database(Database const&) = delete;
  Database& operator=(Database const&) = delete;

  /// From now on this call, or none, ends what the database does. Must be called again before the call goes.
  void work_for(Interruption* interruption) noexcept;

  void run(landfall::SqlText const& sql);
  Statement prepare(landfall::SqlText const& sql);
  /// SQL that SQLite has written down itself (sqlite_master), or that consists of parts of it.
  void run_stored(std::string const& sql);

  /// The collation that a column is declared with: "BINARY" where it is with none.
  std::string collation_of(landfall::TableName const& table, landfall::Identifier const& column);
  /// How many rows the last INSERT, UPDATE or DELETE has changed, without those that triggers have.
  std::uint64_t changed_rows() const noexcept { return static_cast<std::uint64_t>(sqlite3_changes64(database_.get())); }

  /// Whether triggers do something when rows change. They do at first.
  void set_triggers(bool are_on);

  /// What `function` makes of the database: transactions that are over when it returns, or answers. SQLite goes on with
  /// files that have lost their names, and what is committed then goes with them: so they are looked for before anybody
  /// relies on it.
  /// Errors: those of `function`; Error(system) when other files, or none, are in the place of the database or of its
  /// write-ahead log. From then on nothing is done to what stands there.
  template <class Function>
  auto run_in_place(Function& function) {
    if constexpr (std::is_void_v<std::invoke_result_t<Function&, Database&>>) {
      function(*this);
      require_in_place();
    } else {
      auto result = function(*this);
      require_in_place();
      return result;
    }
  }

  /// False also in the life of a Transaction, where a rule of somebody else's (ON CONFLICT ROLLBACK) has ended it.
  bool is_in_transaction() const noexcept { return sqlite3_get_autocommit(database_.get()) == 0; }
  std::string const& path() const noexcept { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
  };
  /// What a name stands for.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(Identity const&, Identity const&) = default;
  };
  void set_up();
  static int wait_for_others(void* self, int times) noexcept;
  bool wait_for_others() noexcept;
  static std::optional<Identity> identity_of(std::string const& path) noexcept;

  Statement prepare_text(std::string const& sql);
  void use_write_ahead_log();
  void remember_files();
  void require_in_place();

  std::string path_;
  std::chrono::milliseconds busy_timeout_;
  Interruption* interruption_ = nullptr;
  std::chrono::steady_clock::time_point waits_since_;
  std::unique_ptr<sqlite3, Close> database_;
  bool has_log_ = false;
  std::optional<Identity> file_;
  std::optional<Identity> log_;  // where has_log_
};

/// While it lives the database works for a call, which may be interrupted.
class WorkFor {
 public:
  WorkFor(Database& database, Interruption& interruption) noexcept : database_(database) {
    database.work_for(&interruption);
  }
  ~WorkFor() { database_.work_for(nullptr); }
  WorkFor(WorkFor const&) = delete;
  WorkFor& operator=(WorkFor const&) = delete;

 private:
  Database& database_;
};

/// What is changed while it lives is committed together, or not at all.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(Transaction const&) = delete;
  Transaction& operator=(Transaction const&) = delete;

  void commit();

 private:
  Database* database_;  // null: committed
};

}  // namespace sqlite
