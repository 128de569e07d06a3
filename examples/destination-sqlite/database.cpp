#include "database.hpp"

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "text_order.hpp"

namespace sqlite {

using landfall::SqlText;

namespace {

landfall::Error error_of(sqlite3* database, int code) {
  using landfall::ErrorClass;
  char const* const file = database != nullptr ? sqlite3_db_filename(database, "main") : nullptr;
  std::string const text = fmt::format("{}: {}", file != nullptr && *file != '\0' ? file : "the database",
                                       database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return landfall::Error(ErrorClass::transient, text + ": another program is writing to it");
    case SQLITE_FULL:
      return landfall::Error(ErrorClass::transient, text + ": make room on its disk");
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
      return landfall::Error(ErrorClass::transient, text);
    case SQLITE_CORRUPT:
      return landfall::Error(ErrorClass::config,
                             text + ": the file is broken: restore it from a backup, or move it away");
    case SQLITE_NOTADB:
      return landfall::Error(ErrorClass::config, text + ": choose another destination_path");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return landfall::Error(ErrorClass::config, text + ": the file and its folder must be there and writable");
    default:
      return landfall::Error(ErrorClass::system, text);
  }
}

void check(sqlite3* database, int code) {
  if (code != SQLITE_OK) throw error_of(database, code);
}

using Compare = int (*)(std::string_view, std::string_view) noexcept;

template <Compare compare>
int collate(void*, int size_a, void const* a, int size_b, void const* b) {
  return compare({static_cast<char const*>(a), static_cast<std::size_t>(size_a)},
                 {static_cast<char const*>(b), static_cast<std::size_t>(size_b)});
}

template <Compare compare>
void add_collation(sqlite3* database, char const* name) {
  check(database, sqlite3_create_collation_v2(database, name, SQLITE_UTF8, nullptr, &collate<compare>, nullptr));
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
  throw error_of(database_, code);
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

Database::Database(std::string const& path, int patience_ms) : path_(path) {
  sqlite3* opened = nullptr;
  int const code =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database_.reset(opened);
  check(opened, code);
  check(opened, sqlite3_extended_result_codes(opened, 1));
  check(opened, sqlite3_busy_timeout(opened, patience_ms));
  // A quoted name of no column is an error: by default SQLite takes it for a string, and goes on.
  check(opened, sqlite3_db_config(opened, SQLITE_DBCONFIG_DQS_DML, 0, nullptr));
  check(opened, sqlite3_db_config(opened, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr));
  add_collation<compare_numbers>(opened, "_landfall_number");
  add_collation<compare_moments>(opened, "_landfall_moment");
  // Views of others go on reading a table whose place another one takes: they are neither checked nor changed.
  run(SqlText() << "PRAGMA legacy_alter_table = ON");
  run(SqlText() << "PRAGMA journal_mode = WAL");
  run(SqlText() << "PRAGMA synchronous = FULL");
}

void Database::run(SqlText const& sql) { prepare(sql).execute(); }

Statement Database::prepare(SqlText const& sql) {
  sqlite3_stmt* statement = nullptr;
  check(database_.get(), sqlite3_prepare_v2(database_.get(), sql.text().data(), static_cast<int>(sql.text().size()),
                                            &statement, nullptr));
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
