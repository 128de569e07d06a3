#include <landfall/destination/record_batch.hpp>

#include <utility>

#include <landfall/runtime/assert.hpp>

namespace landfall {

RecordBatch::RecordBatch(std::shared_ptr<DestinationStream const> stream, BatchId id)
    : stream_(std::move(stream)), id_(id) {
  LANDFALL_ASSERT(stream_ != nullptr);
}

void RecordBatch::append(RecordRun run) {
  LANDFALL_ASSERT(run.block != nullptr);
  LANDFALL_ASSERT(run.begin < run.end);
  LANDFALL_ASSERT(run.end <= run.block->slices.size());
  LANDFALL_ASSERT(empty() || run.first_number == end_number());
  size_ += run.size();
  bytes_ += run.bytes;
  runs_.push_back(std::move(run));
}

void RecordBatch::clear() noexcept {
  std::vector<RecordRun>().swap(runs_);  // gives the blocks and the table back, not only its content
  size_ = 0;
  bytes_ = 0;
}

}  // namespace landfall
