#pragma once

#include <string>
#include <vector>

#include <landfall/protocol/stream_descriptor.hpp>

namespace jsonl {

/// Where a stream's file lies below the destination's folder: "[NAMESPACE/]NAME.jsonl".
///
/// Invariant: different streams have different paths, and no path is a folder of another one. Every component is a
///            plain file name: never empty, never longer than `longest_component`, without '/', not hidden ("." first).
/// Spelling:  bytes other than A-Za-z0-9._- are percent-encoded, and so is a '.' at the start of a component, and the
///            '.' of a namespace that ends in ".jsonl" (it would look like a stream's file). A lone "%" is the empty
///            name. A component that ends in "%" goes on in the next one: how names too long for a file name are kept.
/// Limits:    on a file system that ignores case, names that differ in case only still meet.
struct StreamPath {
  StreamPath() = default;

  std::vector<std::string> folders;
  std::string file;

  /// "NAMESPACE/NAME.jsonl", for messages.
  std::string text() const;

  friend auto operator<=>(StreamPath const&, StreamPath const&) = default;
};

/// Leaves room for what is put around a file's name by us, below the 255 bytes of most file systems.
inline constexpr std::size_t longest_component = 208;

StreamPath stream_path(landfall::StreamDescriptor const& stream);

}  // namespace jsonl
