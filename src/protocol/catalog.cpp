#include <landfall/protocol/catalog.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/error.hpp>

#include "protocol/input_format.hpp"
#include "protocol/lone_surrogates.hpp"
#include "protocol/null_handler.hpp"
#include "protocol/valid_json.hpp"

namespace landfall {
namespace {

constexpr std::array all_sync_modes = {SyncMode::full_refresh, SyncMode::incremental};
constexpr std::array all_destination_sync_modes = {DestinationSyncMode::append, DestinationSyncMode::overwrite,
                                                   DestinationSyncMode::append_dedup, DestinationSyncMode::update,
                                                   DestinationSyncMode::soft_delete};

/// Errors: Error(config) with the byte where it breaks.
void require_valid(std::string_view json) {
  boost::json::basic_parser<NullHandler> parser(valid_json::parse_options());
  boost::json::error_code code;
  std::size_t const offset = parser.write_some(false, json.data(), json.size(), code);
  if (!code && offset < json.size()) code = boost::json::error::extra_data;
  if (code) throw config_error("the catalog is no valid JSON: {} (byte {})", code.message(), offset);
}

/// What parsers take, of a text that may change.
std::string_view prepare(std::string& text) {
  if (auto const foreign = foreign_format("the catalog", text)) throw Error(*foreign);
  constexpr std::size_t readable_behind = 16;  // see has_lone_surrogate()
  std::size_t const size = text.size();
  text.append(readable_behind, ' ');
  std::string_view const json = without_byte_order_mark(std::string_view(text).substr(0, size));
  auto const begin = static_cast<std::size_t>(json.data() - text.data());
  if (has_lone_surrogate(json)) replace_lone_surrogates(text.data() + begin, json.size());  // no parser takes one
  require_valid(json);
  return json.substr(valid_json::behind_space(json, 0));
}

/// An object with these members alone. A schema is not parsed: {} stands for it.
boost::json::object parse_members(std::string_view object, std::span<std::string_view const> names) {
  boost::json::object members;
  valid_json::each_member(object, [&](std::string_view quoted_name, std::string_view value) {
    std::string const name = valid_json::unquoted(quoted_name);
    if (std::ranges::find(names, name) == names.end()) return;
    bool const is_large = (name == "json_schema" || name == "stream") && value.front() == '{';
    members.insert_or_assign(name, is_large ? boost::json::value(boost::json::object())
                                            : boost::json::parse(value, {}, valid_json::parse_options()));
  });
  return members;
}

/// The text of a member; of a name that occurs twice the last value counts.
std::string_view text_of(std::string_view object, std::string_view wanted) {
  std::string_view found;
  valid_json::each_member(object, [&](std::string_view name, std::string_view value) {
    if (valid_json::unquoted(name) == wanted) found = value;
  });
  return found;
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

constexpr std::array<std::string_view, 3> stream_members = {"name", "namespace", "json_schema"};
constexpr std::array<std::string_view, 9> entry_members = {
    "stream",       "sync_mode",     "destination_sync_mode", "cursor_field",
    "primary_key",  "generation_id", "minimum_generation_id", "sync_id",
    "include_files"};

DestinationStream read_stream(std::string_view element, std::size_t index, std::shared_ptr<void const> owner_of_text) {
  std::string const place = fmt::format("stream {} of the catalog", index + 1);
  if (!element.starts_with('{')) throw config_error("{} must be an object", place);
  boost::json::object const entry_object = parse_members(element, entry_members);
  Part(entry_object, place).object("stream");
  std::string_view const stream_text = text_of(element, "stream");
  boost::json::object const stream_object = parse_members(stream_text, stream_members);
  Part const unnamed_stream(stream_object, place);

  DestinationStream result;
  result.descriptor = StreamDescriptor(unnamed_stream.string("name"), unnamed_stream.optional_string("namespace"));
  std::string const owner = fmt::format("stream {}", to_string(result.descriptor));
  Part const stream(stream_object, owner);
  Part const entry(entry_object, owner);

  stream.object("json_schema");
  result.json_schema = JsonSchema(std::move(owner_of_text), text_of(stream_text, "json_schema"));
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
  return parse(std::make_shared<std::string>(json));
}

DestinationCatalog DestinationCatalog::parse(std::shared_ptr<std::string> json) {
  std::string_view const document = prepare(*json);
  if (document.front() != '{') throw config_error("the catalog must be a JSON object");
  std::string_view const entries = text_of(document, "streams");
  if (entries.empty() || entries == "null") throw config_error("the catalog: streams is missing");
  if (entries.front() != '[') throw config_error("the catalog: streams must be an array");
  std::vector<DestinationStream> streams;
  valid_json::each_element(
      entries, [&](std::string_view entry) { streams.push_back(read_stream(entry, streams.size(), json)); });
  return DestinationCatalog(std::move(streams));
}

std::shared_ptr<DestinationStream const> DestinationCatalog::find(StreamDescriptor const& descriptor) const {
  for (auto const& stream : streams_) {
    if (stream->descriptor == descriptor) return stream;
  }
  return nullptr;
}

}  // namespace landfall
