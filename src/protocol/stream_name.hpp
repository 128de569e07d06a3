#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

#include <landfall/protocol/stream_descriptor.hpp>

namespace landfall {

/// The name of a stream in a line: unescaped. A null namespace is no namespace.
struct StreamName {
  std::string_view name;
  std::optional<std::string_view> name_space;
  friend bool operator==(StreamName const&, StreamName const&) = default;
};

StreamDescriptor descriptor_of(StreamName const& name);
/// Views into `descriptor`.
StreamName name_of(StreamDescriptor const& descriptor) noexcept;

/// The place of a stream in the catalog; nothing when it is not there.
using FindStream = std::function<std::optional<std::size_t>(StreamName const&)>;

}  // namespace landfall
