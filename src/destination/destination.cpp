#include <landfall/destination/destination.hpp>

namespace landfall {

awaitable<void> Destination::check() { co_return; }

awaitable<void> Destination::setup(DestinationCatalog const& /*catalog*/) { co_return; }

bool Destination::decodes_every_value() const { return false; }

std::vector<std::unique_ptr<LoadStep>> Destination::load_steps() { return {}; }

LoadLimits Destination::load_limits() const { return {}; }

awaitable<void> Destination::teardown(SyncOutcome /*outcome*/) { co_return; }

}  // namespace landfall
