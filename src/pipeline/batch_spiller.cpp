#include "pipeline/batch_spiller.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <landfall/runtime/assert.hpp>

namespace landfall {

bool goes_to_disk(SpillPolicy policy, std::uint64_t batches_before, std::uint64_t reserved_bytes,
                  std::uint64_t capacity_bytes) noexcept {
  switch (policy) {
    case SpillPolicy::never:
      return false;
    case SpillPolicy::over_budget:
      // Behind one that is being loaded it would soon have its turn, unless that one is stuck: then the two may keep
      // all the memory that others need.
      if (batches_before == 1) return reserved_bytes >= capacity_bytes / 8 * 7;
      return batches_before >= 2 && reserved_bytes >= capacity_bytes / 2;
    case SpillPolicy::always:
      return true;
  }
  return false;
}

std::uint64_t bytes_for_reading_back(SpillPolicy policy, std::uint64_t budget_bytes,
                                     std::uint64_t batch_bytes) noexcept {
  switch (policy) {
    case SpillPolicy::never:
      return 0;
    case SpillPolicy::over_budget:
      return std::min(budget_bytes / 6, 4 * batch_bytes);
    case SpillPolicy::always:
      return budget_bytes / 2;
  }
  return 0;
}

BatchSpiller::BatchSpiller(SpillPolicy policy, SpillStore* store, MemoryBudget const& budget, MemoryBudget& for_reading,
                           bool resume, std::function<void(Error const&)> on_failure)
    : policy_(policy),
      store_(store),
      budget_(budget),
      for_reading_(for_reading),
      resume_(resume),
      on_failure_(std::move(on_failure)) {
  LANDFALL_ASSERT(store != nullptr || policy == SpillPolicy::never);
}

awaitable<bool> BatchSpiller::is_wanted(StreamQueue& queue, TaskLauncher& launcher, Clock& clock) const {
  for (;;) {
    std::uint64_t const seen = queue.finished_batches();  // first: what is done from now on ends the wait
    if (!has_no_place_in_memory(queue)) co_return false;
    if (policy_ == SpillPolicy::always || queue.stands_still()) co_return true;
    // One for each that is done: were they stuck, they would take all the memory there is.
    if (!is_nearly_full() || queue.may_be_let_through()) {
      bool const is_next = co_await launcher.handle_turn_requested(queue.stream->descriptor);
      if (is_next) {
        queue.note_let_through();
        co_return false;
      }
    }
    bool const moves = co_await queue.wait_for_progress(seen, clock, patience);
    if (!moves) co_return has_no_place_in_memory(queue);
  }
}

bool BatchSpiller::is_nearly_full() const { return budget_.reserved_bytes() >= budget_.capacity_bytes() / 8 * 7; }

bool BatchSpiller::has_no_place_in_memory(StreamQueue const& queue) const {
  // Its own batch is one of the unfinished ones.
  std::uint64_t const before = queue.unfinished_batches() - 1;
  return goes_to_disk(policy_, before, budget_.reserved_bytes(), budget_.capacity_bytes());
}

awaitable<std::unique_ptr<SpilledRecords>> BatchSpiller::spill(StreamQueue& queue, RecordBatch& records) {
  auto unfinished = queue.one_unfinished();
  std::optional<Error> failure;
  try {
    // What may stay in memory does not wait for a disk.
    WhenFull const when_full = policy_ == SpillPolicy::always ? WhenFull::wait : WhenFull::refuse;
    SpilledBatch written = co_await store_->write(records, when_full);
    ++spilled_batches_;
    spilled_bytes_ += written.bytes;
    records.clear();
    queue.note_spilled();
    bool const keeps = resume_ && !queue.stream->starts_anew();
    SpillKeep const keep = keeps ? SpillKeep::until_complete : SpillKeep::until_read;
    co_return std::make_unique<SpilledRecords>(*store_, for_reading_, std::move(written), keep, std::move(unfinished));
  } catch (Error const& error) {
    failure = error;
  }
  if (policy_ == SpillPolicy::always) throw Error(*failure);
  if (on_failure_ && !told_.exchange(true)) on_failure_(*failure);  // a disk that stays full says it for each batch
  co_return nullptr;
}

}  // namespace landfall
