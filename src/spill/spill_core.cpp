#include "spill/spill_core.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>

#include <landfall/runtime/assert.hpp>

#include "spill/batch_reader.hpp"
#include "spill/catalog_fingerprint.hpp"
#include "spill/spill_check.hpp"

namespace landfall {

namespace {

constexpr std::uint64_t most_group_bytes = 16 << 20;  // at least one frame; what one leader writes at a time

/// With a quota, files small enough that a few complete batches make room.
std::uint64_t segment_bytes_for(SpillSettings const& settings) {
  constexpr std::uint64_t files_in_quota = 8;
  if (settings.max_disk_bytes == 0) return settings.segment_bytes;
  return std::min(settings.segment_bytes, settings.max_disk_bytes / files_in_quota);
}

std::size_t index_of(DestinationCatalog const& catalog, StreamDescriptor const& descriptor) {
  auto const& streams = catalog.streams();
  auto const found = std::find_if(streams.begin(), streams.end(),
                                  [&](auto const& stream) { return stream->descriptor == descriptor; });
  LANDFALL_ASSERT(found != streams.end());
  return static_cast<std::size_t>(found - streams.begin());
}

/// They never go back.
void advance(std::vector<RecordNumber>& positions, NumberPairs const& acknowledged) {
  for (auto const& [stream, position] : acknowledged) {
    auto& of_stream = positions[static_cast<std::size_t>(stream)];
    of_stream = std::max(of_stream, position);
  }
}

bool is_disk_full(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (DiskFullError const&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

SpillStore::Core::Core(SpillSettings settings, std::shared_ptr<SpillStorage> storage, Clock& clock,
                       DestinationCatalog catalog)
    : settings_(std::move(settings)),
      storage_(std::move(storage)),
      clock_(clock),
      catalog_(std::move(catalog)),
      segment_bytes_(segment_bytes_for(settings_)),
      catalog_fingerprint_(fingerprint_of(catalog_)),
      positions_(catalog_.streams().size(), 0) {
  LANDFALL_ASSERT(storage_ != nullptr);
}

// ---- open ----

awaitable<void> SpillStore::Core::open() {
  LANDFALL_ASSERT(pool_ == nullptr);
  settings_.check();
  auto const executor = co_await asio::this_coro::executor;
  pool_ = &asio::use_service<BlockingPool>(asio::query(executor, asio::execution::context));
  auto call = [this] { blocking_open(); };
  co_await run_blocking_on(*pool_, call);
  recovered_.positions = positions_;
  recovered_.next_batch_id = next_batch_id_;
  for (auto const& [place, batch] : live_) recovered_.batches.push_back(batch);
}

void SpillStore::Core::blocking_open() {
  if (settings_.directory.empty()) return;  // others use it, too: not before a batch needs it
  if (settings_.policy != SpillPolicy::never) {
    storage_->blocking_check_writable();
    blocking_remove_leftovers(*storage_, Leftovers::all);
  }
  if (!settings_.resume) return blocking_check_nothing_to_resume();
  try {
    blocking_resume();
  } catch (...) {
    log_.reset();
    acknowledged_.reset();
    folder_.reset();  // what lies there was not understood: close() must not touch it
    throw;
  }
}

void SpillStore::Core::blocking_check_nothing_to_resume() {
  auto folder = blocking_find_without_acknowledged_batches(*storage_, settings_, recovered_.discarded);
  if (folder) folder->blocking_remove();
}

void SpillStore::Core::blocking_resume() {
  folder_.emplace(SpillFolder::blocking_take_for_resume(*storage_));
  auto found = blocking_recover(*storage_, *folder_, on_damage(settings_));
  std::uint64_t const last_number = found ? found->last_number : 0;
  // Also where some were found: of segments that lost what nobody acknowledged, ids are not told, and the destination
  // may have their batches.
  auto const time_of_day = clock_.wall_now().time_since_epoch();
  auto const microseconds = std::chrono::duration_cast<std::chrono::microseconds>(time_of_day).count();
  next_batch_id_ = std::max(BatchId::first_over_processes, static_cast<std::uint64_t>(microseconds));
  if (found) adopt(std::move(*found));
  auto const content = folder_->blocking_content();
  for (auto const& name : content.unnamed)
    storage_->blocking_remove(folder_->name(), name);  // a new one may be called so
  log_.emplace(*storage_, folder_->name(), SegmentLog::Durability::recoverable, last_number + 1);
  acknowledged_.emplace(*storage_, folder_->name());
  // A segment without the file beside it is a damaged one, also when we end here.
  if (content.has_mark) {
    storage_->blocking_sync_folder(folder_->name());  // its maker may have died before it could
  } else {
    acknowledged_->blocking_write(AcknowledgedMark());
  }
  // From here on the disk says that the batches are cut where the numbers go on.
  blocking_turn_over();
  blocking_mark_segment();
  for (auto const number : content.segments) {
    if (!segments_.contains(number)) storage_->blocking_remove(folder_->name(), segment_name(number));
  }
}

void SpillStore::Core::adopt(FoundSpill found) {
  next_batch_id_ = std::max(next_batch_id_, found.state.next_batch_id);
  recovered_.discarded = std::move(found.discarded);
  if (found.state.catalog_fingerprint != catalog_fingerprint_) {
    if (!recovered_.discarded.empty()) give_up_refreshed(found.state, catalog_, recovered_.discarded);
    if (found.state.batches.empty()) return;  // nothing of it is needed any more
    throw config_error(
        "spill: {} holds {}, which another catalog or generation was loading, and which the source does not send "
        "again: "
        "run that catalog once more with resume, so that they are loaded; or, to give them up, remove the folder and "
        "refresh these streams",
        storage_->path_of(folder_->name()), describe_batches(found.state));
  }
  LANDFALL_ASSERT(found.state.streams.size() == positions_.size());
  for (std::size_t i = 0; i < positions_.size(); ++i) positions_[i] = found.state.streams[i].position;
  for (auto& [batch, nonce] : found.state.batches) {
    batch.stream = catalog_.streams()[batch.stream_index];
    Segment& segment = segments_[batch.place.segment];
    segment.header = SegmentHeader(batch.place.segment, nonce);
    ++segment.live_count;
    ++segment.batch_count;
    live_.emplace(batch.place, batch);
  }
  for (auto& [number, segment] : segments_) {
    auto const file = storage_->blocking_open(folder_->name(), segment_name(number));
    LANDFALL_ASSERT(file != nullptr);  // it was looked at, and the folder is locked
    set_segment_bytes_on_lock(segment, file->blocking_size());
  }
}

// ---- write, acknowledge ----

awaitable<SpilledBatch> SpillStore::Core::write(RecordBatch batch, WhenFull when_full) {
  LANDFALL_ASSERT(pool_ != nullptr);
  auto const entry = std::make_shared<Entry>();
  entry->records = std::move(batch);
  auto const index = index_of(catalog_, entry->records.stream().descriptor);
  entry->frame = batch_frame(entry->records, index);
  entry->batch.stream = catalog_.streams()[index];
  entry->batch.stream_index = index;
  entry->batch.id = entry->records.id();
  entry->batch.first_number = entry->records.first_number();
  entry->batch.record_count = entry->records.size();
  entry->batch.frame_records = entry->records.size();
  entry->batch.bytes = entry->records.bytes();
  co_await commit(entry, when_full == WhenFull::wait ? full_deadline_from_now() : clock_.now());
  co_return entry->batch;
}

awaitable<void> SpillStore::Core::acknowledge(std::vector<SpillAcknowledgement> acknowledgements) {
  LANDFALL_ASSERT(pool_ != nullptr);
  LANDFALL_ASSERT(settings_.resume);
  auto const entry = std::make_shared<Entry>();
  for (auto const& acknowledgement : acknowledgements) {
    LANDFALL_ASSERT(acknowledgement.stream_index < positions_.size());
    entry->acknowledged.emplace_back(acknowledgement.stream_index, acknowledgement.position);
  }
  entry->frame = control_frame(FrameKind::acknowledged, encode(entry->acknowledged));
  co_await commit(entry, full_deadline_from_now());
}

TimePoint SpillStore::Core::full_deadline_from_now() const {
  TimePoint const now = clock_.now();
  return settings_.full_deadline > TimePoint::max() - now ? TimePoint::max() : now + settings_.full_deadline;
}

awaitable<void> SpillStore::Core::commit(EntryPtr entry, TimePoint deadline) {
  try {
    co_await commit_in_time(entry, deadline);
  } catch (...) {
    abandon(entry);
    throw;
  }
  std::lock_guard const lock(mutex_);
  want_room_on_lock(*entry, false);
}

awaitable<void> SpillStore::Core::commit_in_time(EntryPtr entry, TimePoint deadline) {
  for (;;) {
    co_await enqueue(entry, deadline);
    co_await await_outcome(entry);
    if (entry->step == Step::written) co_return;
    if (entry->step == Step::failed) std::rethrow_exception(entry->failure);
    LANDFALL_ASSERT(entry->step == Step::disk_full);
    bool const made_some = co_await make_room(entry);
    if (made_some) continue;
    if (clock_.now() >= deadline) throw full_error(*entry, "none was made in time");
    co_await await_room(entry, std::min(deadline, clock_.now() + settings_.full_retry_pause));
  }
}

awaitable<void> SpillStore::Core::enqueue(EntryPtr entry, TimePoint deadline) {
  for (;;) {
    {
      std::lock_guard const lock(mutex_);
      entry->step = Step::waiting;
      entry->room_seen = room_made_;
      if (has_room_on_lock(*entry)) {
        entry->step = Step::queued;
        reserved_bytes_ += entry->quota_bytes();
        queue_.push_back(entry);
        co_return;
      }
      if (entry->quota_bytes() + segment_header_bytes > settings_.max_disk_bytes) {
        throw config_error(
            "spill: a batch of {} bytes is larger than max_disk_bytes ({}): raise that, or make batches smaller",
            entry->quota_bytes(), settings_.max_disk_bytes);
      }
    }
    bool const made_some = co_await make_room(entry);
    if (made_some) continue;
    if (clock_.now() >= deadline) throw full_error(*entry, "none was made in time");
    co_await await_room(entry, deadline);
  }
}

// Removes what can be, also where that costs a new segment. False when there is nothing, or somebody else is at it.
awaitable<bool> SpillStore::Core::make_room(EntryPtr entry) {
  {
    std::lock_guard const lock(mutex_);
    want_room_on_lock(*entry, true);
    if (worker_busy_ || !has_work_on_lock()) co_return false;
  }
  co_await lead();
  co_return true;
}

// Returns when room has come, or at `until`: then it may be tried again.
awaitable<void> SpillStore::Core::await_room(EntryPtr entry, TimePoint until) {
  auto const executor = co_await asio::this_coro::executor;
  auto const rung = std::make_shared<bool>(false);
  auto const alarm = clock_.call_at(executor, until, [core = shared_from_this(), rung] {
    std::lock_guard const lock(core->mutex_);
    *rung = true;
    core->waiters_.wake_all();
  });
  for (;;) {
    bool leads = false;
    {
      std::lock_guard const lock(mutex_);
      want_room_on_lock(*entry, true);
      if (*rung || room_came_on_lock(*entry)) co_return;
      leads = !worker_busy_ && has_work_on_lock();
      if (!leads && !release_can_come_on_lock()) throw full_error(*entry, "nothing is left that could be released");
    }
    if (leads) {
      co_await lead();
      continue;
    }
    auto const changed = [&] {
      return *rung || room_came_on_lock(*entry) || !release_can_come_on_lock() || (!worker_busy_ && has_work_on_lock());
    };
    co_await waiters_.wait(mutex_, changed);
  }
}

awaitable<void> SpillStore::Core::await_outcome(EntryPtr entry) {
  for (;;) {
    bool leads = false;
    {
      std::lock_guard const lock(mutex_);
      if (entry->has_ended()) co_return;
      leads = !worker_busy_;
    }
    if (leads) {
      co_await lead();
      continue;
    }
    auto const changed = [&] { return entry->has_ended() || !worker_busy_; };
    co_await waiters_.wait(mutex_, changed);
  }
}

// The role is taken and given up in here: a caller that is cancelled meets that at its co_await, before it has it.
awaitable<void> SpillStore::Core::lead() {
  Group group;
  {
    std::lock_guard const lock(mutex_);
    if (worker_busy_) co_return;
    group = take_group_on_lock();
    worker_busy_ = true;
  }
  bool begun = false;
  std::exception_ptr failure;
  auto call = [&] {
    begun = true;
    work(group);
  };
  try {
    co_await run_blocking_on(*pool_, call);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!begun) give_back(group);  // there was no thread or memory for it: somebody else may try
  if (failure) std::rethrow_exception(failure);
}

void SpillStore::Core::give_back(Group const& group) {
  std::lock_guard const lock(mutex_);
  for (auto entry = group.rbegin(); entry != group.rend(); ++entry) {
    if ((*entry)->abandoned) {
      unreserve_on_lock(**entry);
      continue;
    }
    (*entry)->step = Step::queued;
    queue_.push_front(*entry);
  }
  worker_busy_ = false;
  waiters_.wake_all();
}

// Its writer unwinds: nobody will release the batch.
void SpillStore::Core::abandon(EntryPtr const& entry) {
  bool leads = false;
  {
    std::lock_guard const lock(mutex_);
    want_room_on_lock(*entry, false);
    switch (entry->step) {
      case Step::queued:
        std::erase(queue_, entry);
        unreserve_on_lock(*entry);
        waiters_.wake_all();
        break;
      case Step::taken:
        entry->abandoned = true;
        break;
      case Step::written:
        if (entry->is_batch()) release_on_lock(entry->batch);
        leads = take_role_for_work_on_lock();
        break;
      case Step::waiting:
      case Step::disk_full:
      case Step::failed:
        break;
    }
  }
  if (leads) submit_work();
}

SpillStore::Core::Group SpillStore::Core::take_group_on_lock() {
  Group group;
  std::uint64_t bytes = 0;
  while (!queue_.empty() && (group.empty() || bytes + queue_.front()->frame.bytes() <= most_group_bytes)) {
    bytes += queue_.front()->frame.bytes();
    queue_.front()->step = Step::taken;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

// ---- read, release ----

awaitable<RecordBatch> SpillStore::Core::read(SpilledBatch batch, Reservation memory) {
  LANDFALL_ASSERT(pool_ != nullptr);
  SegmentHeader segment;
  {
    std::lock_guard const lock(mutex_);
    LANDFALL_ASSERT(live_.contains(batch.place));
    segment = segments_.at(batch.place.segment).header;
  }
  auto call = [&] {
    return blocking_read_batch(*storage_, folder_->name(), segment, batch, std::move(memory), settings_.resume);
  };
  co_return co_await run_blocking_on(*pool_, call);
}

void SpillStore::Core::release(SpilledBatch const& batch) {
  bool leads = false;
  {
    std::lock_guard const lock(mutex_);
    release_on_lock(batch);
    leads = take_role_for_work_on_lock();
    if (room_wanted_count_ > 0) waiters_.wake_all();
  }
  if (leads) submit_work();
}

bool SpillStore::Core::take_role_for_work_on_lock() {
  if (worker_busy_ || !has_work_on_lock()) return false;
  worker_busy_ = true;
  return true;
}

// close() waits until the role is free again.
void SpillStore::Core::submit_work() {
  try {
    pool_->submit([core = shared_from_this()] { core->work(Group()); });
  } catch (...) {  // no memory for it: the next one who writes or releases does the work
    std::lock_guard const lock(mutex_);
    worker_busy_ = false;
    waiters_.wake_all();
  }
}

void SpillStore::Core::release_on_lock(SpilledBatch const& batch) {
  LANDFALL_ASSERT(live_.contains(batch.place));  // once for each batch
  live_.erase(batch.place);
  Segment& segment = segments_.at(batch.place.segment);
  LANDFALL_ASSERT(segment.live_count > 0);
  --segment.live_count;
  if (!settings_.resume) return;
  ++segment.unmarked_count;
  released_.push_back(batch.place);
}

std::uint64_t SpillStore::Core::acknowledged_records() const {
  std::lock_guard const lock(mutex_);
  return acknowledged_records_on_lock();
}

std::uint64_t SpillStore::Core::disk_bytes() const {
  std::lock_guard const lock(mutex_);
  return disk_bytes_;
}

// ---- decisions ----

// While somebody waits for room it is made also where that costs a new segment.
void SpillStore::Core::want_room_on_lock(Entry& entry, bool wanted) {
  if (std::exchange(entry.wants_room, wanted) == wanted) return;
  if (wanted) {
    ++room_wanted_count_;
  } else {
    --room_wanted_count_;
  }
}

// Small frames are let through: without acknowledgements and releases no room would ever be made.
bool SpillStore::Core::has_room_on_lock(Entry const& entry) const {
  if (settings_.max_disk_bytes == 0 || !entry.is_batch()) return true;
  return disk_bytes_ + reserved_bytes_ + entry.quota_bytes() + segment_header_bytes <= settings_.max_disk_bytes;
}

// What the disk itself has is only known by trying: after a file was removed.
bool SpillStore::Core::room_came_on_lock(Entry const& entry) const {
  return entry.step == Step::disk_full ? room_made_ != entry.room_seen : has_room_on_lock(entry);
}

bool SpillStore::Core::release_can_come_on_lock() const {
  return worker_busy_ || reserved_bytes_ > 0 || !live_.empty() || has_work_on_lock();
}

bool SpillStore::Core::has_work_on_lock() const {
  if (!tidying_failed_ && can_empty_segment_in_use_on_lock()) return true;
  if (needs_marks_on_lock()) return true;
  return std::any_of(segments_.begin(), segments_.end(),
                     [this](auto const& element) { return is_removable_on_lock(element.first, element.second); });
}

// With resume the newest one stays: it tells what is true.
bool SpillStore::Core::is_removable_on_lock(std::uint64_t number, Segment const& segment) const {
  bool const is_in_use = number == (settings_.resume ? segments_.rbegin()->first : segment_in_use_);
  return !is_in_use && segment.live_count == 0 && segment.unmarked_count == 0 && !segment.removal_failed;
}

// The next frame, or the next segment, says for nothing what was released. A sync for that alone is made for files, and
// when nothing is left: there may be no next frame for long, and a restart would load all of it again.
bool SpillStore::Core::needs_marks_on_lock() const {
  constexpr std::ptrdiff_t most_waiting_files = 3;
  if (tidying_failed_ || released_.empty()) return false;
  if (live_.empty()) return true;
  auto const waiting_files = std::count_if(segments_.begin(), segments_.end(), [this](auto const& element) {
    auto const& [number, segment] = element;
    return number != segments_.rbegin()->first && segment.live_count == 0 && segment.unmarked_count > 0;
  });
  return waiting_files > (room_wanted_count_ > 0 ? 0 : most_waiting_files);
}

bool SpillStore::Core::can_empty_segment_in_use_on_lock() const {
  if (room_wanted_count_ == 0 || segment_in_use_ == 0) return false;
  Segment const& segment = segments_.at(segment_in_use_);
  return segment.live_count == 0 && segment.batch_count > 0;
}

std::uint64_t SpillStore::Core::acknowledged_records_on_lock() const {
  if (!settings_.resume) return 0;
  std::uint64_t count = 0;
  for (auto const& [place, batch] : live_) {
    auto const position = positions_[batch.stream_index];
    if (batch.first_number < position) count += std::min(batch.end_number(), position) - batch.first_number;
  }
  return count;
}

Error SpillStore::Core::full_error(Entry const& entry, std::string_view why) const {
  auto const limit = settings_.max_disk_bytes == 0 ? std::string("the disk is full")
                                                   : fmt::format("max_disk_bytes is {}", settings_.max_disk_bytes);
  return transient_error(
      "spill: there is no room in {} for {} bytes, and {} ({}): make room on the disk, raise max_disk_bytes, or name "
      "another directory",
      storage_->path_of({}), entry.frame.bytes(), why, limit);
}

// ---- the worker ----

void SpillStore::Core::work(Group const& group) noexcept {
  if (!group.empty()) write_group(group);
  for (;;) {
    {
      std::lock_guard const lock(mutex_);
      if (!has_work_on_lock()) {
        worker_busy_ = false;
        waiters_.wake_all();
        return;
      }
    }
    try {
      blocking_tidy();
    } catch (...) {
      std::lock_guard const lock(mutex_);
      tidying_failed_ = true;
      if (!first_failure_) first_failure_ = std::current_exception();
    }
  }
}

void SpillStore::Core::write_group(Group const& group) noexcept {
  {
    std::lock_guard const lock(mutex_);
    tidying_failed_ = false;
  }
  auto failure = try_append(group);
  if (!failure) return;
  if (!is_disk_full(failure)) return settle(group, Step::failed, failure);
  // Where a batch was cut off again a small frame may fit.
  Group batches;
  Group others;
  for (auto const& entry : group) (entry->is_batch() ? batches : others).push_back(entry);
  settle(batches, Step::disk_full, failure);
  failure = try_append(others);
  if (failure) settle(others, is_disk_full(failure) ? Step::disk_full : Step::failed, failure);
}

std::exception_ptr SpillStore::Core::try_append(Group const& group) noexcept {
  try {
    blocking_append(group);
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

// With resume, what was released goes with it.
void SpillStore::Core::blocking_append(Group const& group) {
  std::uint64_t batch_bytes = 0;
  for (auto const& entry : group) batch_bytes += entry->quota_bytes();
  if (!log_) blocking_begin_log();
  bool const is_too_large = log_->has_frames() && log_->end() + batch_bytes > segment_bytes_;
  if (!log_->is_open() || (batch_bytes > 0 && is_too_large)) blocking_turn_over();
  blocking_mark_segment();

  std::vector<SpillPlace> released;
  {
    std::lock_guard const lock(mutex_);
    released = released_;
  }
  Frame marks;
  std::vector<Frame*> frames;
  if (!released.empty()) {
    NumberPairs places;
    for (auto const& place : released) places.emplace_back(place.segment, place.offset);
    marks = control_frame(FrameKind::released, encode(places));
    frames.push_back(&marks);
  }
  for (auto const& entry : group) frames.push_back(&entry->frame);
  if (frames.empty()) return;
  try {
    log_->blocking_append(frames);
  } catch (...) {
    std::lock_guard const lock(mutex_);
    look_at_segment_in_use_on_lock();
    throw;
  }
  {
    std::lock_guard const lock(mutex_);
    set_segment_bytes_on_lock(segments_.at(segment_in_use_), log_->end());
    forget_released_on_lock(released.size());
    for (auto const& entry : group) {
      if (entry->is_batch()) record_written_on_lock(*entry);
    }
    waiters_.wake_all();
  }
  blocking_acknowledge(group);
}

// The frames are durable. Nobody is told before the mark is, too.
void SpillStore::Core::blocking_acknowledge(Group const& group) {
  bool const acknowledges = std::ranges::any_of(group, [](auto const& entry) { return !entry->is_batch(); });
  if (!acknowledges) return;
  AcknowledgedMark mark;
  {
    std::lock_guard const lock(mutex_);
    auto positions = positions_;
    for (auto const& entry : group) advance(positions, entry->acknowledged);
    mark = mark_on_lock(positions);
  }
  blocking_mark(std::move(mark));
  std::lock_guard const lock(mutex_);
  for (auto const& entry : group) {
    if (!entry->is_batch()) record_written_on_lock(*entry);
  }
  waiters_.wake_all();
}

void SpillStore::Core::blocking_mark(AcknowledgedMark mark) {
  mark.segment = log_->segment().number;
  mark.nonce = log_->segment().nonce;
  mark.end = log_->end();
  mark.last_frame = log_->last_frame();
  mark.last_frame_checksum = log_->last_frame_checksum();
  acknowledged_->blocking_write(mark);
}

void SpillStore::Core::record_written_on_lock(Entry& entry) {
  if (entry.is_batch()) {
    Segment& segment = segments_.at(segment_in_use_);
    entry.batch.place = SpillPlace(segment_in_use_, entry.frame.header.offset);
    ++segment.live_count;
    ++segment.batch_count;
    live_.emplace(entry.batch.place, entry.batch);
    next_batch_id_ = std::max(next_batch_id_, entry.batch.id.value + 1);
  }
  advance(positions_, entry.acknowledged);
  reserved_bytes_ -= entry.quota_bytes();
  entry.step = Step::written;
  if (entry.abandoned && entry.is_batch()) release_on_lock(entry.batch);
}

void SpillStore::Core::settle(Group const& group, Step step, std::exception_ptr const& failure) {
  std::lock_guard const lock(mutex_);
  for (auto const& entry : group) {
    if (entry->step == Step::written) continue;  // only the mark failed
    unreserve_on_lock(*entry);
    entry->failure = failure;
    entry->step = step;
  }
  waiters_.wake_all();
}

void SpillStore::Core::unreserve_on_lock(Entry const& entry) {
  LANDFALL_ASSERT(entry.quota_bytes() <= reserved_bytes_);
  reserved_bytes_ -= entry.quota_bytes();
}

void SpillStore::Core::set_segment_bytes_on_lock(Segment& segment, std::uint64_t bytes) {
  disk_bytes_ = disk_bytes_ - segment.bytes + bytes;
  segment.bytes = bytes;
}

void SpillStore::Core::look_at_segment_in_use_on_lock() {
  segment_in_use_ = log_->is_open() ? log_->segment().number : 0;
}

// The first `count` of them: the disk says so now.
void SpillStore::Core::forget_released_on_lock(std::size_t count) {
  auto const end = released_.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto place = released_.begin(); place != end; ++place) --segments_.at(place->segment).unmarked_count;
  released_.erase(released_.begin(), end);
}

void SpillStore::Core::blocking_begin_log() {
  LANDFALL_ASSERT(!settings_.resume);  // there it is made when the store is opened
  if (!folder_) {
    auto const others = settings_.directory.empty() ? Leftovers::marked : Leftovers::all;
    if (others == Leftovers::marked) blocking_remove_leftovers(*storage_, others);
    folder_.emplace(SpillFolder::blocking_make(*storage_, random_, others));
    if (settings_.sync == SpillSync::group) storage_->blocking_sync_folder({});
  }
  auto const durability =
      settings_.sync == SpillSync::group ? SegmentLog::Durability::frames : SegmentLog::Durability::none;
  log_.emplace(*storage_, folder_->name(), durability, 1);
}

void SpillStore::Core::blocking_turn_over() {
  Frame snapshot;
  std::vector<Frame*> frames;
  std::size_t released_count = 0;
  if (settings_.resume) {
    std::lock_guard const lock(mutex_);
    released_count = released_.size();
    snapshot = control_frame(FrameKind::snapshot, encode(snapshot_on_lock()));
    frames.push_back(&snapshot);
  }
  try {
    log_->blocking_turn_over(frames);
  } catch (...) {
    std::lock_guard const lock(mutex_);
    look_at_segment_in_use_on_lock();
    throw;
  }
  std::lock_guard const lock(mutex_);
  look_at_segment_in_use_on_lock();
  Segment& segment = segments_[segment_in_use_];
  segment.header = log_->segment();
  set_segment_bytes_on_lock(segment, log_->end());
  forget_released_on_lock(released_count);  // the snapshot does not list them
}

// Before anything is appended: else a loss of the whole segment would not be noticed.
void SpillStore::Core::blocking_mark_segment() {
  if (!settings_.resume || acknowledged_->segment() == log_->segment().number) return;
  AcknowledgedMark mark;
  {
    std::lock_guard const lock(mutex_);
    mark = mark_on_lock(positions_);
  }
  blocking_mark(std::move(mark));
}

AcknowledgedMark SpillStore::Core::mark_on_lock(std::vector<RecordNumber> const& positions) const {
  constexpr std::size_t most_listed = 100;  // fewer fit
  AcknowledgedMark mark;
  for (auto place = live_.rbegin(); place != live_.rend(); ++place) {
    SpilledBatch const& batch = place->second;
    auto const position = positions[batch.stream_index];
    if (batch.first_number >= position) continue;
    auto const record_count = std::min(batch.end_number(), position) - batch.first_number;
    ++mark.batch_count;
    mark.record_count += record_count;
    if (mark.batches.size() == most_listed) continue;
    auto& listed = mark.batches.emplace_back();
    listed.id = batch.id;
    listed.stream_index = batch.stream_index;
    listed.first_number = batch.first_number;
    listed.record_count = record_count;
    listed.stream = to_string(batch.stream->descriptor);
  }
  return mark;
}

Snapshot SpillStore::Core::snapshot_on_lock() const {
  Snapshot snapshot;
  snapshot.catalog_fingerprint = catalog_fingerprint_;
  snapshot.next_batch_id = next_batch_id_;
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    auto const& stream = *catalog_.streams()[i];
    snapshot.streams.emplace_back(stream.descriptor, positions_[i]).generation = stream.generation_id;
  }
  for (auto const& [place, batch] : live_) {
    Snapshot::PendingBatch pending;
    pending.batch = batch;
    pending.segment_nonce = segments_.at(place.segment).header.nonce;
    snapshot.batches.push_back(std::move(pending));
  }
  return snapshot;
}

void SpillStore::Core::blocking_tidy() {
  bool empties = false;
  bool marks = false;
  {
    std::lock_guard const lock(mutex_);
    empties = !tidying_failed_ && can_empty_segment_in_use_on_lock();
    marks = needs_marks_on_lock();
    if (empties && !settings_.resume) {
      log_->close_segment();
      look_at_segment_in_use_on_lock();
    }
  }
  if (empties && settings_.resume) {
    blocking_turn_over();
    blocking_mark_segment();
  } else if (marks) {
    blocking_append(Group());
  }
  blocking_remove_segments();
}

void SpillStore::Core::blocking_remove_segments() {
  std::vector<std::uint64_t> numbers;
  {
    std::lock_guard const lock(mutex_);
    for (auto const& [number, segment] : segments_) {
      if (is_removable_on_lock(number, segment)) numbers.push_back(number);
    }
  }
  for (auto const number : numbers) {
    try {
      storage_->blocking_remove(folder_->name(), segment_name(number));
    } catch (...) {
      std::lock_guard const lock(mutex_);
      segments_.at(number).removal_failed = true;
      throw;
    }
    std::lock_guard const lock(mutex_);
    set_segment_bytes_on_lock(segments_.at(number), 0);
    segments_.erase(number);
    ++room_made_;
  }
}

// ---- close ----

awaitable<void> SpillStore::Core::close() {
  for (;;) {
    {
      std::lock_guard const lock(mutex_);
      if (!std::exchange(worker_busy_, true)) break;
    }
    auto const is_free = [this] { return !worker_busy_; };
    co_await waiters_.wait(mutex_, is_free);
  }
  std::exception_ptr failure;
  auto call = [this] { blocking_close(); };
  try {
    if (pool_ != nullptr) co_await run_blocking_on(*pool_, call);
  } catch (...) {
    failure = std::current_exception();
  }
  std::lock_guard const lock(mutex_);
  worker_busy_ = false;
  if (!failure) failure = first_failure_;
  if (failure) std::rethrow_exception(failure);
}

void SpillStore::Core::blocking_close() {
  bool keeps = false;
  bool marks = false;
  {
    std::lock_guard const lock(mutex_);
    LANDFALL_ASSERT(queue_.empty());
    keeps = acknowledged_records_on_lock() > 0;
    marks = !released_.empty();
  }
  if (!folder_) return;
  if (marks) blocking_append(Group());  // so that none of them is looked for when its file is gone
  log_.reset();
  if (!keeps) {
    if (acknowledged_) acknowledged_->blocking_write(AcknowledgedMark());
    folder_->blocking_remove();
  }
  acknowledged_.reset();
  folder_.reset();
  std::lock_guard const lock(mutex_);
  if (!keeps) disk_bytes_ = 0;
}

}  // namespace landfall
