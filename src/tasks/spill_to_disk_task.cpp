#include "tasks/spill_to_disk_task.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>
#include <variant>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

RunPart part_that_fits(BatchLimits const& limits, std::uint64_t batch_records, std::uint64_t batch_bytes,
                       RecordRun const& run) {
  RunPart part;
  bool const takes_all = batch_records + run.size() <= limits.records && batch_bytes + run.bytes <= limits.bytes;
  if (takes_all) {
    part.records = run.size();
    part.bytes = run.bytes;
    return part;
  }
  for (; part.records < run.size(); ++part.records) {
    RecordSlice const& slice = run.block->slices[run.begin + part.records];
    std::uint64_t const bytes = std::uint64_t{slice.data_size} + slice.meta_size;
    bool const is_first = batch_records + part.records == 0;
    bool const fits = batch_records + part.records < limits.records && batch_bytes + part.bytes + bytes <= limits.bytes;
    if (!is_first && !fits) break;
    part.bytes += bytes;
  }
  return part;
}

RecordRun split_off(RecordRun& run, RunPart const& part) {
  LANDFALL_ASSERT(part.records <= run.size());
  LANDFALL_ASSERT(part.bytes <= run.bytes);
  RecordRun first = run;
  first.end = first.begin + part.records;
  first.bytes = part.bytes;
  run.begin = first.end;
  run.first_number += part.records;
  run.bytes -= part.bytes;
  return first;
}

std::string SpillToDiskTask::name() const {
  return "accumulate a batch of stream " + to_string(queue_.stream->descriptor);
}

awaitable<void> SpillToDiskTask::execute() {
  try {
    co_await accumulate();
  } catch (...) {
    // The stream fails, and nobody takes its records any more: they must not fill the memory that others need.
    if (!is_cancellation(std::current_exception())) {
      queue_.queue.discard();
      queue_.taken.clear();
    }
    throw;
  }
  queue_.accumulated_bytes -= records_.bytes();
  SpilledFile file(std::move(records_), end_);
  co_await launcher_.handle_new_spilled_file(queue_.stream->descriptor, std::move(file));
}

awaitable<void> SpillToDiskTask::accumulate() {
  bool announced_end = false;
  for (;;) {
    take();
    if (is_due()) co_return;
    if (announced_end) throw system_error("the queue of records was closed without the end of the stream");
    MessageQueue<StreamElement>::Drained drained = co_await queue_.queue.pop_all();
    announced_end = drained.ended;
    LANDFALL_ASSERT(queue_.taken.empty());
    queue_.taken = std::move(drained.elements);
  }
}

// What does not belong to this batch any more stays for the next one.
void SpillToDiskTask::take() {
  auto element = queue_.taken.begin();
  for (; element != queue_.taken.end() && !end_; ++element) {
    if (auto* const run = std::get_if<RecordRun>(&*element)) {
      if (!take_from(*run)) break;
    } else {
      end_ = std::get<EndOfStream>(*element);  // in a full batch too: it spares an empty one
    }
  }
  queue_.taken.erase(queue_.taken.begin(), element);
}

// False when the batch is full before the end of the run.
bool SpillToDiskTask::take_from(RecordRun& run) {
  RunPart const part = part_that_fits(limits_, records_.size(), records_.bytes(), run);
  if (part.records > 0) {
    if (records_.empty()) first_taken_at_ = clock_.now();
    records_.append(split_off(run, part));
  }
  bool const whole = run.size() == 0;
  full_ = !whole || records_.size() >= limits_.records || records_.bytes() >= limits_.bytes;
  return whole;
}

bool SpillToDiskTask::is_due() const {
  if (end_) return true;
  if (records_.empty()) return false;
  bool const flush_requested = records_.first_number() < queue_.flush_until.load();
  bool const too_old = clock_.now() - *first_taken_at_ >= limits_.age;
  return full_ || flush_requested || too_old;
}

std::unique_ptr<Task> MemorySpillTaskFactory::make(TaskLauncher& launcher, StreamDescriptor const& stream) {
  StreamQueue* const queue = queues_.find(stream);
  LANDFALL_ASSERT(queue != nullptr);
  BatchId const id(next_id_.fetch_add(1));
  return std::make_unique<SpillToDiskTask>(launcher, *queue, limits_, clock_, id);
}

}  // namespace landfall
