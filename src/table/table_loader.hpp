#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <landfall/destination/stream_loader.hpp>
#include <landfall/runtime/interval_set.hpp>
#include <landfall/table/column_names.hpp>
#include <landfall/table/load_plan.hpp>
#include <landfall/table/table_destination.hpp>
#include <landfall/table/table_operations.hpp>

namespace landfall {

/// How many TableRows may be kept for the next batch, over all streams: each has buffers for a record and for every
/// field, and there may be thousands of streams.
class RowsKept {
 public:
  bool try_keep() noexcept {
    if (left_.fetch_sub(1) > 0) return true;
    left_.fetch_add(1);
    return false;
  }
  void let_go() noexcept { left_.fetch_add(1); }

 private:
  std::atomic<int> left_ = 16;
};

/// What cannot be told from the catalog about a stream's columns: next to nothing, mostly. All else is made again where
/// it is needed, since a catalog may have millions of fields.
class KeptColumns {
 public:
  KeptColumns(StreamTables const& tables, TableSchema const& schema, TableNote const& note,
              TableNote const& usual_note);

  /// As they were.
  ColumnNames names(DestinationStream const& stream) const;
  void complete(TableSchema& schema) const;
  void complete(TableNote& note) const;

 private:
  ColumnNames renamed_;                            // fields whose column has another name
  std::vector<TableColumn> others_;                // columns that are not as a schema alone has them
  std::map<Identifier, std::string> more_fields_;  // of the note: they have left the schema
};

/// Loads one stream into its tables.
///
/// Lifetime: stream and operations outlive it.
/// Columns:  get their names in start(), from what is there.
class TableLoader final : public StreamLoader {
 public:
  TableLoader(TableOperations& operations, TableSettings const& settings, DestinationStream const& stream,
              StreamTables tables, std::string run, std::int64_t first_in_order, std::shared_ptr<RowsKept> rows_kept);
  ~TableLoader() override;

  /// Appended rows need no order; those that are compared have one of their own.
  bool needs_order() const override { return false; }

  awaitable<void> start() override;
  awaitable<Batch> process_records(RecordBatch records) override;
  awaitable<void> close(StreamOutcome outcome) override;
  awaitable<ProbeResult> probe(BatchId batch) override;

 private:
  TableName const& target() const noexcept;
  bool dedups() const noexcept;
  bool is_looked_up(TableName const& table) const noexcept;
  TableSchema schema_for(TableName const& table) const;
  TableSchema with_columns_of_waiting_rows(TableSchema schema, StreamTables const& tables,
                                           TableName const& table) const;
  void let_go_of_columns();
  void make_columns_again();
  TableSchema schema_of_rows() const;
  awaitable<std::optional<ExistingTable>> find(TableName table);
  void plan(std::optional<ExistingTable> const& final_table, std::optional<ExistingTable> const& work_table);
  void refuse_what_users_have_made(ExistingTable const& final_table) const;
  void warn_of_what_users_have_made(ExistingTable const& final_table);
  std::vector<TableAlteration> alterations_of(std::optional<ExistingTable> const& final_table,
                                              std::optional<ExistingTable> const& work_table) const;
  SchemaChange change_of(TableName const& table, TableSchema const& actual, TableSchema const& wanted) const;
  awaitable<void> ensure(TableName table);
  awaitable<void> settle_leftover();
  awaitable<void> finish(LoadPlan::End end);
  UpsertRule upsert_rule() const;
  StreamRun run() const;
  BatchMark mark_of(BatchId batch) const;
  void require_all(RecordBatch const& records, RowCounts counts) const;
  std::shared_ptr<TableRows> take_rows();
  void give_back(std::shared_ptr<TableRows> rows);

  TableOperations& operations_;
  TableSettings const& settings_;
  DestinationStream const& stream_;
  StreamTables tables_;
  std::string const run_;
  std::int64_t const first_in_order_;
  std::shared_ptr<RowsKept> const rows_kept_;
  // These, and tables_.columns, are here only in start() and close(): see KeptColumns.
  TableSchema schema_;  // of the final table
  TableNote note_;      // of each of the stream's tables
  std::optional<KeptColumns> kept_columns_;
  LoadPlan plan_;
  bool has_begun_ = false;     // the run
  bool has_finished_ = false;  // all but the run's end
  bool has_warned_ = false;    // start() may be called again

  std::mutex mutex_;
  std::map<BatchId, IntervalSet> asked_for_;  // batches of this process that were begun, with their records
  std::vector<std::shared_ptr<TableRows>> idle_rows_;
};

}  // namespace landfall
