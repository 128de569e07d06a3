#include "jsonl_destination.hpp"

#include <any>
#include <chrono>
#include <cstdint>
#include <random>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "stream_file.hpp"

namespace jsonl {
namespace {

std::uint64_t random_seed() {
  std::random_device source;
  return (std::uint64_t{source()} << 32) | source();
}

Milliseconds now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

std::string folder_path(landfall::Configuration const& configuration) {
  auto path = configuration.string("destination_path");
  if (path.empty()) throw landfall::config_error("destination_path is empty: name a folder");
  if (path.find('\0') != std::string::npos) throw landfall::config_error("destination_path has a NUL character in it");
  return path;
}

RecordFormat record_format(landfall::Configuration const& configuration) {
  auto const name = configuration.string("format", "airbyte");
  if (name == "airbyte") return RecordFormat::airbyte;
  if (name == "data") return RecordFormat::data;
  throw landfall::config_error("format must be \"airbyte\" or \"data\"");
}

class JsonlLoader : public landfall::StreamLoader {
 public:
  JsonlLoader(DataFolder const& folder, landfall::DestinationStream const& stream, RecordFormat format,
              landfall::Notices notices)
      : file_(folder, stream, format, random_seed(), std::move(notices)) {}

  landfall::awaitable<void> start() override {
    co_await landfall::run_blocking([this] { file_.blocking_open(); });
  }

  landfall::awaitable<landfall::Batch> process_records(landfall::RecordBatch records) override {
    constexpr std::uint64_t small_bytes = 1 << 20;
    // Of a small batch another call would cost more than what could be written meanwhile: there are many streams.
    bool const syncs_at_once = records.bytes() < small_bytes;
    auto const mark = co_await landfall::run_blocking([&] {
      auto const end = file_.blocking_write(records, now());
      if (syncs_at_once) file_.blocking_sync(end);
      return end;
    });
    if (syncs_at_once) co_return landfall::Batch::complete();
    co_return landfall::Batch::staged(mark);
  }

  landfall::awaitable<landfall::Batch> process_batch(landfall::Batch batch) override {
    auto const mark = std::any_cast<std::uint64_t>(batch.payload());
    co_await landfall::run_blocking([&] { file_.blocking_sync(mark); });
    co_return landfall::Batch::complete();
  }

  landfall::awaitable<void> close(landfall::StreamOutcome outcome) override {
    bool const good = outcome.succeeded();
    co_await landfall::run_blocking([&] { good ? file_.blocking_commit() : file_.blocking_abandon(); });
  }

 private:
  StreamFile file_;
};

}  // namespace

JsonlDestination::JsonlDestination(landfall::Configuration const& configuration)
    : path_(folder_path(configuration)), format_(record_format(configuration)) {}

landfall::ConnectorSpecification JsonlDestination::spec() {
  using landfall::DestinationSyncMode;
  landfall::ConnectorSpecification specification;
  boost::json::object const path{
      {"type", "string"},
      {"title", "Folder"},
      {"description",
       "Folder the files are written to, one for each stream: NAMESPACE/STREAM.jsonl. It is made when it is missing."},
      {"examples", {"/local/landfall"}},
      {"minLength", 1},
      {"order", 0}};
  boost::json::object const format{
      {"type", "string"},
      {"title", "Format"},
      {"description",
       "What a line holds. \"airbyte\": the record as _airbyte_data, with _airbyte_raw_id, _airbyte_extracted_at, "
       "_airbyte_meta and _airbyte_generation_id. \"data\": the record alone, as the source sent it."},
      {"enum", {"airbyte", "data"}},
      {"default", "airbyte"},
      {"order", 1}};
  specification.connection_specification =
      boost::json::object{{"$schema", "http://json-schema.org/draft-07/schema#"},
                          {"title", "JSON lines"},
                          {"type", "object"},
                          {"required", boost::json::array{"destination_path"}},
                          {"additionalProperties", true},
                          {"properties", {{"destination_path", path}, {"format", format}}}};
  specification.supported_destination_sync_modes = {DestinationSyncMode::append, DestinationSyncMode::overwrite};
  return specification;
}

landfall::awaitable<void> JsonlDestination::check() {
  co_await landfall::run_blocking([this] { probe_folder(path_); });
}

landfall::awaitable<void> JsonlDestination::setup(landfall::DestinationCatalog const&) {
  co_await landfall::run_blocking([this] { folder_.emplace(path_); });
}

landfall::awaitable<std::unique_ptr<landfall::StreamLoader>> JsonlDestination::open(
    landfall::DestinationStream const& stream) {
  require_known_mode(stream);
  co_return std::make_unique<JsonlLoader>(*folder_, stream, format_, notices());
}

landfall::awaitable<void> JsonlDestination::teardown(landfall::SyncOutcome) {
  folder_.reset();  // gives the lock back
  co_return;
}

void require_known_mode(landfall::DestinationStream const& stream) {
  using landfall::DestinationSyncMode;
  auto const mode = stream.destination_sync_mode;
  if (mode == DestinationSyncMode::append || mode == DestinationSyncMode::overwrite) return;
  throw landfall::config_error(
      "stream {}: files of JSON lines can be appended to and overwritten, and {} is neither: choose append or "
      "overwrite",
      to_string(stream.descriptor), to_string(mode));
}

}  // namespace jsonl
