#include "sqlite_destination.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace sqlite {

namespace {

std::string file_path(landfall::Configuration const& configuration) {
  auto path = configuration.string("destination_path");
  if (path.empty()) throw landfall::config_error("destination_path is empty: name a file");
  if (path == ":memory:") {
    throw landfall::config_error("destination_path is :memory:, a database that ends with the sync: name a file");
  }
  if (path.find('\0') != std::string::npos) throw landfall::config_error("destination_path has a NUL character in it");
  return path;
}

landfall::TableSettings settings_of(landfall::Configuration const& configuration, landfall::Notices const& notices) {
  landfall::TableSettings settings;
  settings.notices = notices;
  settings.names = name_rules();
  settings.limits = value_limits();
  bool const is_raw = configuration.boolean("raw_data_only", false);
  settings.layout = is_raw ? landfall::TableLayout::raw : landfall::TableLayout::typed;
  bool const is_soft = configuration.boolean("soft_deletes", false);
  settings.deletions = is_soft ? landfall::Deletions::soft : landfall::Deletions::hard;
  return settings;
}

}  // namespace

SqliteStore::SqliteStore(landfall::Configuration const& configuration)
    : tables(file_path(configuration), SqliteTables::default_patience_ms, notices) {}

SqliteDestination::SqliteDestination(landfall::Configuration const& configuration)
    : SqliteStore(configuration), TableDestination(tables, settings_of(configuration, SqliteStore::notices)) {}

landfall::ConnectorSpecification SqliteDestination::spec() {
  using landfall::DestinationSyncMode;
  landfall::ConnectorSpecification specification;
  boost::json::object const path{{"type", "string"},
                                 {"title", "Database file"},
                                 {"description", "It is made when it is missing; its folder must be there."},
                                 {"examples", {"/local/landfall.sqlite"}},
                                 {"minLength", 1},
                                 {"order", 0}};
  boost::json::object const raw{{"type", "boolean"},
                                {"title", "Raw data only"},
                                {"description",
                                 "Tables have the whole record as JSON in _airbyte_data, instead of a column for each "
                                 "field."},
                                {"default", false},
                                {"order", 1}};
  boost::json::object const soft{{"type", "boolean"},
                                 {"title", "Keep deleted rows"},
                                 {"description",
                                  "A row that was deleted at the source stays, with the time of its deletion in "
                                  "_ab_cdc_deleted_at."},
                                 {"default", false},
                                 {"order", 2}};
  specification.connection_specification =
      boost::json::object{{"$schema", "http://json-schema.org/draft-07/schema#"},
                          {"title", "SQLite"},
                          {"type", "object"},
                          {"required", boost::json::array{"destination_path"}},
                          {"additionalProperties", true},
                          {"properties", {{"destination_path", path}, {"raw_data_only", raw}, {"soft_deletes", soft}}}};
  specification.supported_destination_sync_modes = {DestinationSyncMode::append, DestinationSyncMode::overwrite,
                                                    DestinationSyncMode::append_dedup};
  return specification;
}

// The file has one writer; a second call has its batch ready when the first one is through.
landfall::LoadLimits SqliteDestination::load_limits() const {
  landfall::LoadLimits limits;
  limits.concurrency = landfall::LoadRange::fixed(2);
  return limits;
}

landfall::awaitable<void> SqliteDestination::teardown(landfall::SyncOutcome) { co_await tables.require_in_place(); }

}  // namespace sqlite
