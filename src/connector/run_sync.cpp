#include <landfall/connector/run_sync.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include <landfall/launcher/phase_runner.hpp>
#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/runtime/message_queue.hpp>
#include <landfall/spill/folder_storage.hpp>
#include <landfall/spill/spill_store.hpp>
#include <landfall/state/checkpoint_manager.hpp>
#include <landfall/state/sync_manager.hpp>

#include "pipeline/batch_spiller.hpp"
#include "pipeline/rejector.hpp"
#include "pipeline/step_pipeline.hpp"
#include "pipeline/stream_queue.hpp"
#include "spill/spill_check.hpp"
#include "tasks/close_stream_task.hpp"
#include "tasks/fail_stream_task.hpp"
#include "tasks/fail_sync_task.hpp"
#include "tasks/heartbeat_task.hpp"
#include "tasks/input_consumer_task.hpp"
#include "tasks/open_stream_task.hpp"
#include "tasks/process_batch_task.hpp"
#include "tasks/process_records_task.hpp"
#include "tasks/read_back_task.hpp"
#include "tasks/setup_task.hpp"
#include "tasks/spill_to_disk_task.hpp"
#include "tasks/stats_emitter_task.hpp"
#include "tasks/teardown_task.hpp"
#include "tasks/update_checkpoints_task.hpp"

namespace landfall {

/// The sync that a StopHandle stops, while it runs; the reason, when it came too early.
struct StopHandle::Shared {
  std::mutex mutex;
  TaskLauncher* launcher = nullptr;
  std::optional<Error> early;
};

StopHandle::StopHandle() : shared_(std::make_shared<Shared>()) {}

void StopHandle::request_stop(Error reason) const {
  std::lock_guard const lock(shared_->mutex);
  if (shared_->launcher) {
    shared_->launcher->request_stop(std::move(reason));
  } else if (!shared_->early) {
    shared_->early = std::move(reason);
  }
}

/// Ties a handle to the launcher for as long as it runs.
struct StopAccess {
  static void attach(StopHandle const& handle, TaskLauncher& launcher) {
    std::lock_guard const lock(handle.shared_->mutex);
    LANDFALL_ASSERT(handle.shared_->launcher == nullptr);
    handle.shared_->launcher = &launcher;
    if (handle.shared_->early) launcher.request_stop(*std::exchange(handle.shared_->early, std::nullopt));
  }
  static void detach(StopHandle const& handle) {
    std::lock_guard const lock(handle.shared_->mutex);
    handle.shared_->launcher = nullptr;
  }
};

namespace {

/// How much the STATEs may hold that wait for a close: half of the budget; of a very small one as much as it takes for
/// a few of them.
std::uint64_t bytes_for_held_states(std::uint64_t budget_bytes) {
  constexpr std::uint64_t few = 64 << 10;
  return std::max(budget_bytes / 2, few);
}

/// Errors: Error(config) where the limits of the options and of the destination leave nothing.
GovernorSettings governor_settings(SyncOptions const& options, Destination const& destination,
                                   std::size_t stream_count) {
  GovernorSettings settings(stream_count, options.batch.bytes);
  settings.narrow(destination.load_limits());
  settings.concurrency = narrowed(settings.concurrency, options.load_concurrency, "load_concurrency");
  settings.batch_bytes = narrowed(settings.batch_bytes, options.load_batch_bytes, "load_batch_bytes");
  return settings;
}

/// Everything one sync consists of, in the order in which it must live: the budget outlives whatever holds its bytes,
/// the scope goes before whatever its tasks use.
class SyncAssembly {
 public:
  SyncAssembly(asio::any_io_executor executor, Destination& destination, ByteSource& source, MessageSink& sink,
               Clock& clock, DestinationCatalog catalog, SyncOptions options, SpillStore* spill_store)
      : options_(std::move(options)),
        clock_(clock),
        started_at_(clock.now()),
        memory_for_reading_back_(
            bytes_for_reading_back(spill_policy(spill_store), options_.memory_budget_bytes, options_.batch.bytes)),
        budget_(options_.memory_budget_bytes - memory_for_reading_back_.capacity_bytes()),
        resumed_in_(options_.spill.resume ? spill_store : nullptr),
        spiller_(spill_policy(spill_store), spill_store, budget_, memory_for_reading_back_, options_.spill.resume,
                 options_.on_spill_failure),
        queues_(catalog, resumed_in_ ? resumed_in_->recovered().positions : std::vector<RecordNumber>()),
        input_progress_(catalog.streams().size()),
        checkpoint_queue_(checkpoint_queue_bytes),
        open_stream_queue_(catalog.streams().size()),
        sync_(std::move(catalog)),
        checkpoints_(sync_, bytes_for_held_states(budget_.capacity_bytes())),
        scope_(executor, clock, options_.graceful_timeout),
        phases_(scope_, clock, options_.retry, options_.patience, options_.jitter_seed, options_.on_retry),
        rejector_(phases_, options_.reject_sink),
        launcher_(executor, clock, make_parts(destination, source, sink)) {
    queues_.serve(budget_);
    if (resumed_in_) resume();
  }

