#include "database.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "sql_functions.hpp"

namespace sqlite {

using landfall::SqlText;

namespace {

bool may_write(std::filesystem::path const& path) noexcept { return ::access(path.c_str(), W_OK) == 0; }

/// Why nobody can work with a file in this place, and what to do; `reason`, where nothing is seen.
std::string problem_with_place(std::filesystem::path const& path, std::string const& reason) {
  std::error_code ignored;
  auto const folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  if (std::filesystem::is_directory(path, ignored)) return "it is a folder: name a file in it";
  if (!std::filesystem::exists(folder, ignored))
    return fmt::format("its folder {} is not there: make it", folder.string());
  if (!std::filesystem::is_directory(folder, ignored)) {
    return fmt::format("{} is no folder: choose another destination_path", folder.string());
  }
  if (std::filesystem::exists(path, ignored) && !may_write(path)) {
    return fmt::format("the file cannot be written to ({}): allow it, or choose another destination_path",
                       std::strerror(errno));
  }
  if (!may_write(folder)) {  // for the files that SQLite puts beside it, too
    return fmt::format("its folder cannot be written to ({}): allow it, or choose another destination_path",
                       std::strerror(errno));
  }
  return reason + ": the file and its folder must be there and writable";
}

/// SQLite would take it, and fail later with an error of input and output.
void refuse_what_is_no_file(std::string const& path) {
  std::error_code ignored;
  if (std::filesystem::is_other(path, ignored)) {
    throw landfall::config_error("{}: this is a device or the like: choose another destination_path", path);
  }
}

/// The name of the file, what is wrong, and what to do.
landfall::Error error_of(std::string const& file, sqlite3* database, int code) {
  using landfall::ErrorClass;
  std::string const reason = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  int const system_code = database != nullptr ? sqlite3_system_errno(database) : 0;
  auto const error = [&](ErrorClass error_class, std::string_view what) {
    return landfall::Error(error_class, fmt::format("{}: {}", file, what));
  };
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(ErrorClass::transient, reason + ": another program writes to it: wait for it, or end it");
    case SQLITE_FULL:
      return error(ErrorClass::transient, "the disk is full: make room on it");
    case SQLITE_IOERR:
      if (system_code == ENOSPC || system_code == EDQUOT) {
        return error(ErrorClass::transient, "the disk is full: make room on it");
      }
      return error(ErrorClass::transient,
                   system_code == 0 ? reason : fmt::format("{} ({})", reason, std::strerror(system_code)));
    case SQLITE_INTERRUPT:
      return error(ErrorClass::transient, "the call was cancelled");
    case SQLITE_NOMEM:
      return error(ErrorClass::transient, reason);
    case SQLITE_CORRUPT:
      return error(ErrorClass::config, reason + ": the file is broken: restore it from a backup, or move it away");
    case SQLITE_NOTADB:
      return error(ErrorClass::config, "this is no SQLite database: choose another destination_path");
    case SQLITE_CONSTRAINT:
      return error(ErrorClass::config, reason + ": somebody has put a constraint on the table: drop it");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return error(ErrorClass::config, problem_with_place(file, reason));
    default:
      return error(ErrorClass::system, reason);
  }
}

std::string file_of(sqlite3* database) {
  char const* const name = sqlite3_db_filename(database, "main");
  return name != nullptr ? name : "the database";
}

void check(sqlite3* database, int code) {
  if (code != SQLITE_OK) throw error_of(file_of(database), database, code);
}

}  // namespace

void Statement::bind_null(int parameter) { check(database_, sqlite3_bind_null(statement_.get(), parameter)); }

void Statement::bind(int parameter, std::int64_t number) {
  check(database_, sqlite3_bind_int64(statement_.get(), parameter, number));
}

