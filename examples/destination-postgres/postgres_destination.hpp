#pragma once

#include <landfall/landfall.hpp>
#include <landfall/table/table_destination.hpp>

#include "postgres_tables.hpp"
#include "settings.hpp"

namespace postgres {

/// Made before the TableDestination which works on it.
struct PostgresStore {
  explicit PostgresStore(Settings settings) : tables(std::move(settings), store_notices) {}
  landfall::Notices store_notices;
  PostgresTables tables;
};

/// Loads every stream into a table of a PostgreSQL database.
///
/// Acknowledged: a STATE is printed when the rows before it are committed, with synchronous_commit at least "local".
class PostgresDestination final : private PostgresStore, public landfall::TableDestination {
 public:
  /// Errors: Error(config).
  explicit PostgresDestination(landfall::Configuration const& configuration);

  static landfall::ConnectorSpecification spec();

  landfall::LoadLimits load_limits() const override;

 private:
  explicit PostgresDestination(Settings const& settings);

  std::uint64_t connections_;
};

}  // namespace postgres