  TaskLauncher& launcher() noexcept { return launcher_; }

  /// On the control strand, when the sync is over: STATEs that were not answered hold no memory any more.
  void drop_states() {
    checkpoint_queue_.discard();
    checkpoints_.give_back_memory();
  }

  /// On the control strand.
  SyncProgress progress() const {
    SyncProgress progress;
    auto const& streams = sync_.catalog().streams();
    for (std::size_t index = 0; index < streams.size(); ++index) {
      auto const& stream = streams[index];
      StreamManager const& manager = sync_.stream_manager(stream->descriptor);
      SyncProgress::Stream one;
      one.stream = stream->descriptor;
      one.first_number = manager.first_number();
      one.records_resumed = records_resumed_.empty() ? 0 : records_resumed_[index];
      one.records_read = input_progress_.streams[index].records;
      one.bytes_read = input_progress_.streams[index].bytes;
      one.records_replaced = input_progress_.streams[index].replaced;
      RecordLedger const& ledger = manager.ledger();
      one.records_rejected = ledger.rejected_count();
      one.records_committed = ledger.count(BatchState::persisted) - one.records_rejected;
      if (manager.is_failing()) {
        one.records_failed = one.records_resumed + one.records_read - one.records_committed - one.records_rejected;
      }
      one.ended = !manager.is_active();
      progress.streams.push_back(std::move(one));
    }
    progress.states_received = checkpoints_.received_count();
    progress.states_emitted = checkpoints_.emitted_count();
    progress.memory_bytes = budget_.reserved_bytes() + memory_for_reading_back_.reserved_bytes();
    progress.batches_spilled = spiller_.spilled_batches();
    progress.bytes_spilled = spiller_.spilled_bytes();
    progress.elapsed = clock_.now() - started_at_;
    return progress;
  }

  /// At most: the two need not have been at their peak at once.
  std::uint64_t peak_memory_bytes() const { return budget_.peak_bytes() + memory_for_reading_back_.peak_bytes(); }

 private:
  static constexpr std::uint64_t checkpoint_queue_bytes = 4 << 20;

  LauncherParts make_parts(Destination& destination, ByteSource& source, MessageSink& sink) {
    LauncherParts parts(scope_, sync_, checkpoint_queue_, open_stream_queue_, has_thrown_);
    parts.configuration = options_.launcher;
    parts.load = governor_settings(options_, destination, sync_.catalog().streams().size());
    parts.batch_bytes = &batch_bytes_;
    parts.on_load_change = options_.on_load_change;
    ReaderOptions reader;
    reader.block_bytes = options_.block_bytes;
    reader.longest_line_bytes = options_.longest_line_bytes;
    reader.on_large_record = options_.on_large_record;
    bool const validate = options_.validate_records && !destination.decodes_every_value();
    reader.rejects = options_.reject_sink != nullptr;
    reader.validation = validate ? Validation::full : Validation::skipped;
    parts.input_consumer = std::make_unique<SourceInputConsumerTaskFactory>(source, clock_, queues_, checkpoint_queue_,
                                                                            budget_, input_progress_, reader);
    parts.setup = std::make_unique<DestinationSetupTaskFactory>(destination, phases_);
    parts.open_stream = std::make_unique<DestinationOpenStreamTaskFactory>(destination, open_stream_queue_, phases_);
    std::uint64_t const first = resumed_in_ ? resumed_in_->recovered().next_batch_id : 1;  // id of a batch
    parts.spill_to_disk =
        std::make_unique<QueueSpillToDiskTaskFactory>(queues_, spiller_, clock_, options_.batch, &batch_bytes_, first);
    parts.read_back = std::make_unique<DiskReadBackTaskFactory>();
    parts.recovered = recovered_batches();
    parts.process_records = std::make_unique<LoaderProcessRecordsTaskFactory>(phases_, rejector_, BatchId(first));
    parts.process_batch = std::make_unique<LoaderProcessBatchTaskFactory>(phases_);
    if (auto steps = destination.load_steps(); !steps.empty()) {
      parts.load_pipeline = std::make_unique<StepPipeline>(std::move(steps), phases_, rejector_, BatchId(first));
    }
    parts.update_checkpoints = std::make_unique<CheckpointPrinterTaskFactory>(
        checkpoint_queue_, checkpoints_, sink, resumed_in_, scope_, options_.answer_deadline, options_.patience);
    parts.close_stream = std::make_unique<LoaderCloseStreamTaskFactory>(phases_);
    parts.teardown = std::make_unique<DestinationTeardownTaskFactory>(destination, phases_);
    parts.fail_stream = std::make_unique<LoaderFailStreamTaskFactory>(phases_);
    parts.fail_sync = std::make_unique<DestinationFailSyncTaskFactory>(destination, phases_);
    parts.heartbeat =
        std::make_unique<ClockHeartbeatTaskFactory>(clock_, options_.heartbeat_interval, options_.batch.checkpoint_wait,
                                                    queues_, budget_, checkpoints_, checkpoint_queue_);
    if (options_.on_progress) {
      parts.stats_emitter = std::make_unique<ProgressStatsEmitterTaskFactory>(
          clock_, options_.stats_interval, [this] { options_.on_progress(progress()); });
    }
    return parts;
  }

