#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include <landfall/destination/notices.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/row_reader.hpp>
#include <landfall/table/table_operations.hpp>

#include "connections.hpp"
#include "settings.hpp"
#include "stream_runs.hpp"

namespace postgres {

/// What PostgreSQL makes of names, and what its values are limited to.
landfall::NameRules name_rules();
landfall::ValueLimits value_limits();

/// landfall's table operations on a PostgreSQL server.
///
/// Atomic:  each call is a transaction. It begins with an advisory lock of what it changes: so a call that is repeated
///          waits for the end of an earlier one of which nobody knows, and sees what came of it.
/// Runs:    stream_runs.hpp.
/// Threads: any.
class PostgresTables final : public landfall::TableOperations {
 public:
  /// `notices`: what it has done to tables that people should know.
  explicit PostgresTables(Settings settings, landfall::Notices notices = landfall::Notices())
      : connections_(std::move(settings)), notices_(std::move(notices)) {}

  landfall::awaitable<void> check() override;
  landfall::awaitable<void> create_schema(landfall::Identifier schema) override;
  landfall::awaitable<std::optional<landfall::ExistingTable>> find(landfall::TableName table) override;
  landfall::awaitable<landfall::TablesThere> owners(std::vector<landfall::Identifier> schemas) override;
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
  landfall::awaitable<void> ensure_own_tables();
  std::optional<RunWork> work_on(landfall::TableName const& table, std::string batch = "-");
  void begin_change(Connection& connection, std::optional<RunWork> const& work, std::string const& lock) const;
  void drop_table(Connection& connection, landfall::TableName const& table) const;
  void take_place_of(Connection& connection, landfall::TableName const& target,
                     landfall::TableName const& source) const;

  void require_whole(Connection& connection, landfall::TableName const& table, landfall::RowCounts& counts) const;
  void tell(std::string const& text) const;
  void alter_one(Connection& connection, landfall::TableAlteration const& asked) const;
  void tell_what_is_taken_over(landfall::TableName const& table, landfall::SchemaChange const& change) const;

  Connections connections_;
  landfall::Notices notices_;
  landfall::StreamRuns runs_;
  std::atomic<std::uint64_t> last_attempt_ = 0;
  std::atomic<bool> has_own_tables_ = false;
};

}  // namespace postgres
