#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <landfall/destination/batch.hpp>
#include <landfall/launcher/retry_policy.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/protocol/state_message.hpp>
#include <landfall/spill/spill_settings.hpp>
#include <landfall/testing/fault_plan.hpp>

namespace landfall::testing {

/// How a destination says that it cannot load a record.
enum class RejectStyle : std::uint8_t {
  by_name,    ///< RejectedRecords with the numbers
  nameless,   ///< RejectedRecords without
  in_answer,  ///< Batch::rejecting
};

/// One stream of a scenario.
struct StreamPlan {
  StreamPlan() = default;
  StreamDescriptor descriptor;
  DestinationSyncMode mode = DestinationSyncMode::append;
  std::optional<std::int64_t> generation;  ///< with `minimum`, or neither
  std::optional<std::int64_t> minimum;
  std::size_t old_rows = 0;           ///< in the destination before the sync, numbered from 0
  std::vector<std::uint64_t> poison;  ///< rows that the destination rejects, ascending
  RejectStyle reject_style = RejectStyle::by_name;

  bool replaces() const noexcept { return mode == DestinationSyncMode::overwrite || minimum.value_or(0) > 0; }
  /// Attempts do not go on with what an earlier one loaded: its STATEs are worth nothing before a good close().
  bool starts_anew() const noexcept { return replaces() && minimum.value_or(0) == 0; }
};

/// The rows of a stream that the source sends are numbered from here on, those that were there before from 0: so a
/// newer row has the higher number.
constexpr std::uint64_t first_row = 1000;

/// What stands next in the input.
enum class StepKind : std::uint8_t {
  record,
  state,
  complete,    ///< a COMPLETE status
  incomplete,  ///< an INCOMPLETE status
  noise,       ///< a line that means nothing to a destination
  pause,
  bad_line,
  read_error,
};

/// How the line of a record is no JSON.
enum class Damage : std::uint8_t {
  none,
  in_data,  ///< a value in its data
  cut,      ///< its end is missing
  behind,   ///< behind the record
};

struct InputStep {
  InputStep() = default;
  StepKind kind = StepKind::record;
  StateKind state = StateKind::stream;  ///< of a STATE
  std::size_t stream = 0;               ///< place in the catalog: of a record, a status, a STREAM state
  std::uint64_t number = 0;             ///< of a record: its row, from first_row in each stream; of a STATE: its id
  std::uint64_t key = 0;                ///< of a record: its primary key. Of a noise or a bad line: which one
  std::size_t padding = 0;              ///< of a record: bytes that make it larger
  Damage damage = Damage::none;         ///< of a record
  Duration pause{};
};

/// One simulated sync: what comes in, what the destination does, what goes wrong, and the seed of the schedule.
///
/// A plain value: the same scenario gives the same course, event for event.
struct Scenario {
  Scenario() = default;

  std::uint64_t seed = 0;  ///< of the order in which ready work runs, and of the waits between attempts
  std::vector<StreamPlan> streams;
  std::vector<InputStep> input;
  bool cut_last_line = false;     ///< the input ends in the middle of its last line
  std::size_t read_bytes = 4096;  ///< a read brings at most so many

  std::size_t batch_records = 4;
  std::uint64_t batch_bytes = 1 << 20;
  Duration batch_age = std::chrono::seconds(5);
  std::uint64_t memory_budget_bytes = 1 << 20;
  std::uint64_t block_bytes = 4096;
  Duration heartbeat = std::chrono::seconds(2);
  std::size_t open_workers = 2;
  OnStreamFailure on_stream_failure = OnStreamFailure::isolate;
  OnStop on_stop = OnStop::finish;
  RetryPolicy retry = RetryPolicy(3, 1, std::chrono::seconds(60), std::chrono::minutes(30));  ///< of every phase
  Duration patience = std::chrono::seconds(30);
  bool has_reject_sink = true;

