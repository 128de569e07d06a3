#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/uuid/random_generator.hpp>

#include <landfall/destination/record_batch.hpp>
#include <landfall/destination/rejected_records.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/table/row_reader.hpp>
#include <landfall/table/table_schema.hpp>

namespace landfall {

/// One row of a stream's table, in the order of schema_of(): the meta columns, then the cells, or `data`, and then the
/// order in which it was read and whether its key was deleted, where it has them.
struct TableRow {
  TableRow() = default;

  std::string_view raw_id;  ///< a UUID as text
  std::int64_t extracted_at_ms = 0;
  std::string_view meta;  ///< JSON: {"sync_id": ..., "changes": [...]}
  std::optional<std::int64_t> generation;
  std::span<Cell const> cells;  ///< TableLayout::typed
  std::string_view data;        ///< TableLayout::raw: the record as it came, but for what the store cannot have
  /// For MetaColumns::read_order: rows that were read later have a larger one, over all processes. Where cursors and
  /// times of extraction are equal it has the last word, since batches are loaded in any order.
  std::optional<std::int64_t> read_order;
  /// For MetaColumns::deleted, where the rows wait for an upsert and the stream has deleted_at_field.
  std::optional<bool> deleted;
};

/// This record must not become a row: it is rejected, with the reason that RowReader gives.
class RefusedRecord : public RejectedRecords {
 public:
  RefusedRecord(RecordNumber number, std::string_view reason)
      : RejectedRecords(std::string(reason), {RejectedRecord(number, std::string(reason))}) {}
};

class RawReader;

/// Makes rows of a stream's records.
///
/// Raw:     a member that the store's JSON cannot have, by ValueLimits, is null or altered, with the entry in changes
///          that it has as a column; and so is its name. In `meta` such characters are gone or U+FFFD, too.
/// Dedup:   of append_dedup the fields of key and cursor, and `_ab_cdc_deleted_at`, are RowReader's ComparedFields.
/// Threads: one at a time; where batches of a stream are loaded side by side, each call has its own.
/// Source:  protocol reference 3.3.
class TableRows {
 public:
  /// `first_in_order`: where this process begins to count what it reads; nothing where rows wait for no upsert.
  TableRows(DestinationStream const& stream, TableLayout layout, ValueLimits const& limits,
            std::optional<std::int64_t> first_in_order);
  ~TableRows();

  /// Valid until the next read(), and while the record's batch lives.
  /// Errors: RefusedRecord; as RowReader::read().
  TableRow const& read(Record const& record);

 private:
  std::string_view read_values(Record const& record);

  std::optional<std::int64_t> first_in_order_;
  std::optional<RowReader> reader_;  // of the typed layout
  bool has_deletions_ = false;
  std::unique_ptr<RawReader> raw_reader_;  // of the raw one
  boost::uuids::random_generator_mt19937 ids_;
  std::string meta_head_;  // up to the changes
  std::string meta_;
  std::string raw_id_;
  TableRow row_;
};

}  // namespace landfall
