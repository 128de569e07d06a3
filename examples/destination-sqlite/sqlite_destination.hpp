#pragma once

#include <landfall/landfall.hpp>
#include <landfall/table/table_destination.hpp>

#include "sqlite_tables.hpp"

namespace sqlite {

/// Made before the TableDestination which works on it.
struct SqliteStore {
  explicit SqliteStore(landfall::Configuration const& configuration);
  landfall::Notices notices;  // of the destination
  SqliteTables tables;
};

/// Loads every stream into a table of one SQLite file.
///
/// Acknowledged: a STATE is printed when the rows before it are committed and the write-ahead log was synced.
class SqliteDestination final : private SqliteStore, public landfall::TableDestination {
 public:
  /// Errors: Error(config).
  explicit SqliteDestination(landfall::Configuration const& configuration);

  static landfall::ConnectorSpecification spec();

  landfall::LoadLimits load_limits() const override;
  /// Errors: as SqliteTables::require_in_place(): a sync whose last rows are lost with their file has not succeeded.
  landfall::awaitable<void> teardown(landfall::SyncOutcome outcome) override;
};

}  // namespace sqlite
