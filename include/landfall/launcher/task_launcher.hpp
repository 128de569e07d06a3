#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>

#include <landfall/launcher/load_governor.hpp>
#include <landfall/launcher/load_pipeline.hpp>
#include <landfall/launcher/spilled_file.hpp>
#include <landfall/launcher/task.hpp>
#include <landfall/launcher/task_factories.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/message_queue.hpp>
#include <landfall/runtime/run_on.hpp>
#include <landfall/runtime/task_scope.hpp>
#include <landfall/runtime/wait_list.hpp>
#include <landfall/runtime/whole_or_never.hpp>
#include <landfall/state/batch_envelope.hpp>
#include <landfall/state/checkpoint_manager.hpp>
#include <landfall/state/sync_manager.hpp>

namespace landfall {

/// What one failed stream means for the others.
enum class OnStreamFailure { isolate, fail_fast };

/// What a request to stop (SIGTERM) means for what was read.
enum class OnStop {
  finish,  ///< it is loaded and acknowledged, within the stop deadline
  cancel,  ///< what runs is cancelled; the streams fail
};

struct LauncherConfiguration {
  LauncherConfiguration() = default;
  std::size_t open_stream_workers = 4;  ///< streams opened at once; at least 1
  OnStreamFailure on_stream_failure = OnStreamFailure::isolate;
  OnStop on_stop = OnStop::finish;
  Duration stop_deadline = std::chrono::seconds(20);  ///< after a request to stop: then what still runs is cancelled;
                                                      ///< also for a reader to end that was told to
};

/// Streams to be opened, from the launcher to the open-stream workers.
using OpenStreamQueue = MessageQueue<std::shared_ptr<DestinationStream const>>;

/// STATEs on their way from the router to the update-checkpoints task; wake() means: look whether more is ready.
using CheckpointQueue = MessageQueue<Checkpoint>;

/// Everything the launcher conducts. Factories are owned, the rest is borrowed and outlives the launcher.
struct LauncherParts {
  LauncherParts(TaskScope& task_scope, SyncManager& manager, CheckpointQueue& checkpoints,
                OpenStreamQueue& streams_to_open, std::atomic<bool>& thrown)
      : scope(task_scope),
        sync(manager),
        checkpoint_queue(checkpoints),
        open_stream_queue(streams_to_open),
        has_thrown(thrown),
        load(manager.catalog().streams().size()) {}

  TaskScope& scope;
  SyncManager& sync;  ///< holds the catalog
  CheckpointQueue& checkpoint_queue;
  OpenStreamQueue& open_stream_queue;
  std::atomic<bool>& has_thrown;  ///< set by the first failure
  LauncherConfiguration configuration;

  GovernorSettings load;                                  ///< the defaults for the streams of the catalog
  std::atomic<std::uint64_t>* batch_bytes = nullptr;      ///< optional: told how large the next batches are to be
  std::function<void(LoadChange const&)> on_load_change;  ///< optional; on the control strand, quick

  /// Batches that an earlier process left on disk, in order. They are loaded before anything is read, and each stream
  /// was told of its own (StreamManager::resume()).
  std::vector<std::unique_ptr<SpilledRecords>> recovered;

