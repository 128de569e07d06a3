#pragma once

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "../../sample_records.hpp"
#include "../input.hpp"
#include "../row_files.hpp"

namespace landfall::limits {

/// Errors: std::runtime_error with SQLite's message.
class SqliteFile {
 public:
  explicit SqliteFile(std::string const& path) {
    int const code = sqlite3_open(path.c_str(), &database_);
    if (code != SQLITE_OK) fail();
  }
  SqliteFile(SqliteFile const&) = delete;
  SqliteFile& operator=(SqliteFile const&) = delete;
  ~SqliteFile() { sqlite3_close(database_); }

  void execute(std::string const& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }

  /// The caller finalizes it.
  sqlite3_stmt* prepare(std::string const& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) fail();
    return statement;
  }

  [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(database_)); }

 private:
  sqlite3* database_ = nullptr;
};

/// A table for raw records, with the columns of destination-sqlite.
class SqliteTable {
 public:
  SqliteTable(SqliteFile& file, std::string_view name) : file_(file) {
    file.execute(fmt::format(
        "CREATE TABLE \"{}\" (_airbyte_raw_id TEXT NOT NULL, _airbyte_extracted_at TIMESTAMPTZ_TEXT NOT NULL, "
        "_airbyte_meta JSON_TEXT NOT NULL, _airbyte_generation_id BIGINT, _airbyte_data JSON_TEXT)",
        name));
    insert_.reset(file.prepare(fmt::format("INSERT INTO \"{}\" VALUES (?, ?, ?, 1, ?)", name)));
  }

  void append(Record const& record) {
    raw_id_.clear();
    benchmarks::append_uuid(raw_id_, random_);
    time_.clear();
    benchmarks::append_timestamp(time_, record.emitted_at_ms);
    bind(1, raw_id_);
    bind(2, time_);
    bind(3, R"({"sync_id":1,"changes":[]})");
    bind(4, record.data);
    if (sqlite3_step(insert_.get()) != SQLITE_DONE) file_.fail();
    sqlite3_reset(insert_.get());
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  void bind(int parameter, std::string_view text) {
    int const code =
        sqlite3_bind_text(insert_.get(), parameter, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    if (code != SQLITE_OK) file_.fail();
  }

  SqliteFile& file_;
  std::unique_ptr<sqlite3_stmt, Finalize> insert_;
  benchmarks::Random random_{42};
  std::string raw_id_;
  std::string time_;
};

/// Stdin to a table for each stream, in one transaction.
inline void load_sqlite(std::string const& path, std::string const& journal) {
  SqliteFile file(path);
  file.execute(fmt::format("PRAGMA journal_mode = {}", journal));
  file.execute("PRAGMA synchronous = FULL");
  ByStream<SqliteTable> tables;
  auto const make = [&](std::string_view stream) { return std::make_unique<SqliteTable>(file, stream); };
  file.execute("BEGIN");
  for_each_record([&](Record const& record) { tables.find(record.stream, make).append(record); });
  file.execute("COMMIT");
}

}  // namespace landfall::limits
