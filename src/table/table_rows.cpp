#include <landfall/table/table_rows.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <boost/uuid/uuid_io.hpp>

#include "table/raw_reader.hpp"

namespace landfall {

namespace {

std::string head_of_meta(DestinationStream const& stream) {
  if (!stream.sync_id) return R"({"changes":)";
  return fmt::format(R"({{"sync_id":{},"changes":)", *stream.sync_id);
}

/// Keys and cursors are top-level fields of the schema: see schema_of().
ComparedFields compared_fields_of(DestinationStream const& stream, std::vector<Field> const& fields) {
  ComparedFields compared;
  if (stream.destination_sync_mode != DestinationSyncMode::append_dedup) return compared;
  for (auto const& path : stream.primary_key) compared.key.push_back(path.front());
  if (!stream.cursor_field.empty()) compared.cursor = stream.cursor_field.front();
  std::string const deleted_at(deleted_at_field);
  if (std::ranges::find(fields, deleted_at, &Field::name) != fields.end()) compared.deleted_at = deleted_at;
  return compared;
}

}  // namespace

TableRows::TableRows(DestinationStream const& stream, TableLayout layout, ValueLimits const& limits,
                     std::optional<std::int64_t> first_in_order)
    : first_in_order_(first_in_order), meta_head_(head_of_meta(stream)), raw_id_(36, '0') {
  if (layout == TableLayout::typed) {
    std::vector<Field> fields = fields_of(stream.json_schema);
    ComparedFields const compared = compared_fields_of(stream, fields);
    reader_.emplace(std::move(fields), limits, compared);
    has_deletions_ = first_in_order && compared.deleted_at;
  } else {
    raw_reader_ = std::make_unique<RawReader>(limits);
  }
  row_.raw_id = raw_id_;
  row_.generation = stream.generation_id;
}
TableRows::~TableRows() = default;

TableRow const& TableRows::read(Record const& record) {
  std::string_view const changes = read_values(record);
  boost::uuids::to_chars(ids_(), raw_id_.begin());
  meta_.assign(meta_head_).append(changes).push_back('}');
  row_.meta = meta_;
  row_.extracted_at_ms = record.emitted_at().time_since_epoch().count();
  if (first_in_order_) row_.read_order = *first_in_order_ + static_cast<std::int64_t>(record.number());
  return row_;
}

/// Sets the cells, or the data, of the row. What was changed.
std::string_view TableRows::read_values(Record const& record) {
  if (reader_) {
    Row const& row = reader_->read(record);
    if (!row.refused.empty()) throw RefusedRecord(record.number(), row.refused);
    row_.cells = row.cells;
    if (has_deletions_) row_.deleted = row.deleted;
    return row.changes;
  }
  RawRow const row = raw_reader_->read(record);
  if (!row.refused.empty()) throw RefusedRecord(record.number(), row.refused);
  row_.data = row.data;
  return row.changes;
}

}  // namespace landfall
