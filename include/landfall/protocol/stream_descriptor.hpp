#pragma once

#include <functional>
#include <optional>
#include <string>

namespace landfall {

/// The name of a stream. A namespace that is absent or null is not the empty namespace "": both exist on the wire.
struct StreamDescriptor {
  StreamDescriptor() = default;
  explicit StreamDescriptor(std::string stream_name, std::optional<std::string> stream_namespace = std::nullopt)
      : name(std::move(stream_name)), name_space(std::move(stream_namespace)) {}

  std::string name;
  std::optional<std::string> name_space;

  friend auto operator<=>(StreamDescriptor const&, StreamDescriptor const&) = default;
};

/// For people: "namespace.name", or "name"; control characters are shown as escapes.
std::string to_string(StreamDescriptor const& descriptor);

}  // namespace landfall

template <>
struct std::hash<landfall::StreamDescriptor> {
  std::size_t operator()(landfall::StreamDescriptor const& descriptor) const noexcept;
};
