#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/protocol/json_schema.hpp>
#include <landfall/protocol/stream_descriptor.hpp>

namespace landfall {

enum class SyncMode { full_refresh, incremental };
enum class DestinationSyncMode { append, overwrite, append_dedup, update, soft_delete };

/// The protocol's own spelling: "append", "append_dedup", ...
std::string_view to_string(SyncMode mode) noexcept;
std::string_view to_string(DestinationSyncMode mode) noexcept;

/// One stream of the configured catalog: what is loaded, and how.
///
/// Source: protocol reference 2.8. The three ids are absent together where the platform has no refreshes (1.8).
struct DestinationStream {
  StreamDescriptor descriptor;
  JsonSchema json_schema;
  SyncMode sync_mode = SyncMode::full_refresh;
  DestinationSyncMode destination_sync_mode = DestinationSyncMode::append;
  std::vector<std::string> cursor_field;              ///< a path; empty when there is none
  std::vector<std::vector<std::string>> primary_key;  ///< one path for each column of the key
  std::optional<std::int64_t> generation_id;          ///< written to every row
  std::optional<std::int64_t> minimum_generation_id;  ///< after a good end no older row may remain; 0 keeps all
  std::optional<std::int64_t> sync_id;
  bool include_files = false;

  /// The platform runs this destination with refreshes: a stream is complete only with its COMPLETE status.
  bool has_generations() const noexcept { return generation_id.has_value() && minimum_generation_id.has_value(); }

  /// Old data must go, but only when the stream ended well: overwrite, or a truncating refresh (0 < minimum).
  bool replaces_old_data() const noexcept;

  /// It replaces old data without a generation that a later attempt could go on with: what an attempt has loaded is
  /// thrown away unless it ends well.
  bool starts_anew() const noexcept { return replaces_old_data() && minimum_generation_id.value_or(0) == 0; }
};

/// The streams of one sync, in the order of the catalog file. A value that is not changed once it is made.
class DestinationCatalog {
 public:
  /// Errors: Error(config) when there is no stream, a stream occurs twice (all such are listed), or a generation is
  /// smaller than its minimum.
  explicit DestinationCatalog(std::vector<DestinationStream> streams);

  /// Reads a ConfiguredAirbyteCatalog. Unknown members are ignored.
  /// Errors: Error(config) which names the stream and the member that is missing or has the wrong type. (A key that the
  /// schema does not have fails its own stream: require_dedup_columns().)
  static DestinationCatalog parse(std::string_view json);
  /// The same of a text that is not copied: the schemas are parts of it, and the last stream frees it.
  static DestinationCatalog parse(std::shared_ptr<std::string> json);

  std::vector<std::shared_ptr<DestinationStream const>> const& streams() const noexcept { return streams_; }

  /// Null when the catalog has no such stream.
  std::shared_ptr<DestinationStream const> find(StreamDescriptor const& descriptor) const;

 private:
  std::vector<std::shared_ptr<DestinationStream const>> streams_;
};

}  // namespace landfall
