#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <landfall/destination/notices.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/row_reader.hpp>
#include <landfall/table/table_operations.hpp>

#include "database.hpp"
#include "run_locks.hpp"

namespace sqlite {

/// What SQLite makes of names, and what its values are limited to.
landfall::NameRules name_rules();
landfall::ValueLimits value_limits();

/// landfall's table operations on a SQLite file.
///
/// Types:   each column type has a declared type of its own, by which it is known again ("DECIMAL_TEXT"). Numbers,
///          moments and JSON are kept as text, so that nothing of them is lost; booleans are 0 and 1.
/// Threads: any; one at a time gets through, since a file has one writer.
/// Opened:  with the first call.
class SqliteTables final : public landfall::TableOperations {
 public:
  /// `notices`: where it tells what it changed in tables beside what it was asked for.
  static constexpr int default_patience_ms = 5000;
  explicit SqliteTables(std::string path, int patience_ms = default_patience_ms,
                        landfall::Notices notices = landfall::Notices());

  /// Errors: Error(system) when another file, or none, is where the database was. Does nothing before the first call.
  landfall::awaitable<void> require_in_place();

  landfall::awaitable<void> check() override;
  landfall::awaitable<void> create_schema(landfall::Identifier schema) override;
  landfall::awaitable<std::optional<landfall::ExistingTable>> find(landfall::TableName table) override;
  landfall::awaitable<landfall::TablesThere> owners(std::vector<landfall::Identifier> schemas) override;
  std::string allow_null_statement(landfall::TableName const& table,
                                   landfall::TableColumn const& column) const override;
  landfall::awaitable<void> create(landfall::TableName table, landfall::TableSchema schema,
                                   std::optional<landfall::TableNote> note) override;
  landfall::awaitable<void> alter_all(std::vector<landfall::TableAlteration> alterations) override;
  landfall::awaitable<void> claim(landfall::TableName table, landfall::TableNote note) override;
  landfall::awaitable<void> drop(landfall::TableName table) override;
  landfall::awaitable<landfall::RowCounts> copy_in(landfall::CopyIn rows) override;
  landfall::awaitable<landfall::IntervalSet> numbers_of(landfall::BatchMark mark) override;
  landfall::awaitable<void> begin_run(landfall::StreamRun run, std::vector<landfall::TableName> tables) override;
  landfall::awaitable<void> end_run(landfall::StreamRun run) override;
  landfall::awaitable<landfall::RowCounts> move_rows(landfall::TableName from, landfall::TableName to,
                                                     landfall::TableSchema schema) override;
  landfall::awaitable<landfall::RowCounts> upsert(landfall::TableName from, landfall::TableName to,
                                                  landfall::TableSchema schema, landfall::UpsertRule rule,
                                                  Source source) override;
  landfall::awaitable<void> replace(landfall::TableName target, landfall::TableName source,
                                    std::optional<landfall::TableName> done_with) override;

 private:
  template <class Function>
  landfall::awaitable<std::invoke_result_t<Function&, Database&>> on_database(Function function);
  /// The same in a transaction: all of it is done and on disk, or nothing.
  template <class Function>
  landfall::awaitable<std::invoke_result_t<Function&, Database&>> change(Function function);

  std::string const path_;
  int const patience_ms_;
  landfall::Notices const notices_;
  std::mutex mutex_;
  RunLocks run_locks_;
  std::unique_ptr<Database> database_;
};

}  // namespace sqlite
