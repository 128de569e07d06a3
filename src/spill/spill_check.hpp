#pragma once

#include <optional>
#include <string>

#include <landfall/spill/spill_settings.hpp>
#include <landfall/spill/spill_storage.hpp>

#include "spill/spill_folder.hpp"
#include "spill/spill_format.hpp"

namespace landfall {

/// Whether SpillStore::open() would refuse these settings, whatever the catalog is. Leaves everything as it is.
/// Errors: as SpillStore::open().
void blocking_check_spill(SpillSettings const& settings, SpillStorage& storage);

/// What an earlier process with resume left, if anything, and nobody uses.
/// Errors: Error(config) when acknowledged batches are in it: only a start with resume may touch those.
std::optional<SpillFolder> blocking_find_without_acknowledged_batches(SpillStorage& storage);

/// "3 batches with 1200 acknowledged records of orders, users".
std::string describe_batches(Snapshot const& state);

}  // namespace landfall
