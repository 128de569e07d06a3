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
    queue_.end_batch(records_);
    co_await hand_over();
  } catch (...) {
    // The stream fails, and nobody takes its records any more: they must not fill the memory that others need.
    if (!is_cancellation(std::current_exception())) queue_.discard();
    throw;
  }
}

awaitable<void> SpillToDiskTask::hand_over() {
  std::unique_ptr<SpilledRecords> spilled;
  bool goes_to_disk = !records_.empty();
  if (goes_to_disk) goes_to_disk = co_await spiller_.is_wanted(queue_, launcher_, clock_);
  // What will be dropped takes no room from others.
  if (goes_to_disk) goes_to_disk = co_await launcher_.handle_step_requested(queue_.stream->descriptor);
  if (goes_to_disk) spilled = co_await spiller_.spill(queue_, records_);
  SpilledFile file;
  file.records = WaitingBatch(std::move(records_), std::move(spilled));
  file.end = end_;
  co_await launcher_.handle_new_spilled_file(queue_.stream->descriptor, std::move(file));
}

awaitable<void> SpillToDiskTask::accumulate() {
  queue_.begin_batch(limits_.bytes, limits_.records);
  StreamQueue::Taken taken = queue_.take();
  for (;;) {
    add(std::move(taken.elements));
    if (is_due()) co_return;
    if (taken.ended) throw system_error("the queue of records was closed without the end of the stream");
    taken = co_await queue_.wait();
  }
}

// What does not belong to this batch any more stays for the next one.
void SpillToDiskTask::add(std::vector<StreamElement> elements) {
  auto element = elements.begin();
  for (; element != elements.end() && !end_; ++element) {
    if (auto* const run = std::get_if<ReadRun>(&*element)) {
      if (!add_run(*run)) break;
    } else {
      end_ = std::get<EndOfStream>(*element);  // in a full batch too: it spares an empty one
    }
  }
  elements.erase(elements.begin(), element);
  if (!elements.empty()) queue_.put_back(std::move(elements));
}

// False when the batch is full before the end of the run.
bool SpillToDiskTask::add_run(ReadRun& run) {
  RunPart const part = part_that_fits(limits_, records_.size(), records_.bytes(), run.records);
  if (part.records > 0) {
    if (records_.empty()) first_read_at_ = run.read_at;
    records_.append(split_off(run.records, part));
  }
  bool const whole = run.records.size() == 0;
  full_ = !whole || records_.size() >= limits_.records || records_.bytes() >= limits_.bytes;
  return whole;
}

bool SpillToDiskTask::is_due() const {
  if (end_) return true;
  if (records_.empty()) return false;
  bool const flush_requested = queue_.is_flush_requested(records_.first_number());
  bool const too_old = clock_.now() - *first_read_at_ >= limits_.age;
  return full_ || flush_requested || too_old;
}

std::unique_ptr<Task> QueueSpillToDiskTaskFactory::make(TaskLauncher& launcher, StreamDescriptor const& stream) {
  StreamQueue* const queue = queues_.find(stream);
  LANDFALL_ASSERT(queue != nullptr);
  BatchId const id(next_id_.fetch_add(1));
  BatchLimits limits = limits_;
  if (batch_bytes_) limits.bytes = batch_bytes_->load();
  return std::make_unique<SpillToDiskTask>(launcher, *queue, spiller_, limits, clock_, id);
}

}  // namespace landfall
