#pragma once

#include <optional>
#include <string>
#include <vector>

#include <landfall/protocol/catalog.hpp>
#include <landfall/spill/spill_settings.hpp>
#include <landfall/spill/spill_storage.hpp>

#include "spill/spill_folder.hpp"
#include "spill/spill_format.hpp"
#include "spill/spill_recovery.hpp"

namespace landfall {

/// Whether SpillStore::open() would refuse these settings, whatever the catalog is. Leaves everything as it is.
/// Errors: as SpillStore::open().
void blocking_check_spill(SpillSettings const& settings, SpillStorage& storage);

/// What these settings do with damage.
OnDamage on_damage(SpillSettings const& settings) noexcept;

/// What an earlier process with resume left, if anything, and nobody uses. What is given up because it is damaged is
/// added to `discarded`.
/// Errors: Error(config) when acknowledged batches are in it: only a start with resume may touch those; and as
///         blocking_recover().
std::optional<SpillFolder> blocking_find_without_acknowledged_batches(SpillStorage& storage,
                                                                      SpillSettings const& settings,
                                                                      std::vector<std::string>& discarded);

/// Leaves out the batches of streams that `catalog` loads anew, as the way out of damage says: what is given up is
/// added to `discarded`.
void give_up_refreshed(Snapshot& state, DestinationCatalog const& catalog, std::vector<std::string>& discarded);

/// "3 batches with 1200 acknowledged records of orders, users".
std::string describe_batches(Snapshot const& state);

}  // namespace landfall
