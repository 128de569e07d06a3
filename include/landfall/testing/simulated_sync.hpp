#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <landfall/connector/run_sync.hpp>
#include <landfall/destination/destination.hpp>
#include <landfall/testing/fault_injector.hpp>
#include <landfall/testing/memory_destination.hpp>
#include <landfall/testing/scenario.hpp>
#include <landfall/testing/simulated_disk.hpp>
#include <landfall/testing/trace.hpp>

namespace landfall::testing {

/// What was seen of one simulated process.
struct ObservedRun {
  ObservedRun() = default;

  Trace trace;
  std::optional<SyncReport> report;  ///< none when the sync threw, or did not end
  std::string stuck;                 ///< why it did not end; empty when it did
  std::size_t steps_read = 0;        ///< of its input, handed to the reader
  bool end_read = false;             ///< the reader was told that the input has ended
  bool crashed = false;
  bool stopped = false;                          ///< a stop was requested while it ran
  std::set<std::size_t> unordered_streams;       ///< whose loaders said that they need no order
  std::vector<RecordNumber> first_numbers;       ///< of each stream; empty: with resume it ended before it knew them
  std::vector<std::vector<std::uint64_t>> rows;  ///< of each stream, by record number
  std::vector<std::set<RecordNumber>> damaged;   ///< of each stream, the numbers of records that cannot be read
  std::size_t parked = 0;                        ///< pieces of work that still waited when the sync had ended
  std::uint64_t longest_line = 0;                ///< of its input, and of what is loaded again, in bytes
  std::uint64_t events = 0;                      ///< of the simulation
  TimePoint ended_at{};                          ///< virtual
};

/// What a run is made of, beside its scenario.
struct RunParts {
  RunParts() = default;

  /// Makes the process's destination. `trace` may be told what becomes durable, at the time of `clock`.
  std::function<std::unique_ptr<Destination>(Trace& trace, Clock& clock)> make_destination;
  std::vector<InputStep> input;
  bool cut_last_line = false;
  bool with_faults = true;                     ///< else the scenario's faults and its stop are left out
  std::optional<std::uint64_t> crash_at;       ///< before this event
  std::optional<std::uint64_t> power_cut_at;   ///< when the disk has made this step
  std::shared_ptr<SimulatedDisk> disk;         ///< to spill to
  std::vector<std::vector<InputStep>> before;  ///< the records that earlier processes have read, by stream and number
  std::uint64_t longest_line_before = 0;       ///< of their inputs
  int day = 0;                                 ///< of its clock
  std::function<void()> on_crash;
  CallGate* gate = nullptr;  ///< not owned
  /// Called when nothing is ready, before the time goes on: true when it made something ready.
  std::function<bool()> on_idle;
};

/// One whole sync in virtual time, in a process of its own. With equal arguments it does the same, event for event.
ObservedRun run_process(Scenario const& scenario, RunParts parts);

/// The virtual time within which a sync of this scenario has to end.
Duration longest_time(Scenario const& scenario, std::size_t steps);

/// The ids of the STATEs that were written.
std::vector<std::uint64_t> acknowledged(Trace const& trace);

}  // namespace landfall::testing
