#include <landfall/launcher/task_launcher.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <landfall/launcher/decisions.hpp>
#include <landfall/runtime/assert.hpp>

#include "launcher/group_members.hpp"

namespace landfall {

/// What the launcher knows of a stream beyond its StreamManager: what runs and what waits. Control strand only.
struct TaskLauncher::StreamWork {
  Opening opening = Opening::waiting;
  TimePoint last_call_at = TimePoint::min();
  std::shared_ptr<StreamLoader> loader;  // set while open
  bool needs_order = true;               // what it says of itself
  std::deque<WaitingBatch> waiting;      // closed batches, in order, until it is their turn
  bool is_ready = false;                 // it is in the line of those that are
  bool reads_back = false;               // a task reads what is to be the next one; it is not in `waiting`
  std::size_t recovering = 0;            // see TaskLauncher::recovering_
  /// Batches that were read back and stay on disk until they are complete; by their first record.
  std::map<RecordNumber, std::unique_ptr<SpilledRecords>> kept;
  std::map<BatchId, bool> calls;        // process-records tasks, and whether each holds its slot
  GroupMembers group_members;           // batches that were asked and wait for others
  std::size_t in_flight = 0;            // tasks and pipeline batches that use the loader
  std::vector<TaskHandle> cancellable;  // of the process tasks
  std::optional<Error> failure;         // set: the stream is failing, or has failed
  bool owns_close = false;              // the failure won set_closed()
  bool is_broken_off = false;           // counts among failed_streams_, though what was read of it is loaded
  bool call_still_runs = false;         // one that ignores its cancellation: close must not run beside it
  bool fail_task_started = false;
};

namespace {

void require(bool present, char const* part) {
  if (!present) throw system_error("a TaskLauncher needs the part '{}'", part);
}

}  // namespace

TaskLauncher::TaskLauncher(asio::any_io_executor executor, Clock& clock, LauncherParts parts)
    : executor_(executor),
      clock_(clock),
      strand_(asio::make_strand(executor)),
      parts_(std::move(parts)),
      governor_(parts_.load, clock.now()) {
  require(parts_.setup != nullptr, "setup");
  require(parts_.open_stream != nullptr, "open_stream");
  require(parts_.spill_to_disk != nullptr, "spill_to_disk");
  require(parts_.read_back != nullptr, "read_back");
  require(parts_.load_pipeline || (parts_.process_records && parts_.process_batch),
          "load_pipeline, or process_records and process_batch: a sync needs one way to load");
  require(parts_.update_checkpoints != nullptr, "update_checkpoints");
  require(parts_.close_stream != nullptr, "close_stream");
  require(parts_.teardown != nullptr, "teardown");
  require(parts_.fail_stream != nullptr, "fail_stream");
  require(parts_.fail_sync != nullptr, "fail_sync");
  require(parts_.configuration.open_stream_workers > 0, "configuration.open_stream_workers: at least 1");
  require(parts_.configuration.stop_deadline > Duration::zero(), "configuration.stop_deadline: more than 0");
  for (auto const& stream : parts_.sync.catalog().streams()) {
    work_[stream->descriptor] = std::make_unique<StreamWork>();
  }
  if (parts_.batch_bytes) parts_.batch_bytes->store(governor_.batch_bytes());
}

TaskLauncher::~TaskLauncher() = default;

// ---- the sync, from outside ----

awaitable<SyncOutcome> TaskLauncher::run() {
  co_await on_strand([this] { start_on_strand(); });
  bool const success = co_await wait_for_verdict();
  std::optional<Error> late;
  if (success) {
    try {
      co_await parts_.scope.close();
    } catch (...) {
      late = Error::from(std::current_exception());
    }
  }
  if (!success || late) unjoined_tasks_ = co_await parts_.scope.kill();
  co_return co_await on_strand([this, &late] {
    if (late) parts_.sync.add_error(std::move(*late));
    return parts_.sync.outcome();
  });
}

awaitable<bool> TaskLauncher::wait_for_verdict() {
  for (;;) {
    {
      std::lock_guard const lock(verdict_mutex_);
      if (verdict_) co_return *verdict_;
    }
    auto given = [this] { return verdict_.has_value(); };
    co_await verdict_waiters_.wait(verdict_mutex_, given);
  }
}

void TaskLauncher::request_stop(Error reason) {
  asio::post(strand_, [this, reason = std::move(reason)]() mutable { stop_on_strand(std::move(reason)); });
}

// ---- events: each hops to the control strand, where a plain function decides ----

awaitable<void> TaskLauncher::handle_setup_complete() {
  co_await on_strand([this] { setup_complete_on_strand(); });
}

awaitable<bool> TaskLauncher::handle_open_requested(StreamDescriptor stream) {
  co_return co_await on_strand([this, &stream] { return open_requested_on_strand(stream); });
}

awaitable<void> TaskLauncher::handle_stream_started(StreamDescriptor stream, std::shared_ptr<StreamLoader> loader) {
  bool needs_order = true;
  std::exception_ptr failure;
  try {
    needs_order = loader->needs_order();  // connector code: not on the strand
  } catch (...) {
    failure = std::current_exception();
  }
  co_await on_strand([&] {
    if (failure) fail_stream_on_strand(stream, Error::from(failure));  // and its loader, which was started, is closed
    stream_started_on_strand(stream, std::move(loader), needs_order);
  });
}

awaitable<void> TaskLauncher::handle_new_spilled_file(StreamDescriptor stream, SpilledFile file) {
  co_await on_strand([this, &stream, &file] { spilled_file_on_strand(stream, std::move(file)); });
}

awaitable<void> TaskLauncher::handle_batch_read_back(RecordBatch records, std::unique_ptr<SpilledRecords> spilled) {
  co_await on_strand([this, &records, &spilled] { batch_read_back_on_strand(std::move(records), std::move(spilled)); });
}

awaitable<void> TaskLauncher::handle_new_batch(BatchEnvelope envelope) {
  co_await on_strand([this, &envelope] { batch_on_strand(std::move(envelope)); });
}

awaitable<void> TaskLauncher::handle_persisted(StreamDescriptor stream, std::vector<Interval> records) {
  co_await on_strand([this, &stream, &records] {
    for (Interval const part : records) parts_.sync.stream_manager(stream).mark_persisted(part);
    parts_.checkpoint_queue.wake();
  });
}

awaitable<void> TaskLauncher::handle_records_rejected(StreamDescriptor stream, std::vector<RecordNumber> numbers) {
  co_await on_strand([this, &stream, &numbers] {
    parts_.sync.stream_manager(stream).reject_records(numbers);
    if (!numbers.empty()) release_complete_on_strand(stream, Interval{numbers.front(), numbers.back() + 1});
    parts_.checkpoint_queue.wake();
    stream_complete_on_strand(stream);
  });
}

awaitable<bool> TaskLauncher::handle_step_requested(StreamDescriptor stream) {
  co_return co_await on_strand([this, &stream] { return !work(stream).failure; });
}

awaitable<bool> TaskLauncher::handle_turn_requested(StreamDescriptor stream) {
  co_return co_await on_strand([this, &stream] { return would_be_next(work(stream)); });
}

awaitable<void> TaskLauncher::handle_batch_split(StreamDescriptor stream, std::size_t parts) {
  co_await on_strand([this, &stream, parts] {
    work(stream).in_flight += parts;
    work_ended_on_strand(stream);
  });
}

awaitable<void> TaskLauncher::handle_call_ended(CallReport call) {
  co_await on_strand([this, &call] { adapt_on_strand(governor_.call_ended(call)); });
}

awaitable<void> TaskLauncher::handle_batch_too_large(std::uint64_t bytes) {
  co_await on_strand([this, bytes] { adapt_on_strand(governor_.batch_too_large(bytes, clock_.now())); });
}

awaitable<void> TaskLauncher::handle_call_waits(StreamDescriptor stream, BatchId batch, Duration delay) {
  if (delay <= LoadGovernor::longest_wait_with_slot) co_return;
  co_await on_strand([this, &stream, batch] {
    bool& holds_slot = work(stream).calls.at(batch);
    LANDFALL_ASSERT(holds_slot);
    holds_slot = false;
    governor_.give_slot_back();
    start_calls_on_strand();
  });
}

awaitable<void> TaskLauncher::handle_call_resumes(StreamDescriptor stream, BatchId batch) {
  auto const turn = std::make_shared<Turn>(1);
  co_await on_strand([this, &stream, batch, &turn] {
    StreamWork& w = work(stream);
    if (w.calls.at(batch)) return turn->close();
    returning_.emplace_back(&w, batch, turn);
    start_calls_on_strand();
  });
  (void)co_await turn->pop();
}

awaitable<void> TaskLauncher::handle_stream_complete(StreamDescriptor stream) {
  co_await on_strand([this, &stream] { stream_complete_on_strand(stream); });
}

awaitable<void> TaskLauncher::handle_stream_closed(StreamDescriptor stream, StreamOutcome outcome) {
  co_await on_strand([this, &stream, &outcome] { stream_closed_on_strand(stream, std::move(outcome)); });
}

awaitable<void> TaskLauncher::handle_input_consumed() {
  co_await on_strand([this] {
    parts_.sync.mark_input_consumed();
    end_checkpoints_if_done_on_strand();
  });
}

awaitable<void> TaskLauncher::handle_checkpoints_processed() {
  co_await on_strand([this] {
    parts_.sync.mark_checkpoints_processed();
    start_ending_if_done_on_strand();
  });
}

awaitable<void> TaskLauncher::handle_fail_stream_complete(StreamDescriptor stream, std::optional<Error> close_error) {
  co_await on_strand([this, &stream, &close_error] { fail_stream_complete_on_strand(stream, std::move(close_error)); });
}

awaitable<void> TaskLauncher::handle_teardown_complete(bool success) {
  co_await on_strand([this, success] { verdict_on_strand(success); });
}

awaitable<void> TaskLauncher::handle_exception(FailureLevel level, std::optional<StreamDescriptor> stream,
                                               Error error) {
  co_await on_strand([this, level, &stream, &error] { exception_on_strand(level, stream, std::move(error)); });
}

awaitable<void> TaskLauncher::handle_open_failure(StreamDescriptor stream, Error error) {
  co_await on_strand([this, &stream, &error] {
    work(stream).opening = Opening::failed;
    note_call_on_strand(error, stream);
    fail_stream_on_strand(stream, std::move(error));
    start_fail_stream_if_idle_on_strand(stream);  // it may have failed before, while it was being opened
  });
}

awaitable<void> TaskLauncher::handle_batch_failure(BatchEnvelope envelope, Error error) {
  co_await on_strand([this, &envelope, &error] {
    note_call_on_strand(error, envelope.stream);
    fail_stream_on_strand(envelope.stream, std::move(error));
    work_ended_on_strand(envelope.stream);
  });
}

// ---- decisions, on the control strand ----

TaskLauncher::StreamWork& TaskLauncher::work(StreamDescriptor const& stream) {
  auto const found = work_.find(stream);
  if (found == work_.end()) throw system_error("stream {} is not in the catalog", to_string(stream));
  return *found->second;
}

void TaskLauncher::start_on_strand() {
  LANDFALL_ASSERT(!started_);
  started_ = true;
  take_recovered_on_strand();
  // The reader first: what it reads waits in memory, within its budget, until setup and open are done.
  if (stopping_ || recovering_ == 0) start_reading_on_strand();
  launch_on_strand(parts_.setup->make(*this), Role::setup);
  for (std::size_t worker = 0; worker < parts_.configuration.open_stream_workers; ++worker) {
    launch_on_strand(parts_.open_stream->make(*this));
  }
  for (auto const& stream : parts_.sync.catalog().streams()) {
    launch_on_strand(parts_.spill_to_disk->make(*this, stream->descriptor));
  }
  if (parts_.load_pipeline) {
    for (auto& task : parts_.load_pipeline->make_tasks(*this)) launch_on_strand(std::move(task));
  }
  if (parts_.heartbeat) launch_on_strand(parts_.heartbeat->make(*this));
  if (parts_.stats_emitter) launch_on_strand(parts_.stats_emitter->make(*this));
  launch_on_strand(parts_.update_checkpoints->make(*this), Role::checkpoints);
}

void TaskLauncher::take_recovered_on_strand() {
  for (auto& spilled : parts_.recovered) {
    StreamWork& w = work(spilled->batch().stream->descriptor);
    w.waiting.emplace_back(RecordBatch(), std::move(spilled));
    ++w.recovering;
    ++recovering_;
  }
  parts_.recovered.clear();
}

void TaskLauncher::start_reading_on_strand() {
  if (std::exchange(reading_started_, true)) return;
  if (!parts_.input_consumer) return parts_.sync.mark_input_consumed();
  input_ = launch_on_strand(parts_.input_consumer->make(*this), Role::input);
  if (stopping_) input_.cancel();
}

void TaskLauncher::start_reading_if_recovered_on_strand() {
  if (started_ && recovering_ == 0) start_reading_on_strand();
}

void TaskLauncher::setup_complete_on_strand() {
  if (parts_.sync.setup_complete()) return;
  parts_.sync.mark_setup_complete();
  for (auto const& stream : parts_.sync.catalog().streams()) parts_.open_stream_queue.push_now(stream, 1);
  parts_.open_stream_queue.close();
}

bool TaskLauncher::open_requested_on_strand(StreamDescriptor const& stream) {
  StreamWork& w = work(stream);
  if (w.failure || w.opening != Opening::waiting) return false;
  w.opening = Opening::opening;
  return true;
}

void TaskLauncher::stream_started_on_strand(StreamDescriptor const& stream, std::shared_ptr<StreamLoader> loader,
                                            bool needs_order) {
  StreamWork& w = work(stream);
  if (!parts_.sync.register_started_loader(stream, loader)) return;
  w.loader = std::move(loader);
  w.needs_order = needs_order;
  w.opening = Opening::open;
  if (w.failure) {
    start_fail_stream_if_idle_on_strand(stream);
    return;
  }
  read_back_on_strand(w);
  note_ready_on_strand(w);
  start_calls_on_strand();
  stream_complete_on_strand(stream);  // an empty stream may have ended before it was open
}

void TaskLauncher::spilled_file_on_strand(StreamDescriptor const& stream, SpilledFile file) {
  StreamWork& w = work(stream);
  StreamManager& manager = parts_.sync.stream_manager(stream);
  // First of all, and for a failed stream too: somebody must take what the reader goes on to read.
  if (!file.end) launch_on_strand(parts_.spill_to_disk->make(*this, stream));
  if (!file.records.empty()) manager.add_read(file.records.end_number(), file.records.bytes());
  if (file.end) manager.mark_end_of_stream(*file.end);
  SpilledRecords* const spilled = file.records.spilled();
  if (w.failure || manager.is_closed()) {
    if (spilled) spilled->release();
    return;  // the records are dropped, and are not acknowledged
  }
  if (file.end && file.end->failure) stream_broken_off_on_strand(stream, *file.end->failure);
  if (w.failure) {
    if (spilled) spilled->release();
    return;
  }
  if (spilled && spilled->keep() == SpillKeep::until_complete) {
    manager.keep_records(Interval{file.records.first_number(), file.records.end_number()});
    parts_.checkpoint_queue.wake();
  }
  if (!file.records.empty()) w.waiting.push_back(std::move(file.records));
  read_back_on_strand(w);
  note_ready_on_strand(w);
  start_calls_on_strand();
  stream_complete_on_strand(stream);
}

// Batches that were tried already go first, then streams take turns. A load pipeline has workers of its own: there is
// nothing to govern.
void TaskLauncher::start_calls_on_strand() {
  if (parts_.load_pipeline) {
    while (StreamWork* const w = next_ready_on_strand()) submit_waiting_on_strand(*w);
    return;
  }
  for (; !returning_.empty() && governor_.has_slot(); returning_.pop_front()) {
    Returning const& next = returning_.front();
    governor_.take_slot();
    next.stream->calls.at(next.batch) = true;
    note_ready_on_strand(*next.stream);
    next.turn->close();
  }
  if (!returning_.empty()) governor_.note_waiting();
  while (StreamWork* const w = next_ready_on_strand()) {
    if (!governor_.has_slot()) {
      w->is_ready = true;  // it stays the first
      ready_.push_front(w);
      return governor_.note_waiting();
    }
    start_call_on_strand(*w);
    note_ready_on_strand(*w);
  }
}

void TaskLauncher::submit_waiting_on_strand(StreamWork& w) {
  while (has_next(w)) {
    ++w.in_flight;
    parts_.load_pipeline->submit(StepInput(w.loader, take_next_on_strand(w)));
  }
}

// Its next batch can be loaded now. Of a failed stream nothing waits.
bool TaskLauncher::has_next(StreamWork const& w) {
  return w.opening == Opening::open && !w.reads_back && !w.waiting.empty() && !w.waiting.front().on_disk();
}

RecordBatch TaskLauncher::take_next_on_strand(StreamWork& w) {
  LANDFALL_ASSERT(has_next(w));
  RecordBatch records = w.waiting.front().take_records();
  w.waiting.pop_front();
  read_back_on_strand(w);
  return records;
}

// One batch of a stream at a time, while the one before it is being loaded.
void TaskLauncher::read_back_on_strand(StreamWork& w) {
  if (w.opening != Opening::open || w.reads_back || w.waiting.empty() || !w.waiting.front().on_disk()) return;
  w.reads_back = true;
  ++w.in_flight;
  auto task = parts_.read_back->make(*this, w.waiting.front().take_spilled());
  w.waiting.pop_front();
  w.cancellable.push_back(launch_on_strand(std::move(task), Role::stream_work));
}

void TaskLauncher::batch_read_back_on_strand(RecordBatch records, std::unique_ptr<SpilledRecords> spilled) {
  StreamWork& w = work(records.stream().descriptor);
  LANDFALL_ASSERT(w.reads_back);
  w.reads_back = false;
  if (w.failure) return;
  if (spilled->keep() == SpillKeep::until_complete) w.kept.emplace(records.first_number(), std::move(spilled));
  w.waiting.emplace_front(std::move(records));
  note_ready_on_strand(w);
  start_calls_on_strand();
}

// Batches become complete nearly in order: the first ones are looked at, and the one that the change is about.
void TaskLauncher::release_complete_on_strand(StreamDescriptor const& stream, Interval changed) {
  StreamWork& w = work(stream);
  if (w.kept.empty()) return;
  StreamManager const& manager = parts_.sync.stream_manager(stream);
  auto const behind = w.kept.upper_bound(changed.begin);
  if (behind != w.kept.begin()) release_if_complete_on_strand(w, manager, std::prev(behind)->first);
  while (!w.kept.empty() && release_if_complete_on_strand(w, manager, w.kept.begin()->first)) {
  }
  start_reading_if_recovered_on_strand();
}

void TaskLauncher::release_all_complete_on_strand(StreamWork& w, StreamManager const& manager) {
  for (auto place = w.kept.begin(); place != w.kept.end();) {
    RecordNumber const first = (place++)->first;
    release_if_complete_on_strand(w, manager, first);
  }
}

// `first`: of a kept batch, its first record.
bool TaskLauncher::release_if_complete_on_strand(StreamWork& w, StreamManager const& manager, RecordNumber first) {
  auto const place = w.kept.find(first);
  Interval const records{first, place->second->batch().end_number()};
  if (!manager.ledger().is_complete(records)) return false;
  place->second->release();
  w.kept.erase(place);
  if (first < manager.first_number() && w.recovering > 0) {  // of a failed stream nobody waits for it
    --w.recovering;
    --recovering_;
  }
  return true;
}

// One batch of a stream at a time, in order, unless its loader needs none; steps of earlier batches may run meanwhile.
bool TaskLauncher::may_start_call(StreamWork const& w) const {
  if (!has_next(w)) return false;
  if (w.calls.empty()) return true;
  // A stream that was told to wait long does not collect more batches that wait.
  bool const none_waits = std::all_of(w.calls.begin(), w.calls.end(), [](auto const& call) { return call.second; });
  return !w.needs_order && none_waits;
}

bool TaskLauncher::would_be_next(StreamWork const& w) const {
  if (w.opening != Opening::open || w.reads_back || !w.waiting.empty()) return false;
  if (parts_.load_pipeline) return true;
  return w.calls.empty() || !w.needs_order;
}

// Whenever something changed for the better. Streams take turns: whose last call began longest ago comes first.
void TaskLauncher::note_ready_on_strand(StreamWork& w) {
  if (w.is_ready || !may_start_call(w)) return;
  w.is_ready = true;
  auto const place = std::ranges::upper_bound(ready_, w.last_call_at, {}, &StreamWork::last_call_at);
  ready_.insert(place, &w);
}

// Leaves the line. Null when nobody stands there.
TaskLauncher::StreamWork* TaskLauncher::next_ready_on_strand() {
  while (!ready_.empty()) {
    StreamWork* const w = ready_.front();
    ready_.pop_front();
    w->is_ready = false;
    if (may_start_call(*w)) return w;  // it may have failed meanwhile
  }
  return nullptr;
}

void TaskLauncher::start_call_on_strand(StreamWork& w) {
  RecordBatch records = take_next_on_strand(w);
  BatchId const batch = records.id();
  governor_.take_slot();
  LANDFALL_ASSERT(!w.calls.contains(batch));
  w.calls.emplace(batch, true);
  w.last_call_at = clock_.now();
  ++w.in_flight;
  auto task = parts_.process_records->make(*this, std::move(records));
  w.cancellable.push_back(launch_on_strand(std::move(task), Role::stream_records, batch));
}

void TaskLauncher::call_task_ended_on_strand(StreamWork& w, BatchId batch) {
  auto const call = w.calls.find(batch);
  LANDFALL_ASSERT(call != w.calls.end());
  if (call->second) governor_.give_slot_back();
  w.calls.erase(call);
  note_ready_on_strand(w);
  std::erase_if(returning_, [&](Returning const& task) { return task.stream == &w && task.batch == batch; });
}

void TaskLauncher::adapt_on_strand(std::vector<LoadChange> const& changes) {
  for (LoadChange const& change : changes) {
    load_history_.add(change);
    if (change.knob == LoadKnob::batch_bytes && parts_.batch_bytes) parts_.batch_bytes->store(change.to);
    if (parts_.on_load_change) parts_.on_load_change(change);
  }
  if (!changes.empty()) start_calls_on_strand();
}

void TaskLauncher::batch_on_strand(BatchEnvelope envelope) {
  StreamWork& w = work(envelope.stream);
  StreamManager& manager = parts_.sync.stream_manager(envelope.stream);
  manager.update_batch_state(envelope);
  release_complete_on_strand(envelope.stream, envelope.records);
  if (envelope.batch.group()) w.group_members.drop_complete(*envelope.batch.group(), manager.ledger());
  BatchState const reported = envelope.batch.state();
  if (releases_checkpoints(reported)) parts_.checkpoint_queue.wake();
  if (w.failure) {
    if (envelope.route == BatchRoute::pipeline && reported == BatchState::complete)
      work_ended_on_strand(envelope.stream);
    return;  // a failed stream takes no further step, but what was persisted is
  }
  StreamDescriptor const stream = envelope.stream;
  bool const left_pipeline = envelope.route == BatchRoute::pipeline && reported == BatchState::complete;
  std::optional<BatchEnvelope> other;
  if (is_news_for_group(envelope)) other = w.group_members.next_after_news(*envelope.batch.group());
  bool const is_complete = manager.ledger().is_complete(envelope.records);
  switch (next_step(envelope, is_complete, manager.is_batch_processing_complete())) {
    case NextStep::wait:
      break;
    case NextStep::process_batch:
      process_batch_on_strand(w, std::move(envelope));
      break;
    case NextStep::ask_group:
      w.group_members.add(std::move(envelope));
      break;
    case NextStep::close_stream:
      stream_complete_on_strand(stream);
      break;
  }
  if (other) process_batch_on_strand(w, std::move(*other));
  if (left_pipeline) work_ended_on_strand(stream);
}

void TaskLauncher::process_batch_on_strand(StreamWork& w, BatchEnvelope envelope) {
  ++w.in_flight;
  auto task = parts_.process_batch->make(*this, std::move(envelope));
  w.cancellable.push_back(launch_on_strand(std::move(task), Role::stream_work));
}

// No other batch will come to their groups any more: what waits for one is asked, or will never be complete.
void TaskLauncher::ask_groups_at_end_on_strand(StreamDescriptor const& stream) {
  StreamWork& w = work(stream);
  StreamManager const& manager = parts_.sync.stream_manager(stream);
  bool const others_may_come = !manager.end_of_stream() || !w.waiting.empty() || w.in_flight > 0;
  if (w.group_members.empty() || others_may_come) return;
  std::vector<BatchEnvelope> next = w.group_members.next_at_end();
  if (next.empty()) fail_stream_on_strand(stream, w.group_members.unfinished());
  for (BatchEnvelope& member : next) process_batch_on_strand(w, std::move(member));
}

void TaskLauncher::stream_complete_on_strand(StreamDescriptor const& stream) {
  StreamWork& w = work(stream);
  StreamManager& manager = parts_.sync.stream_manager(stream);
  if (w.opening != Opening::open || w.failure) return;
  ask_groups_at_end_on_strand(stream);
  if (w.failure || !manager.is_batch_processing_complete()) return;
  if (w.in_flight > 0) return;  // when the last of it ends, this is looked at again
  if (!manager.set_closed()) return;
  ++w.in_flight;
  launch_on_strand(parts_.close_stream->make(*this, stream), Role::stream_work);
}

void TaskLauncher::stream_closed_on_strand(StreamDescriptor const& stream, StreamOutcome outcome) {
  StreamManager& manager = parts_.sync.stream_manager(stream);
  std::optional<Error> const error = outcome.error;
  if (!manager.mark_succeeded(std::move(outcome))) return;
  if (error) parts_.sync.add_error(*error);
  parts_.checkpoint_queue.wake();  // what was held back until the stream was closed well
  end_checkpoints_if_done_on_strand();
}

void TaskLauncher::exception_on_strand(FailureLevel level, std::optional<StreamDescriptor> const& stream, Error error) {
  parts_.has_thrown.store(true);
  switch (level) {
    case FailureLevel::stream:
      LANDFALL_ASSERT(stream.has_value());
      fail_stream_on_strand(*stream, std::move(error));
      return;
    case FailureLevel::input:
      parts_.sync.add_error(std::move(error));
      stop_reading_on_strand();
      return;
    case FailureLevel::sync:
      parts_.sync.add_error(error);
      fail_all_on_strand(error);
      return;
    case FailureLevel::verdict:
      parts_.sync.add_error(std::move(error));
      verdict_on_strand(false);
      return;
  }
}

void TaskLauncher::stop_on_strand(Error reason) {
  // Too late to stop anything: the sync ends in any case.
  if (stop_requested_ || verdict_ || !parts_.sync.is_active()) return;
  stop_requested_ = true;
  if (!ending_enqueued_) {
    Error const cause = reason;
    exception_on_strand(FailureLevel::input, std::nullopt, std::move(reason));
    if (parts_.configuration.on_stop == OnStop::cancel) {
      parts_.scope.hurry(parts_.configuration.stop_deadline);
      fail_all_on_strand(cause);
    }
  }
  parts_.scope.launch("wait for the stop deadline", TerminalCondition::on_end_of_sync, wait_for_stop_deadline());
}

awaitable<void> TaskLauncher::wait_for_stop_deadline() {
  co_await clock_.sleep_for(parts_.configuration.stop_deadline);
  co_await on_strand([this] { stop_deadline_on_strand(); });
}

void TaskLauncher::stop_deadline_on_strand() {
  if (verdict_) return;
  double const waited = std::chrono::duration<double>(parts_.configuration.stop_deadline).count();
  parts_.scope.hurry(parts_.configuration.stop_deadline);  // what runs ends now, what must still run has as long again
  Error const late = transient_error("the sync had not ended {:g} s after it was stopped", waited);
  parts_.sync.add_error(late);
  if (!ending_enqueued_) fail_all_on_strand(late);
}

// Also lets others know that nothing else may be asked of the connector.
void TaskLauncher::note_call_on_strand(Error const& error, std::optional<StreamDescriptor> const& stream) {
  if (!error.call_still_runs()) return;
  call_still_runs_ = true;
  if (stream) work(*stream).call_still_runs = true;
  // It may hold memory for good, that the reader would wait for. What was read is loaded and acknowledged.
  stop_reading_on_strand();
}

void TaskLauncher::stop_reading_on_strand() {
  if (std::exchange(stopping_, true)) return;
  if (started_) start_reading_on_strand();  // also where it had not begun: it tells the streams of their end
  input_.cancel();
  parts_.scope.launch("wait for the reader", TerminalCondition::on_end_of_sync, wait_for_reader());
}

awaitable<void> TaskLauncher::wait_for_reader() {
  co_await clock_.sleep_for(parts_.configuration.stop_deadline);
  co_await on_strand([this] {
    if (verdict_ || parts_.sync.input_consumed()) return;
    Error const deaf = system_error("the source does not react to its cancellation: reading goes on");
    parts_.sync.add_error(deaf);
    fail_all_on_strand(deaf);  // nobody tells the streams of their end any more
    parts_.sync.mark_input_consumed();
    end_checkpoints_if_done_on_strand();
  });
}

void TaskLauncher::fail_all_on_strand(Error const& error) {
  // With fail_fast each stream that fails comes here again.
  if (std::exchange(all_failed_, true)) return;
  stop_reading_on_strand();
  parts_.open_stream_queue.discard();
  for (auto const& stream : parts_.sync.catalog().streams()) fail_stream_on_strand(stream->descriptor, error);
}

void TaskLauncher::fail_stream_on_strand(StreamDescriptor const& stream, Error error) {
  StreamWork& w = work(stream);
  StreamManager& manager = parts_.sync.stream_manager(stream);
  parts_.has_thrown.store(true);
  parts_.sync.add_error(error);
  if (w.failure || !manager.is_active()) return;
  w.failure = std::move(error);
  if (!w.is_broken_off) ++failed_streams_;
  manager.mark_failing();
  w.owns_close = manager.set_closed();
  w.waiting.clear();
  w.group_members.clear();
  recovering_ -= std::exchange(w.recovering, 0);
  release_all_complete_on_strand(w, manager);
  for (TaskHandle const& task : w.cancellable) task.cancel();
  w.cancellable.clear();
  start_fail_stream_if_idle_on_strand(stream);
  start_reading_if_recovered_on_strand();
  if (parts_.configuration.on_stream_failure == OnStreamFailure::fail_fast) return fail_all_on_strand(*w.failure);
  if (failed_streams_ == work_.size()) stop_reading_on_strand();  // nobody could load what would be read
}

// One of its records cannot be loaded, and nothing behind it is: what stands before it is loaded, acknowledged, and
// closed as incomplete.
void TaskLauncher::stream_broken_off_on_strand(StreamDescriptor const& stream, Error error) {
  if (parts_.configuration.on_stream_failure == OnStreamFailure::fail_fast) {
    return fail_stream_on_strand(stream, std::move(error));
  }
  parts_.has_thrown.store(true);
  parts_.sync.add_error(std::move(error));
  parts_.checkpoint_queue.wake();  // STATEs that are lost by it hold memory
  work(stream).is_broken_off = true;
  if (++failed_streams_ == work_.size()) stop_reading_on_strand();  // nobody would load what would be read
}

void TaskLauncher::start_fail_stream_if_idle_on_strand(StreamDescriptor const& stream) {
  StreamWork& w = work(stream);
  if (!w.failure || w.fail_task_started) return;
  StreamManager& manager = parts_.sync.stream_manager(stream);
  if (w.in_flight == 0) {
    manager.settle_failure();
    parts_.checkpoint_queue.wake();  // STATEs that will never be answered give their memory back
  }
  if (!may_fail_now(w.opening, w.in_flight)) return;
  if (!manager.is_active()) return;  // its close was running, and went well
  w.fail_task_started = true;
  bool const run_loader_close = w.owns_close && w.loader != nullptr && !w.call_still_runs;
  launch_on_strand(parts_.fail_stream->make(*this, stream, *w.failure, run_loader_close));
}

void TaskLauncher::fail_stream_complete_on_strand(StreamDescriptor const& stream, std::optional<Error> close_error) {
  StreamWork& w = work(stream);
  if (close_error) note_call_on_strand(*close_error, stream);
  if (close_error) parts_.sync.add_error(std::move(*close_error));
  if (!w.failure) return;
  if (!parts_.sync.stream_manager(stream).mark_failed(*w.failure)) return;
  end_checkpoints_if_done_on_strand();
}

void TaskLauncher::work_ended_on_strand(StreamDescriptor const& stream) {
  StreamWork& w = work(stream);
  LANDFALL_ASSERT(w.in_flight > 0);
  --w.in_flight;
  std::erase_if(w.cancellable, [](TaskHandle const& task) { return task.ended(); });
  start_fail_stream_if_idle_on_strand(stream);
  stream_complete_on_strand(stream);
}

void TaskLauncher::end_checkpoints_if_done_on_strand() {
  SyncManager& sync = parts_.sync;
  if (checkpoints_ended_ || !sync.input_consumed() || !sync.all_streams_ended()) return;
  checkpoints_ended_ = true;
  parts_.checkpoint_queue.close();  // its task prints what is safe by now, then reports handle_checkpoints_processed
  start_ending_if_done_on_strand();
}

void TaskLauncher::start_ending_if_done_on_strand() {
  SyncManager& sync = parts_.sync;
  if (ending_enqueued_ || !setup_ended_ || !checkpoints_ended_ || !sync.checkpoints_processed()) return;
  ending_enqueued_ = true;
  switch (choose_ending(sync.error().has_value(), call_still_runs_)) {
    case Ending::none:
      verdict_on_strand(false);
      return;
    case Ending::teardown:
      launch_on_strand(parts_.teardown->make(*this));
      return;
    case Ending::fail_sync:
      launch_on_strand(parts_.fail_sync->make(*this));
      return;
  }
}

void TaskLauncher::verdict_on_strand(bool success) {
  std::lock_guard const lock(verdict_mutex_);
  if (verdict_) return;
  verdict_ = success;
  if (parts_.sync.all_streams_ended()) parts_.sync.mark_destination_ended();
  verdict_waiters_.wake_all();
}

// ---- tasks ----

TaskHandle TaskLauncher::launch_on_strand(std::unique_ptr<Task> task, Role role, BatchId batch) {
  std::string name = task->name();
  TerminalCondition const condition = task->terminal_condition();
  return parts_.scope.launch(std::move(name), condition, run_task(std::move(task), role, batch));
}

awaitable<void> TaskLauncher::run_task(std::unique_ptr<Task> task, Role role, BatchId batch) {
  std::exception_ptr failure;
  try {
    co_await task->execute();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await asio::this_coro::throw_if_cancelled(false);  // a cancelled task still reports
  co_await on_strand([&] { task_ended_on_strand(*task, role, batch, failure); });
}

void TaskLauncher::task_ended_on_strand(Task const& task, Role role, BatchId batch, std::exception_ptr failure) {
  std::optional<StreamDescriptor> const stream = task.stream();
  if (role == Role::input) {
    parts_.sync.mark_input_consumed();
  } else if (role == Role::setup) {
    setup_ended_ = true;
  } else if (role == Role::checkpoints && failure) {
    parts_.sync.mark_checkpoints_processed();
  } else if (role == Role::stream_records) {
    call_task_ended_on_strand(work(*stream), batch);
  }
  // Only what was really cancelled is excused: connector code may know operation_aborted from operations of its own.
  bool const cancelled_by_us = failure && is_cancellation(failure) &&
                               (verdict_ || (role == Role::input && stopping_) || (stream && work(*stream).failure));
  if (failure && !cancelled_by_us) {
    Error error = Error::from(failure);
    error.add_context(task.name());
    if (role != Role::checkpoints) note_call_on_strand(error, stream);
    exception_on_strand(task.failure_level(), stream, std::move(error));
  }
  if (role == Role::stream_work || role == Role::stream_records) work_ended_on_strand(*stream);
  if (role == Role::stream_records) start_calls_on_strand();
  end_checkpoints_if_done_on_strand();
  start_ending_if_done_on_strand();
}

}  // namespace landfall
