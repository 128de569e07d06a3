#include "postgres_destination.hpp"

#include <algorithm>

namespace postgres {

namespace {

landfall::TableSettings table_settings(Settings const& settings, landfall::Notices const& notices) {
  landfall::TableSettings made;
  made.notices = notices;
  made.names = name_rules();
  made.limits = value_limits();
  made.default_schema = settings.schema;
  made.layout = settings.raw_data_only ? landfall::TableLayout::raw : landfall::TableLayout::typed;
  made.deletions = settings.soft_deletes ? landfall::Deletions::soft : landfall::Deletions::hard;
  return made;
}

}  // namespace

PostgresDestination::PostgresDestination(landfall::Configuration const& configuration)
    : PostgresDestination(settings_of(configuration)) {}

PostgresDestination::PostgresDestination(Settings const& settings)
    : PostgresStore(settings),
      TableDestination(tables, table_settings(settings, store_notices)),
      connections_(static_cast<std::uint64_t>(settings.connections)) {}

landfall::ConnectorSpecification PostgresDestination::spec() { return specification(); }

landfall::LoadLimits PostgresDestination::load_limits() const {
  landfall::LoadLimits limits;
  limits.concurrency = landfall::LoadRange(1, connections_, std::min<std::uint64_t>(connections_, 2));
  return limits;
}

}  // namespace postgres
