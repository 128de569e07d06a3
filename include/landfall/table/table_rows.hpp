#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/uuid/random_generator.hpp>

#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/table/row_reader.hpp>
#include <landfall/table/table_schema.hpp>

namespace landfall {

/// One row of a stream's table, in the order of schema_of(): the meta columns, then the cells, or `data`.
struct TableRow {
  TableRow() = default;

  std::string_view raw_id;  ///< a UUID as text
  std::int64_t extracted_at_ms = 0;
  std::string_view meta;  ///< JSON: {"sync_id": ..., "changes": [...]}
  std::optional<std::int64_t> generation;
  std::span<Cell const> cells;  ///< TableLayout::typed
  std::string_view data;        ///< TableLayout::raw: the record as it came
  RecordNumber number = 0;      ///< the order in which rows were read: the last word where cursors are equal
};

/// Makes rows of a stream's records.
///
/// Threads: one at a time; where batches of a stream are loaded side by side, each call has its own.
/// Source:  protocol reference 3.3.
class TableRows {
 public:
  TableRows(DestinationStream const& stream, TableLayout layout, ValueLimits const& limits);

  /// Valid until the next read(), and while the record's batch lives.
  /// Errors: as RowReader::read().
  TableRow const& read(Record const& record);

 private:
  TableLayout layout_;
  RowReader reader_;
  boost::uuids::random_generator_mt19937 ids_;
  std::string meta_head_;  // up to the changes
  std::string meta_;
  std::string raw_id_;
  TableRow row_;
};

}  // namespace landfall