void Statement::bind(int parameter, std::string_view text) {
  check(database_,
        sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

bool Statement::step() {
  int const code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  landfall::Error error = error_of(file_of(database_), database_, code);
  if ((code & 0xff) == SQLITE_CONSTRAINT) throw RuleError(std::move(error));
  throw error;
}

void Statement::reset() noexcept { sqlite3_reset(statement_.get()); }

void Statement::execute() {
  try {
    while (step()) {
    }
  } catch (...) {
    reset();
    throw;
  }
  reset();
}

bool Statement::is_null(int column) const noexcept {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const noexcept { return sqlite3_column_int64(statement_.get(), column); }

std::string Statement::text(int column) const {
  auto const* const text = reinterpret_cast<char const*>(sqlite3_column_text(statement_.get(), column));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

Database::Database(std::string const& path, int patience_ms, Interruption* interruption)
    : path_(path), busy_timeout_(patience_ms) {
  refuse_what_is_no_file(path);
  sqlite3* opened = nullptr;
  int const code =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database_.reset(opened);
  if (code != SQLITE_OK) throw error_of(path, opened, code);
  work_for(interruption);
  try {
    set_up();
  } catch (...) {
    work_for(nullptr);
    throw;
  }
}

Database::~Database() { work_for(nullptr); }

void Database::set_up() {
  sqlite3* const opened = database_.get();
  check(opened, sqlite3_extended_result_codes(opened, 1));
  check(opened, sqlite3_busy_handler(opened, wait_for_others, this));
  // A quoted name of no column is an error: by default SQLite takes it for a string, and goes on.
  check(opened, sqlite3_db_config(opened, SQLITE_DBCONFIG_DQS_DML, 0, nullptr));
  check(opened, sqlite3_db_config(opened, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr));
  check(opened, add_functions(opened));
  // Views of others go on reading a table whose place another one takes: they are neither checked nor changed.
  run(SqlText() << "PRAGMA legacy_alter_table = ON");
  use_write_ahead_log();
  run(SqlText() << "PRAGMA synchronous = FULL");
  // Room for what a batch changes, so that it is written once, when it is committed; and 64 MiB of log before all that
  // is in it goes to the file, instead of 4.
  run(SqlText() << "PRAGMA cache_size = -8000");
  run(SqlText() << "PRAGMA wal_autocheckpoint = 16000");
  remember_files();
}

void Database::work_for(Interruption* interruption) noexcept {
  if (interruption_ != nullptr) interruption_->detach();
  interruption_ = interruption;
  if (interruption_ != nullptr) interruption_->attach(*database_);
}

// SQLite's own waiting cannot be ended from outside.
int Database::wait_for_others(void* self, int times) noexcept {
  auto& database = *static_cast<Database*>(self);
  if (times == 0) database.waits_since_ = std::chrono::steady_clock::now();
  return database.wait_for_others() ? 1 : 0;
}

// False: no longer.
bool Database::wait_for_others() noexcept {
  constexpr std::chrono::milliseconds longest{20};
  auto const waited = std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now() - waits_since_);
  if (waited >= busy_timeout_) return false;
  auto const pause = std::min(longest, busy_timeout_ - waited);
  if (interruption_ != nullptr) return interruption_->sleep_for(pause);
  std::this_thread::sleep_for(pause);
  return true;
}

// On some network file systems it cannot have one, and goes on with a rollback journal.
void Database::use_write_ahead_log() {
  Statement pragma = prepare(SqlText() << "PRAGMA journal_mode = WAL");
  has_log_ = pragma.step() && pragma.text(0) == "wal";
}

// Its files are open after the first look at the database.
void Database::remember_files() {
  run(SqlText() << "SELECT count(*) FROM sqlite_master");
  std::string const file = file_of(database_.get());
  file_ = identity_of(file);
  log_ = identity_of(file + "-wal");
  require_in_place();
}

std::optional<Database::Identity> Database::identity_of(std::string const& path) noexcept {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

void Database::require_in_place() {
  std::string const file = file_of(database_.get());
  int has_moved = 0;  // SQLite compares the file that it has open
  check(database_.get(), sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &has_moved));
  bool const is_there = has_moved == 0 && file_ && identity_of(file) == file_;
  bool const is_log_there = !has_log_ || (log_ && identity_of(file + "-wal") == log_);
  if (is_there && is_log_there) return;
  // It would delete the write-ahead log of another database by its name.
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  throw landfall::system_error(
      "{}: another program has removed or replaced {} during the sync: rows that were loaded since then are lost. "
      "Find out which program does that, restore the database, and sync again",
      path_, is_there ? "its write-ahead log (-wal)" : "the file");
}

void Database::run(SqlText const& sql) { prepare(sql).execute(); }

Statement Database::prepare(SqlText const& sql) { return prepare_text(sql.text()); }

// Who made it may have been allowed to write a string in double quotes.
void Database::run_stored(std::string const& sql) {
  check(database_.get(), sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_DQS_DDL, 1, nullptr));
  try {
    prepare_text(sql).execute();
  } catch (...) {
    sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
    throw;
  }
  check(database_.get(), sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_DQS_DDL, 0, nullptr));
}

std::string Database::collation_of(landfall::TableName const& table, landfall::Identifier const& column) {
  char const* collation = nullptr;
  check(database_.get(),
        sqlite3_table_column_metadata(database_.get(), nullptr, table.table.text().c_str(), column.text().c_str(),
                                      nullptr, &collation, nullptr, nullptr, nullptr));
  return collation;
}

void Database::set_triggers(bool are_on) {
  check(database_.get(), sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, are_on ? 1 : 0, nullptr));
}

Statement Database::prepare_text(std::string const& sql) {
  sqlite3_stmt* statement = nullptr;
  check(database_.get(),
        sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr));
  LANDFALL_ASSERT(statement != nullptr);
  return Statement(database_.get(), statement);
}

Transaction::Transaction(Database& database) : database_(&database) { database.run(SqlText() << "BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  try {
    database_->run(SqlText() << "ROLLBACK");
  } catch (landfall::Error const&) {  // an error that ended the transaction by itself
  }
}

void Transaction::commit() {
  database_->run(SqlText() << "COMMIT");
  database_ = nullptr;
}

}  // namespace sqlite
