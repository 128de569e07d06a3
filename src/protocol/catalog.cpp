#include <landfall/protocol/catalog.hpp>

#include <array>
#include <unordered_map>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/error.hpp>

#include "protocol/input_format.hpp"
#include "protocol/lone_surrogates.hpp"

namespace landfall {
namespace {

constexpr std::array all_sync_modes = {SyncMode::full_refresh, SyncMode::incremental};
constexpr std::array all_destination_sync_modes = {DestinationSyncMode::append, DestinationSyncMode::overwrite,
                                                   DestinationSyncMode::append_dedup, DestinationSyncMode::update,
                                                   DestinationSyncMode::soft_delete};

boost::json::value parse_document(std::string_view json) {
  if (auto const foreign = foreign_format("the catalog", json)) throw Error(*foreign);
  json = without_byte_order_mark(json);
  boost::json::parse_options options;
  options.max_depth = 512;  // schemas nest deeper than the 32 levels of the default
  boost::json::parser parser({}, options);
  boost::json::error_code code;
  std::string const text = without_lone_surrogates(json);  // the parser takes none
  std::size_t const offset = parser.write_some(text, code);
  if (!code && offset < json.size()) code = boost::json::error::extra_data;
  if (code) throw config_error("the catalog is no valid JSON: {} (byte {})", code.message(), offset);
  return parser.release();
}

/// An object of the catalog, with getters whose errors name it.
class Part {
 public:
  Part(boost::json::object const& members, std::string owner) : members_(members), owner_(std::move(owner)) {}

