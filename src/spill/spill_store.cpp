#include <landfall/spill/spill_store.hpp>

#include <utility>

#include "spill/spill_core.hpp"

namespace landfall {

SpillStore::SpillStore(SpillSettings settings, std::shared_ptr<SpillStorage> storage, Clock& clock,
                       DestinationCatalog catalog)
    : core_(std::make_shared<Core>(std::move(settings), std::move(storage), clock, std::move(catalog))) {}
SpillStore::~SpillStore() = default;

awaitable<void> SpillStore::open() { return core_->open(); }
SpillRecovery const& SpillStore::recovered() const noexcept { return core_->recovered(); }
awaitable<SpilledBatch> SpillStore::write(RecordBatch batch, WhenFull when_full) {
  return core_->write(std::move(batch), when_full);
}
awaitable<RecordBatch> SpillStore::read(SpilledBatch batch, Reservation memory) {
  return core_->read(std::move(batch), std::move(memory));
}
void SpillStore::release(SpilledBatch const& batch) { core_->release(batch); }
awaitable<void> SpillStore::acknowledge(std::vector<SpillAcknowledgement> acknowledgements) {
  return core_->acknowledge(std::move(acknowledgements));
}
awaitable<void> SpillStore::close() { return core_->close(); }
std::uint64_t SpillStore::acknowledged_records() const { return core_->acknowledged_records(); }

std::uint64_t SpillStore::disk_bytes() const { return core_->disk_bytes(); }

}  // namespace landfall