  // Tells the streams where they go on, and what of them is still on disk.
  void resume() {
    SpillRecovery const& recovery = resumed_in_->recovered();
    auto const& streams = sync_.catalog().streams();
    std::vector<std::vector<Interval>> pending(streams.size());
    records_resumed_.resize(streams.size());
    for (SpilledBatch const& batch : recovery.batches) {
      pending[batch.stream_index].push_back(Interval{batch.first_number, batch.end_number()});
      records_resumed_[batch.stream_index] += batch.record_count;
    }
    for (std::size_t index = 0; index < streams.size(); ++index) {
      sync_.stream_manager(streams[index]->descriptor).resume(recovery.positions[index], pending[index]);
    }
  }

  std::vector<std::unique_ptr<SpilledRecords>> recovered_batches() {
    std::vector<std::unique_ptr<SpilledRecords>> batches;
    if (!resumed_in_) return batches;
    for (SpilledBatch const& batch : resumed_in_->recovered().batches) {
      batches.push_back(
          std::make_unique<SpilledRecords>(*resumed_in_, memory_for_reading_back_, batch, SpillKeep::until_complete));
    }
    return batches;
  }

  SpillPolicy spill_policy(SpillStore const* store) const noexcept {
    return store == nullptr ? SpillPolicy::never : options_.spill.policy;
  }

  SyncOptions options_;
  Clock& clock_;
  TimePoint started_at_;
  MemoryBudget memory_for_reading_back_;  // of the whole budget, with the next one
  MemoryBudget budget_;
  SpillStore* resumed_in_;                      // null without resume
  std::vector<std::uint64_t> records_resumed_;  // in catalog order; empty without resume
  BatchSpiller spiller_;
  StreamQueues queues_;
  InputProgress input_progress_;
  CheckpointQueue checkpoint_queue_;
  OpenStreamQueue open_stream_queue_;
  std::atomic<bool> has_thrown_ = false;
  std::atomic<std::uint64_t> batch_bytes_ = 0;  // set by the launcher
  SyncManager sync_;
  CheckpointManager checkpoints_;  // on the control strand
  TaskScope scope_;
  PhaseRunner phases_;
  Rejector rejector_;
  TaskLauncher launcher_;
};

/// Hears what the destination tells, until the sync is over.
class Hearing {
 public:
  Hearing(Destination const& destination, Notices::Listener listener) : notices_(destination.notices()) {
    if (!listener) listener = [](Notice const&) {};
    notices_.listen(std::move(listener));
  }
  Hearing(Hearing const&) = delete;
  Hearing& operator=(Hearing const&) = delete;
  ~Hearing() { notices_.listen(nullptr); }

