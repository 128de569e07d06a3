#include <landfall/spill/spilled_records.hpp>

namespace landfall {

SpilledRecords::~SpilledRecords() {
  if (keep_ == SpillKeep::until_read) release();
}

awaitable<RecordBatch> SpilledRecords::read() {
  Reservation memory = co_await for_reading_.reserve(batch_.memory_bytes());
  RecordBatch records = co_await store_.read(batch_, std::move(memory));
  records.keep(std::move(kept_));
  if (keep_ == SpillKeep::until_read) release();
  co_return records;
}

void SpilledRecords::release() noexcept {
  if (std::exchange(released_, true)) return;
  store_.release(batch_);
}

}  // namespace landfall
