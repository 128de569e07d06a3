#pragma once

#include <cstdint>

#include <landfall/protocol/catalog.hpp>

namespace landfall {

/// The same for catalogs under which the same records are loaded in the same way: streams in their order, schemas (in
/// any order of members), sync modes, cursors, keys, generations. Not the sync's id: it differs from start to start.
std::uint64_t fingerprint_of(DestinationCatalog const& catalog);

}  // namespace landfall
