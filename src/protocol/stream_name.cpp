#include "protocol/stream_name.hpp"

#include <optional>
#include <string>
#include <utility>

namespace landfall {

StreamDescriptor descriptor_of(StreamName const& name) {
  std::optional<std::string> name_space;
  if (name.name_space) name_space.emplace(*name.name_space);
  return StreamDescriptor(std::string(name.name), std::move(name_space));
}

StreamName name_of(StreamDescriptor const& descriptor) noexcept {
  StreamName name;
  name.name = descriptor.name;
  if (descriptor.name_space) name.name_space = *descriptor.name_space;
  return name;
}

}  // namespace landfall
