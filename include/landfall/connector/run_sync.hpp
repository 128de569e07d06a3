#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <landfall/destination/destination.hpp>
#include <landfall/destination/load_limits.hpp>
#include <landfall/destination/notices.hpp>
#include <landfall/destination/reject_sink.hpp>
#include <landfall/launcher/load_governor.hpp>
#include <landfall/launcher/retry_policy.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/pipeline/batch_limits.hpp>
#include <landfall/pipeline/large_record.hpp>
#include <landfall/protocol/byte_source.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/protocol/message_sink.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/spill/spill_settings.hpp>
#include <landfall/spill/spill_storage.hpp>
#include <landfall/spill/spill_store.hpp>

namespace landfall {

/// What a sync is doing, for a progress line or a log. Counts since its start.
struct SyncProgress {
  SyncProgress() = default;
  struct Stream {
    Stream() = default;
    StreamDescriptor stream;
    RecordNumber first_number = 0;      ///< of the first record read; with spill.resume numbers go on
    std::uint64_t records_resumed = 0;  ///< that an earlier process left on disk
    std::uint64_t records_read = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t records_replaced = 0;   ///< in which lone surrogates (\ud83d without its other half) became U+FFFD
    std::uint64_t records_committed = 0;  ///< persisted in the destination, without rejected ones
    std::uint64_t records_rejected = 0;   ///< in the reject file
    std::uint64_t records_failed = 0;     ///< of a stream that failed: neither committed nor rejected; with
                                          ///< spill.resume they may be kept on disk
    bool ended = false;
  };
  std::vector<Stream> streams;  ///< in catalog order
  std::uint64_t states_received = 0;
  std::uint64_t states_emitted = 0;
  std::uint64_t memory_bytes = 0;     ///< reserved in the memory budget
  std::uint64_t batches_spilled = 0;  ///< so many waited on disk, or do
  std::uint64_t bytes_spilled = 0;    ///< of their records
  Duration elapsed{};
};

/// How a sync ended.
struct SyncReport {
  SyncReport() = default;
  SyncOutcome outcome;
  SyncProgress totals;
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t records_kept = 0;           ///< acknowledged and not loaded: with spill.resume the next sync loads them
  LoadHistory load;                         ///< how concurrency and batch size were adapted
  std::vector<std::string> unjoined_tasks;  ///< still running at the last deadline: only leaving the process ends them

  /// Every stream is complete, every STATE was emitted, teardown went well.
  bool succeeded() const noexcept { return outcome.succeeded() && unjoined_tasks.empty(); }
};

/// Asks a running sync to end in order. Copies ask the same sync. Any thread.
class StopHandle {
 public:
  StopHandle();
  /// See TaskLauncher::request_stop. Before the sync has started it stops it right after the start.
  void request_stop(Error reason) const;

 private:
  friend struct StopAccess;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

struct SyncOptions {
  SyncOptions() = default;

  BatchLimits batch;           ///< `bytes`: unless Destination::load_limits() or load_batch_bytes say otherwise
  LoadRange load_concurrency;  ///< calls at once; what is given here wins over Destination::load_limits()
  LoadRange load_batch_bytes;  ///< the same for the size of batches
  LauncherConfiguration launcher;
  std::uint64_t memory_budget_bytes = 48 << 20;  ///< a part of it is kept for batches that are read back from disk
  SpillSettings spill;                           ///< whether batches wait on disk
  std::shared_ptr<SpillStorage> spill_storage;   ///< where; null: a FolderStorage in spill.directory
  std::uint64_t block_bytes = 1 << 20;           ///< read at once; at least 4 KiB
  std::uint64_t longest_line_bytes = 64 << 20;   ///< a longer one is an error
  std::uint64_t max_streams = 10'000;            ///< a catalog with more is an error: each costs memory and tasks
  bool validate_records = true;                  ///< see Validation
  Duration heartbeat_interval = std::chrono::seconds(1);
  Duration stats_interval = std::chrono::seconds(10);
  RetryPolicies retry;                           ///< of each phase
  Duration patience = std::chrono::seconds(30);  ///< how long a call may go on after its cancellation; then it is
                                                 ///< reported by name, left alone, and the sync fails
  Duration answer_deadline = std::chrono::minutes(30);  ///< for writing STATEs: a reader that takes none is gone
  RejectSink* reject_sink = nullptr;                    ///< none: a stream with a record that cannot be loaded fails
  std::uint64_t jitter_seed = 0;                        ///< of the waits between attempts; 0: a random one
  std::function<void(Notice const&)> on_notice;         ///< what the destination tells (Notices), on any thread; quick
  std::function<void(RetryNotice const&)> on_retry;     ///< before each further attempt, on any thread; quick
  std::function<void(SpillRecovery const&)>
      on_resume;  ///< with spill.resume: what is loaded before anything is read;
                  ///< without: what spill.discard_damaged has given up, if anything
  std::function<void(Error const&)> on_spill_failure;  ///< a disk that cannot be used, where memory does; quick
  std::function<void(LargeRecord const&)>
      on_large_record;                                    ///< before one is read that is larger than the memory; quick
  std::function<void(LoadChange const&)> on_load_change;  ///< after each change, on the control strand; quick
  Duration graceful_timeout = std::chrono::minutes(1);    ///< for the tasks that run when the verdict is known
  std::function<void(SyncProgress const&)> on_progress;   ///< called each stats interval, on the control strand; quick
};

/// Tries what run_sync() would try with these options before it begins: whether they contradict each other, or the
/// limits of the destination, and whether batches can be written where they would wait. Leaves nothing behind. May
/// block. Errors: as run_sync().
void blocking_check_options(SyncOptions const& options, Destination const& destination);

/// One whole sync without a process: reads `source`, loads into `destination`, writes STATE messages to `sink`.
///
/// Threads:  awaited on any executor; tasks run on the caller's executor, each on a strand of its own. (A caller on a
///           strand would keep them all on that one.) Several syncs at once are fine; they share nothing.
/// Lifetime: destination, source, sink and clock outlive the awaited call.
/// Errors:   how the sync went is in the report, not thrown. Error(config) for options that make no sense, or more
///           streams than options.max_streams, or one with files: then nothing was begun.
/// Cancellation: use the StopHandle.
awaitable<SyncReport> run_sync(Destination& destination, ByteSource& source, MessageSink& sink, Clock& clock,
                               DestinationCatalog catalog, SyncOptions options = SyncOptions(),
                               StopHandle stop = StopHandle());

}  // namespace landfall