  std::unique_ptr<InputConsumerTaskFactory> input_consumer;  ///< optional: without it the input counts as consumed
  std::unique_ptr<SetupTaskFactory> setup;
  std::unique_ptr<OpenStreamTaskFactory> open_stream;
  std::unique_ptr<SpillToDiskTaskFactory> spill_to_disk;
  std::unique_ptr<ReadBackTaskFactory> read_back;
  std::unique_ptr<ProcessRecordsTaskFactory> process_records;
  std::unique_ptr<ProcessBatchTaskFactory> process_batch;
  std::unique_ptr<LoadPipeline> load_pipeline;  ///< optional: then batches go to it instead of process_records
  std::unique_ptr<UpdateCheckpointsTaskFactory> update_checkpoints;
  std::unique_ptr<CloseStreamTaskFactory> close_stream;
  std::unique_ptr<TeardownTaskFactory> teardown;
  std::unique_ptr<FailStreamTaskFactory> fail_stream;
  std::unique_ptr<FailSyncTaskFactory> fail_sync;
  std::unique_ptr<HeartbeatTaskFactory> heartbeat;         ///< optional
  std::unique_ptr<StatsEmitterTaskFactory> stats_emitter;  ///< optional
};

/// The conductor of a sync: starts tasks, hears how they went, decides what comes next.
///
/// Threads:  every handle_* may be awaited from anywhere; it runs its decision on the control strand and resumes the
///           caller on its own executor. Decisions themselves are plain functions, in launcher/decisions.
/// Order:    run() once. handle_* of the tasks it starts in any order, and repeated: each event has its effect once.
/// Lifetime: outlives its tasks: run() returns when all of them are joined.
/// Errors:   handle_* never throw what a task did wrong; they record it. Error(system) for reports that cannot be true
///           (records never read), which then counts as the failure of the task that reported them.
/// Source:   base design 1.2 (DestinationTaskLauncher), behaviours 1-34; DESIGN 5.
class TaskLauncher {
 public:
  /// `clock`: for the stop deadline; outlives the launcher.
  /// Errors: Error(system) which names a required part that is missing.
  TaskLauncher(asio::any_io_executor executor, Clock& clock, LauncherParts parts);
  TaskLauncher(TaskLauncher const&) = delete;
  TaskLauncher& operator=(TaskLauncher const&) = delete;
  ~TaskLauncher();

  /// The whole sync, from setup to the joined end. How it went is in the outcome, not thrown.
  awaitable<SyncOutcome> run();

  /// Tasks that were still running at the last deadline; empty unless connector code ignores its cancellation. After
  /// run().
  std::vector<std::string> const& unjoined_tasks() const noexcept { return unjoined_tasks_; }

  /// How the load was adapted. After run().
  LoadHistory const& load_history() const noexcept { return load_history_; }

  awaitable<void> handle_setup_complete();
  /// An open-stream worker asks before it opens a stream: false when the stream has failed meanwhile.
  awaitable<bool> handle_open_requested(StreamDescriptor stream);
  awaitable<void> handle_stream_started(StreamDescriptor stream, std::shared_ptr<StreamLoader> loader);
  awaitable<void> handle_new_spilled_file(StreamDescriptor stream, SpilledFile file);
  /// A batch that waited on disk is in memory again. `spilled`: where it was, and is until it is complete if that says
  /// so.
  awaitable<void> handle_batch_read_back(RecordBatch records, std::unique_ptr<SpilledRecords> spilled);
  awaitable<void> handle_new_batch(BatchEnvelope envelope);
  /// These are persisted, whatever becomes of the other records of their batch.
  awaitable<void> handle_persisted(StreamDescriptor stream, std::vector<Interval> records);
  /// Records that cannot be loaded are in the reject file.
  awaitable<void> handle_records_rejected(StreamDescriptor stream, std::vector<RecordNumber> numbers);
  /// A pipeline asks before a step takes a batch, and a spill task before it writes one: false when its stream has
  /// failed meanwhile.
  awaitable<bool> handle_step_requested(StreamDescriptor stream);
  /// A spill task asks whether the batch that it has closed would be loaded with the next slot, beside those before it.
  /// With load steps it would: their workers take what comes.
  awaitable<bool> handle_turn_requested(StreamDescriptor stream);
  /// A pipeline batch goes on as so many batches, each of which will be reported; 0: it goes no further.
  awaitable<void> handle_batch_split(StreamDescriptor stream, std::size_t parts);
  /// A call into the store ended. Changes what may run from now on.
  awaitable<void> handle_call_ended(CallReport call);
  /// The process-records task of this batch waits to try again. When that is longer than
  /// LoadGovernor::longest_wait_with_slot, others have its slot.
  awaitable<void> handle_call_waits(StreamDescriptor stream, BatchId batch, Duration delay);
  /// The wait is over: returns when the task has its slot again, before any batch that has not been tried yet.
  awaitable<void> handle_call_resumes(StreamDescriptor stream, BatchId batch);
  /// A batch of so many bytes was refused as a whole, and accepted in parts.
  awaitable<void> handle_batch_too_large(std::uint64_t bytes);
  awaitable<void> handle_stream_complete(StreamDescriptor stream);
  awaitable<void> handle_stream_closed(StreamDescriptor stream, StreamOutcome outcome);
  awaitable<void> handle_input_consumed();
  awaitable<void> handle_checkpoints_processed();
  awaitable<void> handle_fail_stream_complete(StreamDescriptor stream, std::optional<Error> close_error);
  awaitable<void> handle_teardown_complete(bool success = true);