 private:
  Notices notices_;
};

void check(SyncOptions const& options) {
  auto const require = [](bool holds, char const* rule) {
    if (!holds) throw config_error("{}", rule);
  };
  require(options.batch.bytes > 0, "a batch must hold at least 1 byte");
  require(options.batch.records > 0, "a batch must hold at least 1 record");
  require(options.batch.age > Duration::zero(), "the greatest age of a batch must be more than 0");
  require(options.block_bytes >= 4096, "a block must have at least 4096 bytes");
  require(options.memory_budget_bytes >= 4 * options.block_bytes, "the memory budget must hold at least 4 blocks");
  require(options.longest_line_bytes >= options.block_bytes,
          "the longest line must be allowed to be as long as a block");
  require(options.patience > Duration::zero(), "the patience with a cancelled call must be more than 0");
  require(options.answer_deadline > Duration::zero(), "the deadline for writing STATEs must be more than 0");
  require(options.launcher.stop_deadline > Duration::zero(), "the stop deadline must be more than 0");
  require(options.longest_line_bytes <= std::uint64_t{1} << 31, "the longest line must not be allowed more than 2 GiB");
  options.retry.check();
  require(options.heartbeat_interval > Duration::zero(), "the heartbeat interval must be more than 0");
  require(options.stats_interval > Duration::zero(), "the stats interval must be more than 0");
  options.spill.check();
}

void check(DestinationCatalog const& catalog, SyncOptions const& options) {
  std::size_t const count = catalog.streams().size();
  if (count > options.max_streams) {
    throw config_error("the catalog has {} streams, and {} are allowed (max_streams): select fewer, or allow more",
                       count, options.max_streams);
  }
  for (auto const& stream : catalog.streams()) {
    if (!stream->include_files) continue;
    throw config_error(
        "stream {}: files are not supported, but the catalog asks for them (include_files): turn file transfer off at "
        "the source",
        to_string(stream->descriptor));
  }
}

std::shared_ptr<SpillStorage> spill_storage(SyncOptions const& options) {
  if (options.spill_storage) return options.spill_storage;
  auto const when = options.spill.directory.empty() ? FolderStorage::Open::at_first_use : FolderStorage::Open::now;
  return std::make_shared<FolderStorage>(options.spill.directory_or_default(), when);
}

/// Otherwise batches stay in memory when the disk cannot be used. A directory that was named is looked at in any case:
/// acknowledged records may wait there.
bool needs_spill(SpillSettings const& spill) { return spill.policy == SpillPolicy::always || !spill.directory.empty(); }

/// Null: batches stay in memory. Where nobody chose a directory, none is needed.
awaitable<std::unique_ptr<SpillStore>> open_spill_store(SyncOptions const& options, DestinationCatalog const& catalog,
                                                        Clock& clock) {
  if (options.spill.policy == SpillPolicy::never && !needs_spill(options.spill)) co_return nullptr;
  std::optional<Error> failure;
  try {
    auto store = std::make_unique<SpillStore>(options.spill, spill_storage(options), clock, catalog);
    co_await store->open();
    SpillRecovery const& recovered = store->recovered();
    bool const has_news = options.spill.resume || !recovered.discarded.empty();
    if (has_news && options.on_resume) options.on_resume(recovered);
    if (options.spill.policy != SpillPolicy::never) co_return store;
    co_await store->close();
    co_return nullptr;
  } catch (Error const& error) {
    failure = error;
  }
  if (needs_spill(options.spill)) throw Error(*failure);
  if (options.on_spill_failure) options.on_spill_failure(*failure);
  co_return nullptr;
}

awaitable<void> close_spill_store(SpillStore& store, std::function<void(Error const&)> const& on_failure) {
  try {
    co_await store.close();
  } catch (Error const& error) {
    if (on_failure) on_failure(error);  // files that stay: the next sync removes them
  }
}

}  // namespace

void blocking_check_options(SyncOptions const& options, Destination const& destination) {
  check(options);
  static_cast<void>(governor_settings(options, destination, 1));
  if (needs_spill(options.spill)) blocking_check_spill(options.spill, *spill_storage(options));
}

awaitable<SyncReport> run_sync(Destination& destination, ByteSource& source, MessageSink& sink, Clock& clock,
                               DestinationCatalog catalog, SyncOptions options, StopHandle stop) {
  check(options);
  check(catalog, options);
  Hearing const hearing(destination, options.on_notice);
  auto executor = co_await asio::this_coro::executor;
  std::unique_ptr<SpillStore> spill_store = co_await open_spill_store(options, catalog, clock);
  auto const on_spill_failure = options.on_spill_failure;
  auto assembly = std::make_unique<SyncAssembly>(executor, destination, source, sink, clock, std::move(catalog),
                                                 std::move(options), spill_store.get());
  TaskLauncher& launcher = assembly->launcher();
  StopAccess::attach(stop, launcher);
  SyncReport report;
  report.outcome = co_await launcher.run();
  StopAccess::detach(stop);
  // Also lets a stop request that was posted before the handle was detached run out.
  report.totals = co_await launcher.on_strand([&assembly] {
    assembly->drop_states();
    return assembly->progress();
  });
  report.peak_memory_bytes = assembly->peak_memory_bytes();
  report.load = launcher.load_history();
  report.unjoined_tasks = launcher.unjoined_tasks();
  if (!report.unjoined_tasks.empty()) {
    // Tasks that ignore their cancellation still use them: they go with the process.
    static_cast<void>(assembly.release());
    if (spill_store) report.records_kept = spill_store->acknowledged_records();
    static_cast<void>(spill_store.release());
    co_return report;
  }
  assembly.reset();  // with all batches that wait on disk
  if (spill_store) report.records_kept = spill_store->acknowledged_records();
  if (spill_store) co_await close_spill_store(*spill_store, on_spill_failure);
  co_return report;
}

}  // namespace landfall
