#pragma once

#include <sqlite3.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "../../sample_records.hpp"
#include "../input.hpp"
#include "../row_files.hpp"
#include "columns.hpp"

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

/// The table of one stream, with the columns of destination-sqlite.
class SqliteTable {
 public:
  /// `columns`: null for the record as it came. Else a column for each member, and of records with the same id the one
  /// with the latest updated_at.
  SqliteTable(SqliteFile& file, std::string_view name, std::vector<Column> const* columns)
      : file_(file), columns_(columns) {
    std::string declared =
        "_airbyte_raw_id TEXT NOT NULL, _airbyte_extracted_at TIMESTAMPTZ_TEXT NOT NULL, _airbyte_meta JSON_TEXT NOT "
        "NULL, "
        "_airbyte_generation_id BIGINT";
    std::string places = "?, ?, ?, 1";
    std::string set =
        "_airbyte_raw_id = excluded._airbyte_raw_id, _airbyte_extracted_at = excluded._airbyte_extracted_at, "
        "_airbyte_meta = excluded._airbyte_meta, _airbyte_generation_id = excluded._airbyte_generation_id";
    if (columns == nullptr) {
      declared += ", _airbyte_data JSON_TEXT";
      places += ", ?";
    } else {
      for (Column const& column : *columns) {
        declared += fmt::format(", \"{}\" {}", column.name, column.type == "bigint" ? "BIGINT" : "TEXT");
        places += ", ?";
        set += fmt::format(", \"{0}\" = excluded.\"{0}\"", column.name);
      }
      declared += ", UNIQUE (id)";
    }
    file.execute(fmt::format("CREATE TABLE IF NOT EXISTS \"{}\" ({})", name, declared));
    std::string insert = fmt::format("INSERT INTO \"{}\" VALUES ({})", name, places);
    if (columns != nullptr) {
      insert += fmt::format(" ON CONFLICT (id) DO UPDATE SET {} WHERE excluded.updated_at >= updated_at", set);
    }
    insert_.reset(file.prepare(insert));
  }

  void append(Record const& record) {
    raw_id_.clear();
    benchmarks::append_uuid(raw_id_, random_);
    time_.clear();
    benchmarks::append_timestamp(time_, record.emitted_at_ms);
    bind(1, raw_id_);
    bind(2, time_);
    bind(3, R"({"sync_id":1,"changes":[]})");
    if (columns_ == nullptr) {
      bind(4, record.data);
    } else {
      int parameter = 4;
      for_each_value(*columns_, *record.members,
                     [&](Column const&, std::optional<std::string_view> text) { bind(parameter++, text); });
    }
    if (sqlite3_step(insert_.get()) != SQLITE_DONE) file_.fail();
    sqlite3_reset(insert_.get());
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  void bind(int parameter, std::optional<std::string_view> text) {
    int const code =
        text ? sqlite3_bind_text(insert_.get(), parameter, text->data(), static_cast<int>(text->size()), SQLITE_STATIC)
             : sqlite3_bind_null(insert_.get(), parameter);
    if (code != SQLITE_OK) file_.fail();
  }

  SqliteFile& file_;
  std::vector<Column> const* columns_;
  std::unique_ptr<sqlite3_stmt, Finalize> insert_;
  benchmarks::Random random_{42};
  std::string raw_id_;
  std::string time_;
};

/// Stdin to a table for each stream, in one transaction. `catalog`: null for records as they came.
inline void load_sqlite(std::string const& path, std::string const& journal, Catalog const* catalog) {
  SqliteFile file(path);
  file.execute(fmt::format("PRAGMA journal_mode = {}", journal));
  file.execute("PRAGMA synchronous = FULL");
  ByStream<SqliteTable> tables;
  auto const make = [&](std::string_view stream) {
    return std::make_unique<SqliteTable>(file, stream, catalog != nullptr ? &catalog->columns_of(stream) : nullptr);
  };
  file.execute("BEGIN");
  for_each_record([&](Record const& record) { tables.find(record.stream, make).append(record); });
  file.execute("COMMIT");
}

}  // namespace landfall::limits