  std::vector<BatchState> answers{BatchState::complete};  ///< of the loader, one after the other
  bool needs_order = true;                                ///< else batches of a stream are loaded side by side
  std::optional<std::size_t> calls_at_once;               ///< always; none: found out
  SpillPolicy spill = SpillPolicy::never;                 ///< to a simulated disk
  bool resume = false;                                    ///< with `always`: what waits there counts as persisted
  bool load_steps = false;                                ///< a pipeline of two steps does the work instead
  Duration latency{};                                     ///< each call of the destination takes up to this
  std::vector<Fault> faults;
  std::optional<std::uint64_t> stop_at;         ///< a request to stop before this event of the simulation
  std::optional<std::uint64_t> crash_at;        ///< the process is gone before this event
  std::optional<std::uint64_t> power_cut_at;    ///< the process is gone when the disk has made this step
  std::optional<std::uint64_t> crash_again_at;  ///< so is the one that goes on after it
  std::uint64_t disk_fate = 0;                  ///< what is on the disk after a crash: SimulatedDisk::after_crash()
};

/// What make_scenario() may come up with.
struct ScenarioLimits {
  ScenarioLimits() = default;
  std::size_t most_streams = 3;
  std::size_t most_steps = 40;  ///< lines and pauses of the input, about
  std::vector<DestinationSyncMode> modes{DestinationSyncMode::append, DestinationSyncMode::overwrite,
                                         DestinationSyncMode::append_dedup};
  bool with_generations = true;
  bool with_faults = true;
  bool with_retries = true;       ///< faults that the retries must heal; else only those that fail a stream at once
  bool with_late_probes = true;   ///< a probe() that ignores its cancellation
  bool with_hang_at_stop = true;  ///< a call that hangs when a stop cancels
  bool with_rejects = true;
  bool with_bad_input = true;
  bool with_stop = true;
  bool with_crash = true;
  bool with_resume = true;  ///< of a destination that knows the ids of its batches after a crash
  bool own_loader = true;   ///< the answers, steps and need of order of MemoryDestination vary too
};

/// The same seed and limits give the same scenario, on every machine.
Scenario make_scenario(std::uint64_t seed, ScenarioLimits const& limits = ScenarioLimits());

/// For people: everything that differs from the defaults, a line for each stream, input step and fault.
std::string to_string(Scenario const& scenario);

/// The catalog of a scenario.
DestinationCatalog make_catalog(Scenario const& scenario);

/// The input as bytes.
struct InputText {
  InputText() = default;
  std::string bytes;
  std::vector<std::size_t> ends;  ///< of each step in `bytes`; a pause and a read error have no bytes of their own
};
InputText make_input(Scenario const& scenario, std::vector<InputStep> const& steps, bool cut_last_line);

/// The `data` of a record.
void append_data(std::string& out, InputStep const& record);

/// The line of a record, without its end.
void append_record_line(std::string& out, Scenario const& scenario, InputStep const& record);

/// It goes to the reject file: there is one, and the line says whose record it is. Else a damaged line ends the
/// reading.
bool may_be_rejected(Scenario const& scenario, InputStep const& damaged);

/// The line of a STATE up to where a destination adds its own members.
void append_state_head(std::string& out, Scenario const& scenario, InputStep const& state);

/// The row that this `data` is, or nothing when it is none of ours.
std::optional<std::uint64_t> row_of(std::string_view data);

/// For each stream: the number of the first of its rows that no acknowledged STATE (by id) stands behind; 0: none does.
std::vector<std::uint64_t> covered_rows(Scenario const& scenario, std::vector<std::uint64_t> const& acknowledged);

/// What the source sends when the sync is repeated after `acknowledged` STATEs (their ids): all that is not covered by
/// them, healthy and to its end. A stream whose attempts start anew comes whole. With resume what was rejected stays
/// damaged: an earlier copy of it may be on disk.
std::vector<InputStep> repeated_input(Scenario const& scenario, std::vector<std::uint64_t> const& acknowledged);

}  // namespace landfall::testing
