#include <landfall/table/table_rows.hpp>

#include <utility>

#include <fmt/format.h>
#include <boost/uuid/uuid_io.hpp>

namespace landfall {

namespace {

std::string head_of_meta(DestinationStream const& stream) {
  if (!stream.sync_id) return R"({"changes":)";
  return fmt::format(R"({{"sync_id":{},"changes":)", *stream.sync_id);
}

std::vector<Field> fields_to_read(DestinationStream const& stream, TableLayout layout) {
  return layout == TableLayout::typed ? fields_of(stream.json_schema) : std::vector<Field>();
}

}  // namespace

TableRows::TableRows(DestinationStream const& stream, TableLayout layout, ValueLimits const& limits,
                     std::optional<std::int64_t> first_in_order)
    : layout_(layout),
      first_in_order_(first_in_order),
      reader_(fields_to_read(stream, layout), limits),
      meta_head_(head_of_meta(stream)),
      raw_id_(36, '0') {
  row_.raw_id = raw_id_;
  row_.generation = stream.generation_id;
}

TableRow const& TableRows::read(Record const& record) {
  Row const& row = reader_.read(record);
  boost::uuids::to_chars(ids_(), raw_id_.begin());
  meta_.assign(meta_head_).append(row.changes).push_back('}');
  row_.meta = meta_;
  row_.extracted_at_ms = record.emitted_at().time_since_epoch().count();
  if (first_in_order_) row_.read_order = *first_in_order_ + static_cast<std::int64_t>(record.number());
  row_.cells = row.cells;
  if (layout_ == TableLayout::raw) row_.data = record.data();
  return row_;
}

}  // namespace landfall
