#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <landfall/testing/scenario.hpp>
#include <landfall/testing/simulated_sync.hpp>

namespace landfall::testing {

/// A promise that was broken.
struct Violation {
  Violation(int of_promise, std::string what_happened) : promise(of_promise), what(std::move(what_happened)) {}

  int promise;  ///< as numbered by to_string(Violation)
  std::string what;
};

/// "promise 1, a STATE never outruns its records: ...".
std::string to_string(Violation const& violation);

/// What the oracle may rely on.
struct OracleOptions {
  OracleOptions() = default;
  bool store_is_watched = true;  ///< the trace tells what became durable; else what the loader answers is believed
  bool with_retries = true;      ///< faults that retries heal must be healed
};

/// Judges one run by what was seen of it from outside, and by the rules of its scenario. It shares no code with the
/// library's own bookkeeping.
///
/// Promises:  1 a STATE never outruns its records; 2 every record is accounted for once; 3 every ending is an ending:
///            life-cycle, order of calls, deadline; 4 bounded memory; 5 one stream's failure is its own, and a failure
///            shows in the result, and only a failure does.
/// Healed:    what must not fail a stream: a transient error while attempts are left; an unknown outcome, or anything
///            else thrown in a process call, when probe() knows what became of it, while attempts are left; a slow or
///            late answer; rejected records with a reject sink.
/// Failing:   a STATE of a stream that fails is written all the same when the loader had answered for every record
///            before it, in time for anybody to hear of it. That is part of promise 5.
/// Resume:    a STATE may stand behind records that wait on disk; that they are loaded in the end is seen in the rows.
///            Records of an earlier process come at most once more, before those that are read.
/// Tolerated: which streams fail when the whole sync is hit (its output, setup, fail-fast, a stop that cancels or whose
///            time is over).
/// Returns:   the first broken promise.
std::optional<Violation> check_run(Scenario const& scenario, std::vector<InputStep> const& input, bool cut_last_line,
                                   ObservedRun const& run, OracleOptions const& options = OracleOptions());

/// The rows of a stream that are at the reject sink, once each, ascending.
std::vector<std::uint64_t> rejected_rows(ObservedRun const& run, std::size_t stream);

/// A row as it is found in the destination.
struct FoundRow {
  FoundRow() = default;
  FoundRow(std::uint64_t row_number, std::uint64_t row_key) : number(row_number), key(row_key) {}
  std::uint64_t number = 0;
  std::uint64_t key = 0;
};

/// Judges what a stream holds after `first`, before anything else is loaded.
std::optional<Violation> check_rows_after_first(Scenario const& scenario, ObservedRun const& first, std::size_t stream,
                                                std::vector<FoundRow> const& found);

/// Judges what a stream holds when the sync was repeated, each time from the STATEs on that were acknowledged before,
/// and the last of `runs` went well: the same as after a plain replay of the input by the rules of the stream's sync
/// mode. A row that the first one has acknowledged is there once, another one at least once.
std::optional<Violation> check_rows_at_end(Scenario const& scenario, std::vector<ObservedRun const*> const& runs,
                                           std::size_t stream, std::vector<FoundRow> const& found);

}  // namespace landfall::testing