  /// A task failed. `stream` is set for FailureLevel::stream.
  awaitable<void> handle_exception(FailureLevel level, std::optional<StreamDescriptor> stream, Error error);
  /// open() or start() of a stream threw; there is no loader to close.
  awaitable<void> handle_open_failure(StreamDescriptor stream, Error error);
  /// A pipeline step threw; the batch goes no further.
  awaitable<void> handle_batch_failure(BatchEnvelope envelope, Error error);

  /// Ends the sync in order: reading stops as if the input had ended here, and `reason` is the error of the sync. What
  /// was read is loaded and acknowledged, and streams end incomplete, within LauncherConfiguration::stop_deadline;
  /// then, or at once with OnStop::cancel, calls are cancelled and streams fail. From any thread; also before run() and
  /// after it. Only the first one counts.
  void request_stop(Error reason);

  /// Runs a plain function on the control strand: for tasks which read or change the state.
  /// Memory that is missing there ends the process: the state may be changed by half, and nothing may be answered then.
  template <class Function>
  awaitable<std::invoke_result_t<Function&>> on_strand(Function function) {
    auto change = [function = std::move(function)]() mutable { return whole_or_never(function); };
    return run_on(strand_, std::move(change));
  }

  SyncManager& sync() noexcept { return parts_.sync; }  ///< on the control strand only

 private:
  struct StreamWork;

  /// What the end of a task means beyond its own failure.
  enum class Role {
    other,
    setup,          ///< the ending waits for it
    input,          ///< when it ends, however, the input is consumed
    checkpoints,    ///< when it fails, no further STATE will be printed
    stream_work,    ///< counted: a stream is closed or failed when none of it runs
    stream_records  ///< stream_work which takes a slot of the LoadGovernor
  };

  /// Closed when the task that waits for it has its slot.
  using Turn = MessageQueue<int>;
  struct Returning {
    Returning(StreamWork* of_stream, BatchId id, std::shared_ptr<Turn> its_turn)
        : stream(of_stream), batch(id), turn(std::move(its_turn)) {}
    StreamWork* stream;
    BatchId batch;
    std::shared_ptr<Turn> turn;
  };

