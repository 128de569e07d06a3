#include "pipeline/stream_queue.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace landfall {

namespace {

// Never goes back: two requests may come at once.
void raise_to(std::atomic<RecordNumber>& value, RecordNumber wanted) {
  RecordNumber seen = value.load();
  while (seen < wanted && !value.compare_exchange_weak(seen, wanted)) {
  }
}

}  // namespace

StreamQueues::StreamQueues(DestinationCatalog const& catalog) {
  queues_.reserve(catalog.streams().size());
  for (auto const& stream : catalog.streams()) {
    queues_.push_back(std::make_unique<StreamQueue>(stream));
    by_descriptor_.emplace(stream->descriptor, queues_.back().get());
  }
}

StreamQueue* StreamQueues::find(StreamDescriptor const& stream) {
  auto const found = by_descriptor_.find(stream);
  return found == by_descriptor_.end() ? nullptr : found->second;
}

void StreamQueues::request_flush_of_all() {
  std::vector<std::pair<std::uint64_t, StreamQueue*>> holding;
  for (auto const& queue : queues_) {
    std::uint64_t const bytes = queue->accumulated_bytes.load();
    if (bytes > 0) holding.emplace_back(bytes, queue.get());
  }
  std::ranges::sort(holding, std::greater<>(), [](auto const& entry) { return entry.first; });
  for (auto const& [bytes, queue] : holding) {
    raise_to(queue->flush_until, queue->queued_until.load());
    queue->queue.wake();
  }
}

void StreamQueues::check_age_of_all() {
  for (auto const& queue : queues_) queue->queue.wake();
}

}  // namespace landfall
