#include "pipeline/stream_queue.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <new>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

// Runs that were copied out lie together: many of them are one element.
bool join_runs(StreamElement& last, StreamElement const& next) {
  auto* const run = std::get_if<ReadRun>(&last);
  return run != nullptr && run->records.join(std::get<ReadRun>(next).records);
}

// Never goes back: two requests may come at once.
void raise_to(std::atomic<RecordNumber>& value, RecordNumber wanted) {
  RecordNumber seen = value.load();
  while (seen < wanted && !value.compare_exchange_weak(seen, wanted)) {
  }
}

}  // namespace

void StreamQueue::push(ReadRun run) {
  std::uint64_t const bytes = run.records.bytes;
  RecordNumber const first = run.records.first_number;
  RecordNumber const until = first + run.records.size();
  queued_until_ = until;
  std::uint64_t const accumulated = accumulated_bytes_ += bytes;
  queue_.push_quietly(std::move(run), bytes, join_runs);
  // Read after the run was queued: a spill task that says less now will find the run in the queue.
  // The same with a flush that was asked for while it was on its way into the queue.
  bool const is_due = accumulated >= due_bytes_.load() || until >= due_until_.load() || flush_until_.load() > first;
  if (is_due) queue_.wake();
}

void StreamQueue::push_end(EndOfStream const& end) {
  queue_.push_quietly(end, sizeof(EndOfStream));
  queue_.close();
}

void StreamQueue::begin_batch(std::uint64_t due_bytes, std::uint64_t due_records) noexcept {
  due_bytes_ = due_bytes;
  due_until_ = due_records > UINT64_MAX - batched_until_ ? UINT64_MAX : batched_until_ + due_records;
}

void StreamQueue::end_batch(RecordBatch& batch) {
  std::uint64_t const bytes = batch.bytes();
  accumulated_bytes_ -= bytes;
  if (batch.empty()) return;
  batched_until_ = batch.end_number();
  closed_->bytes += bytes;
  auto leave = [closed = closed_, bytes, one = one_unfinished()](void const*) mutable {
    one.reset();
    closed->bytes -= bytes;
    if (closed->when_one_is_gone) closed->when_one_is_gone();
  };
  batch.keep(std::shared_ptr<void const>(nullptr, std::move(leave)));
}

std::uint64_t StreamQueue::unfinished_batches() const {
  std::lock_guard const lock(unfinished_->mutex);
  return unfinished_->count;
}

std::shared_ptr<void const> StreamQueue::one_unfinished() const {
  {
    std::lock_guard const lock(unfinished_->mutex);
    ++unfinished_->count;
  }
  auto leave = [batches = unfinished_](void const*) {
    std::lock_guard const lock(batches->mutex);
    --batches->count;
    ++batches->finished;
    batches->waiters.wake_all();
  };
  return std::shared_ptr<void const>(nullptr, std::move(leave));
}

std::uint64_t StreamQueue::finished_batches() const {
  std::lock_guard const lock(unfinished_->mutex);
  return unfinished_->finished;
}

void StreamQueue::note_spilled() noexcept {
  if (stood_still_at_) ++*stood_still_at_;
  ++let_through_;
}

// What was done long ago does not count for more than a few.
void StreamQueue::note_let_through() {
  constexpr std::uint64_t most_saved = 16;
  std::uint64_t const finished = finished_batches();
  let_through_ = std::min(finished, std::max(let_through_, finished - std::min(finished, most_saved))) + 1;
}

awaitable<bool> StreamQueue::wait_for_progress(std::uint64_t seen, Clock& clock, Duration patience) {
  auto const batches = unfinished_;
  auto const is_late = std::make_shared<bool>(false);  // guarded by the mutex
  auto executor = co_await asio::this_coro::executor;
  auto const alarm = clock.call_at(executor, clock.now() + patience, [batches, is_late] {
    std::lock_guard const lock(batches->mutex);
    *is_late = true;
    batches->waiters.wake_all();
  });
  auto const is_over = [&batches = *batches, &is_late = *is_late, seen] { return batches.finished != seen || is_late; };
  co_await batches->waiters.wait(batches->mutex, is_over);
  std::lock_guard const lock(batches->mutex);
  if (batches->finished != seen) co_return true;
  stood_still_at_ = seen;
  co_return false;
}

StreamQueue::Taken StreamQueue::take() {
  auto queued = queue_.take_queued();
  Taken taken;
  taken.elements = std::exchange(put_back_, {});
  std::ranges::move(queued.elements, std::back_inserter(taken.elements));
  taken.ended = queued.ended;
  return taken;
}

awaitable<StreamQueue::Taken> StreamQueue::wait() {
  auto queued = co_await queue_.pop_woken();
  Taken taken;
  taken.elements = std::move(queued.elements);
  taken.ended = queued.ended;
  co_return taken;
}

void StreamQueue::discard() {
  discarded_ = true;
  queue_.discard();
  put_back_.clear();
}

void StreamQueue::request_flush() {
  raise_to(flush_until_, queued_until_.load());
  queue_.wake();
}

std::uint64_t bytes_to_flush(std::uint64_t capacity_bytes, std::uint64_t reserved_bytes,
                             std::uint64_t closed_bytes) noexcept {
  std::uint64_t const too_much = reserved_bytes - std::min(reserved_bytes, capacity_bytes);
  std::uint64_t const wanted = std::max<std::uint64_t>(capacity_bytes / 4, 1) + too_much;
  bool const enough = closed_bytes >= wanted - wanted / 4;
  return enough ? 0 : wanted - closed_bytes;
}

StreamQueues::StreamQueues(DestinationCatalog const& catalog, std::vector<RecordNumber> const& first_numbers) {
  LANDFALL_ASSERT(first_numbers.empty() || first_numbers.size() == catalog.streams().size());
  queues_.reserve(catalog.streams().size());
  for (auto const& stream : catalog.streams()) {
    RecordNumber const first = first_numbers.empty() ? 0 : first_numbers[queues_.size()];
    queues_.push_back(std::make_unique<StreamQueue>(stream, closed_, first));
    by_descriptor_.emplace(stream->descriptor, queues_.back().get());
  }
}

StreamQueue* StreamQueues::find(StreamDescriptor const& stream) {
  auto const found = by_descriptor_.find(stream);
  return found == by_descriptor_.end() ? nullptr : found->second;
}

void StreamQueues::serve(MemoryBudget const& budget) {
  closed_->when_one_is_gone = [this, &budget] {
    // In a destructor: where it fails, the next heartbeat does the same.
    try {
      if (budget.is_waited_for()) free_memory(budget);
    } catch (std::bad_alloc const&) {
    }
  };
}

void StreamQueues::free_memory(MemoryBudget const& budget) {
  request_flush(bytes_to_flush(budget.capacity_bytes(), budget.reserved_bytes(), closed_bytes()));
}

void StreamQueues::request_flush_of_all() { request_flush(UINT64_MAX); }

void StreamQueues::request_flush(std::uint64_t bytes) {
  std::vector<std::pair<std::uint64_t, StreamQueue*>> holding;
  for (auto const& queue : queues_) {
    std::uint64_t const held = queue->accumulated_bytes();
    if (held > 0) holding.emplace_back(held, queue.get());
  }
  std::ranges::sort(holding, std::greater<>(), [](auto const& entry) { return entry.first; });
  for (auto const& [held, queue] : holding) {
    if (bytes == 0) return;
    queue->request_flush();
    bytes -= std::min(bytes, held);
  }
}

void StreamQueues::check_age_of_all() {
  for (auto const& queue : queues_) queue->wake();
}

}  // namespace landfall