  // Plain functions, all of them on the control strand.
  void start_on_strand();
  void setup_complete_on_strand();
  bool open_requested_on_strand(StreamDescriptor const& stream);
  void stream_started_on_strand(StreamDescriptor const& stream, std::shared_ptr<StreamLoader> loader, bool needs_order);
  void spilled_file_on_strand(StreamDescriptor const& stream, SpilledFile file);
  void batch_on_strand(BatchEnvelope envelope);
  void process_batch_on_strand(StreamWork& w, BatchEnvelope envelope);
  void ask_groups_at_end_on_strand(StreamDescriptor const& stream);
  void stream_complete_on_strand(StreamDescriptor const& stream);
  void stream_closed_on_strand(StreamDescriptor const& stream, StreamOutcome outcome);
  void fail_stream_complete_on_strand(StreamDescriptor const& stream, std::optional<Error> close_error);
  void exception_on_strand(FailureLevel level, std::optional<StreamDescriptor> const& stream, Error error);
  void stream_broken_off_on_strand(StreamDescriptor const& stream, Error error);
  void fail_stream_on_strand(StreamDescriptor const& stream, Error error);
  void fail_all_on_strand(Error const& error);
  void stop_on_strand(Error reason);
  void stop_deadline_on_strand();
  void note_call_on_strand(Error const& error, std::optional<StreamDescriptor> const& stream);
  void stop_reading_on_strand();
  void start_fail_stream_if_idle_on_strand(StreamDescriptor const& stream);
  void submit_waiting_on_strand(StreamWork& w);
  static bool has_next(StreamWork const& w);
  RecordBatch take_next_on_strand(StreamWork& w);
  void read_back_on_strand(StreamWork& w);
  void batch_read_back_on_strand(RecordBatch records, std::unique_ptr<SpilledRecords> spilled);
  void take_recovered_on_strand();
  void start_reading_on_strand();
  void start_reading_if_recovered_on_strand();
  void release_complete_on_strand(StreamDescriptor const& stream, Interval changed);
  void release_all_complete_on_strand(StreamWork& w, StreamManager const& manager);
  bool release_if_complete_on_strand(StreamWork& w, StreamManager const& manager, RecordNumber first);
  void start_calls_on_strand();
  void start_call_on_strand(StreamWork& w);
  bool may_start_call(StreamWork const& w) const;
  bool would_be_next(StreamWork const& w) const;
  void note_ready_on_strand(StreamWork& w);
  StreamWork* next_ready_on_strand();
  void call_task_ended_on_strand(StreamWork& w, BatchId batch);
  void adapt_on_strand(std::vector<LoadChange> const& changes);
  void work_ended_on_strand(StreamDescriptor const& stream);
  void end_checkpoints_if_done_on_strand();
  void start_ending_if_done_on_strand();
  void verdict_on_strand(bool success);
  void task_ended_on_strand(Task const& task, Role role, BatchId batch, std::exception_ptr failure);

  TaskHandle launch_on_strand(std::unique_ptr<Task> task, Role role = Role::other, BatchId batch = BatchId());
  awaitable<void> run_task(std::unique_ptr<Task> task, Role role, BatchId batch);
  awaitable<void> wait_for_stop_deadline();
  awaitable<void> wait_for_reader();
  awaitable<bool> wait_for_verdict();
  StreamWork& work(StreamDescriptor const& stream);

  asio::any_io_executor executor_;
  Clock& clock_;
  asio::strand<asio::any_io_executor> strand_;
  LauncherParts parts_;
  std::map<StreamDescriptor, std::unique_ptr<StreamWork>> work_;
  std::deque<StreamWork*> ready_;  // streams whose next batch may be loaded take turns; some cannot go on any more
  std::size_t failed_streams_ = 0;
  std::deque<Returning> returning_;  // tasks that want a slot back, in order
  LoadGovernor governor_;
  LoadHistory load_history_;
  TaskHandle input_;
  std::vector<std::string> unjoined_tasks_;
  bool started_ = false;
  bool reading_started_ = false;
  std::size_t recovering_ = 0;  // batches of an earlier process that are neither complete nor of a failed stream
  bool stopping_ = false;
  bool stop_requested_ = false;
  bool all_failed_ = false;
  bool call_still_runs_ = false;  // one into the connector ignores its cancellation: teardown must not run beside it
  bool setup_ended_ = false;
  bool checkpoints_ended_ = false;  // the queue was closed
  bool ending_enqueued_ = false;    // teardown or fail-sync was started
  std::optional<bool> verdict_;
  std::mutex verdict_mutex_;
  WaitList verdict_waiters_;
};

}  // namespace landfall
