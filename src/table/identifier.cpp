#include <landfall/table/identifier.hpp>

#include <landfall/protocol/stream_descriptor.hpp>

namespace landfall {

std::string to_string(TableName const& name) {
  // As streams are shown, so that a log has one spelling for both.
  if (name.schema.empty()) return to_string(StreamDescriptor(name.table.text()));
  return to_string(StreamDescriptor(name.table.text(), name.schema.text()));
}

}  // namespace landfall