  /// Null when absent or null.
  boost::json::value const* find(std::string_view name) const {
    boost::json::value const* const value = members_.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  boost::json::object const& object(std::string_view name) const {
    return expect(required(name).if_object(), name, "an object");
  }

  boost::json::array const& array(std::string_view name) const {
    return expect(required(name).if_array(), name, "an array");
  }

  std::string string(std::string_view name) const {
    return std::string(expect(required(name).if_string(), name, "a string"));
  }

  std::optional<std::string> optional_string(std::string_view name) const {
    if (find(name) == nullptr) return std::nullopt;
    return string(name);
  }

  std::optional<std::int64_t> optional_integer(std::string_view name) const {
    boost::json::value const* const value = find(name);
    if (value == nullptr) return std::nullopt;
    return expect(value->if_int64(), name, "an integer");
  }

  bool boolean_or_false(std::string_view name) const {
    boost::json::value const* const value = find(name);
    return value != nullptr && expect(value->if_bool(), name, "a boolean");
  }

  std::vector<std::string> path(std::string_view name) const {
    boost::json::value const* const value = find(name);
    return value == nullptr ? std::vector<std::string>() : path_of(*value, name, "an array of strings");
  }

  std::vector<std::vector<std::string>> paths(std::string_view name) const {
    constexpr std::string_view expected = "an array of arrays of strings";
    std::vector<std::vector<std::string>> paths;
    boost::json::value const* const value = find(name);
    if (value == nullptr) return paths;
    for (boost::json::value const& element : expect(value->if_array(), name, expected)) {
      paths.push_back(path_of(element, name, expected));
    }
    return paths;
  }

  /// One of our enum values, by its spelling.
  template <class Mode, std::size_t size>
  Mode mode(std::string_view name, std::array<Mode, size> const& all) const {
    std::string const spelling = string(name);
    for (Mode const mode : all) {
      if (spelling == to_string(mode)) return mode;
    }
    throw config_error("{}: {} is \"{}\", which is not known", owner_, name, to_string(StreamDescriptor(spelling)));
  }

 private:
  boost::json::value const& required(std::string_view name) const {
    boost::json::value const* const value = find(name);
    if (value == nullptr) throw config_error("{}: {} is missing", owner_, name);
    return *value;
  }

  template <class T>
  T const& expect(T const* value, std::string_view name, std::string_view expected) const {
    if (value == nullptr) throw config_error("{}: {} must be {}", owner_, name, expected);
    return *value;
  }

  std::vector<std::string> path_of(boost::json::value const& value, std::string_view name,
                                   std::string_view expected) const {
    std::vector<std::string> path;
    for (boost::json::value const& element : expect(value.if_array(), name, expected)) {
      path.emplace_back(expect(element.if_string(), name, expected));
    }
    return path;
  }

  boost::json::object const& members_;
  std::string owner_;
};

DestinationStream read_stream(boost::json::value const& element, std::size_t index) {
  std::string const place = fmt::format("stream {} of the catalog", index + 1);
  if (!element.is_object()) throw config_error("{} must be an object", place);
  Part const unnamed_entry(element.get_object(), place);
  Part const unnamed_stream(unnamed_entry.object("stream"), place);

  DestinationStream result;
  result.descriptor = StreamDescriptor(unnamed_stream.string("name"), unnamed_stream.optional_string("namespace"));
  std::string const owner = fmt::format("stream {}", to_string(result.descriptor));
  Part const stream(unnamed_entry.object("stream"), owner);
  Part const entry(element.get_object(), owner);

  result.json_schema = stream.object("json_schema");
  result.sync_mode = entry.mode("sync_mode", all_sync_modes);
  result.destination_sync_mode = entry.mode("destination_sync_mode", all_destination_sync_modes);
  result.cursor_field = entry.path("cursor_field");
  result.primary_key = entry.paths("primary_key");
  result.generation_id = entry.optional_integer("generation_id");
  result.minimum_generation_id = entry.optional_integer("minimum_generation_id");
  result.sync_id = entry.optional_integer("sync_id");
  result.include_files = entry.boolean_or_false("include_files");
  return result;
}

/// A missing minimum keeps everything. A minimum alone would have us remove rows without knowing which are new.
void settle_generations(DestinationStream& stream) {
  if (stream.generation_id && !stream.minimum_generation_id) stream.minimum_generation_id = 0;
  if (stream.minimum_generation_id && !stream.generation_id) {
    throw config_error("stream {}: minimum_generation_id without generation_id", to_string(stream.descriptor));
  }
  if (stream.generation_id && *stream.minimum_generation_id > *stream.generation_id) {
    throw config_error("stream {}: minimum_generation_id {} is greater than generation_id {}",
                       to_string(stream.descriptor), *stream.minimum_generation_id, *stream.generation_id);
  }
}

void refuse_equal_streams(std::vector<DestinationStream> const& streams) {
  std::unordered_map<StreamDescriptor, std::size_t> counts;
  std::string text;
  for (DestinationStream const& stream : streams) {
    if (++counts[stream.descriptor] != 2) continue;  // each name once
    if (!text.empty()) text += "; ";
    text += fmt::format("stream {} occurs twice", to_string(stream.descriptor));
  }
  if (!text.empty()) throw config_error("the catalog is ambiguous: {}", text);
}

}  // namespace

std::string_view to_string(SyncMode mode) noexcept {
  switch (mode) {
    case SyncMode::full_refresh:
      return "full_refresh";
    case SyncMode::incremental:
      return "incremental";
  }
  return "?";
}

std::string_view to_string(DestinationSyncMode mode) noexcept {
  switch (mode) {
    case DestinationSyncMode::append:
      return "append";
    case DestinationSyncMode::overwrite:
      return "overwrite";
    case DestinationSyncMode::append_dedup:
      return "append_dedup";
    case DestinationSyncMode::update:
      return "update";
    case DestinationSyncMode::soft_delete:
      return "soft_delete";
  }
  return "?";
}

bool DestinationStream::replaces_old_data() const noexcept {
  return destination_sync_mode == DestinationSyncMode::overwrite || minimum_generation_id.value_or(0) > 0;
}

DestinationCatalog::DestinationCatalog(std::vector<DestinationStream> streams) {
  if (streams.empty()) throw config_error("the catalog must have at least one stream");
  refuse_equal_streams(streams);
  streams_.reserve(streams.size());
  for (DestinationStream& stream : streams) {
    settle_generations(stream);
    streams_.push_back(std::make_shared<DestinationStream const>(std::move(stream)));
  }
}

DestinationCatalog DestinationCatalog::parse(std::string_view json) {
  boost::json::value const document = parse_document(json);
  if (!document.is_object()) throw config_error("the catalog must be a JSON object");
  boost::json::array const& entries = Part(document.get_object(), "the catalog").array("streams");
  std::vector<DestinationStream> streams;
  streams.reserve(entries.size());
  for (boost::json::value const& entry : entries) streams.push_back(read_stream(entry, streams.size()));
  return DestinationCatalog(std::move(streams));
}

std::shared_ptr<DestinationStream const> DestinationCatalog::find(StreamDescriptor const& descriptor) const {
  for (auto const& stream : streams_) {
    if (stream->descriptor == descriptor) return stream;
  }
  return nullptr;
}

}  // namespace landfall
