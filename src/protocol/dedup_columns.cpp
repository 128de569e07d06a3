#include <landfall/protocol/dedup_columns.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

void require_column(DestinationStream const& stream, boost::json::object const& schema, std::string_view name,
                    std::vector<std::string> const& path) {
  boost::json::value const* const properties = schema.if_contains("properties");
  if (path.empty() || properties == nullptr || !properties->is_object()) return;
  if (properties->get_object().contains(path.front())) return;
  throw config_error("stream {}: the schema has no column {}, which {} names: choose a column that it has",
                     to_string(stream.descriptor), to_string(StreamDescriptor(path.front())), name);
}

}  // namespace

void require_dedup_columns(DestinationStream const& stream) {
  if (stream.destination_sync_mode != DestinationSyncMode::append_dedup) return;
  boost::json::object const schema = stream.json_schema.parse();
  require_column(stream, schema, "cursor_field", stream.cursor_field);
  for (auto const& path : stream.primary_key) require_column(stream, schema, "primary_key", path);
}

}  // namespace landfall
