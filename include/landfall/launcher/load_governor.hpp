#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/load_limits.hpp>
#include <landfall/launcher/latency_model.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// A number that adapts, and where it stands at first. min <= initial <= max; min == max: fixed.
struct LoadBounds {
  LoadBounds() = default;
  LoadBounds(std::uint64_t least, std::uint64_t most, std::uint64_t first) : min(least), max(most), initial(first) {}
  std::uint64_t min = 1;
  std::uint64_t max = 1;
  std::uint64_t initial = 1;
  friend bool operator==(LoadBounds const&, LoadBounds const&) = default;
};

/// `bounds` with what is given in `range`; where only one side is given, the other follows it. `whose` is for people:
/// "landfall.load.concurrency".
/// Errors: Error(config) which names it when `range` contradicts itself or holds a 0.
LoadBounds narrowed(LoadBounds bounds, LoadRange const& range, std::string_view whose);

/// What a LoadGovernor may do.
struct GovernorSettings {
  /// Without any bounds given, for so many streams and batches of so many bytes. All of the streams at once, 16 at
  /// most: a sync of a few streams never waits for a slot, and with full batches the default memory budget holds no
  /// more than 12. At least 4, since a loader that needs no order may use them for one stream.
  explicit GovernorSettings(std::size_t stream_count, std::uint64_t batch_bytes_at_most = 4 << 20);

  /// Errors: as narrowed().
  void narrow(LoadLimits const& of_destination);

  LoadBounds concurrency;
  LoadBounds batch_bytes;
  Duration quick_call;    ///< LoadLimits
  Duration longest_call;  ///< LoadLimits
};

/// How a call into the store ended, as far as that says something about its load.
enum class CallOutcome {
  ok,
  throttled,    ///< transient, and it said how long to wait (Error::retry_after)
  unavailable,  ///< transient: also a lock that others hold, a connection that broke
  timed_out,    ///< no answer within its deadline
  other,        ///< says nothing: refused records, a bug, a cancellation
};

/// `failure`: none when the call was answered.
CallOutcome outcome_of(std::optional<Error> const& failure, bool timed_out) noexcept;

/// One call that ended.
struct CallReport {
  CallReport(TimePoint start, TimePoint end, CallOutcome how, std::uint64_t of_bytes = 0,
             std::optional<std::chrono::milliseconds> wait = std::nullopt)
      : started_at(start), ended_at(end), outcome(how), bytes(of_bytes), retry_after(wait) {}
  TimePoint started_at;
  TimePoint ended_at;
  CallOutcome outcome;
  std::uint64_t bytes;  ///< of its batch; 0 where only the outcome counts
  std::optional<std::chrono::milliseconds> retry_after;
};

/// What adapts.
enum class LoadKnob { concurrency, batch_bytes };

/// One decision of a LoadGovernor, for a log and a report.
struct LoadChange {
  LoadChange(Duration since_start, LoadKnob which, std::uint64_t before, std::uint64_t after, std::string reason)
      : at(since_start), knob(which), from(before), to(after), why(std::move(reason)) {}
  Duration at;  ///< since the start of the sync
  LoadKnob knob;
  std::uint64_t from;
  std::uint64_t to;
  std::string why;  ///< "throttled (retry after 1.0 s) 3 times"
};

/// "concurrency 4 → 2: throttled (retry after 1.0 s) 3 times".
std::string to_string(LoadChange const& change);

/// What a LoadGovernor changed in the course of a sync.
struct LoadHistory {
  LoadHistory() = default;
  static constexpr std::size_t most_kept = 20;
  void add(LoadChange change);
  std::vector<LoadChange> last;  ///< oldest first, most_kept at most
  std::uint64_t count = 0;       ///< of all
};

/// How many process_records() calls may run at once, of all streams, and how large the next batches are: found out from
/// what the store answers, by additive increase and multiplicative decrease.
///
/// Less:     half after a call was throttled; three quarters after one that was unavailable or timed out; as many as
///           are needed to keep the store busy when half of the calls of two windows took over twice the expected time.
///           Once for each round-trip: a call that began before the last decrease does not decrease again. When fewer
///           calls are no quicker, they were not the reason: it takes that back, and expects what it sees.
/// More:     one more after a window of good calls (as many as the limit, 4 at least) in which somebody waited for a
///           slot; an idle sync does not grow. Twice as many until the first sign of trouble. The number at which there
///           was trouble is tried again only after 8 good windows.
/// Batches:  smaller after a time-out, when they are refused as a whole but accepted in halves, and when calls take
///           longer than GovernorSettings::longest_call. Larger, as a trial, when the fixed cost of a call weighs: what
///           did not gain a tenth is taken back.
/// Threads:  none: the TaskLauncher has it on its control strand. No clock, no I/O: times are given.
/// Source:   TCP (RFC 5681), Netflix concurrency-limits (AIMD, gradient), Vector's adaptive request concurrency; and
///           what their users complain about: baselines that drift, slow recovery, growth that nobody uses.
class LoadGovernor {
 public:
  LoadGovernor(GovernorSettings settings, TimePoint started_at);

  /// A wait for the next attempt that is no longer keeps its slot: the store asked for a pause, and nobody else uses
  /// it meanwhile. A longer one, which only a retry-after can ask for, must not hold others up.
  static constexpr Duration longest_wait_with_slot = std::chrono::seconds(30);

  std::size_t concurrency() const noexcept { return concurrency_; }
  std::uint64_t batch_bytes() const noexcept { return batch_bytes_; }
  std::size_t slots_taken() const noexcept { return slots_taken_; }

  bool has_slot() const noexcept { return slots_taken_ < concurrency_; }
  /// Asserts has_slot().
  void take_slot();
  void give_slot_back();
  /// Somebody waits for a slot: the limit is really used.
  void note_waiting() noexcept { waited_ = true; }

  /// What follows from it: nothing, mostly.
  std::vector<LoadChange> call_ended(CallReport const& call);

  /// A batch of so many bytes was refused as a whole, and accepted in parts.
  std::vector<LoadChange> batch_too_large(std::uint64_t bytes, TimePoint at);

 private:
  /// A decrease because calls were slow: did it help?
  struct SlowDecrease {
    double slowness;
    std::uint64_t from;
  };
  /// Batches became larger: did it help?
  struct LargerBatches {
    std::uint64_t from;
    double bytes_per_second;  // of one call
    std::size_t windows = 0;
  };

  void trouble(CallReport const& call);
  void window_ended(TimePoint at);
  void learn(double slowness);
  void change_one_thing(double slowness, TimePoint at);
  bool take_back_useless_decrease(double slowness, TimePoint at);
  bool decrease_when_slow(double slowness, TimePoint at);
  bool shrink_when_long(TimePoint at);
  bool judge_larger_batches(TimePoint at);
  bool increase(double slowness, TimePoint at);
  void try_larger_batches(TimePoint at);
  void shrink_after_time_out(CallReport const& call);
  void set_concurrency(std::uint64_t to, TimePoint at, std::string why);
  void set_batch_bytes(std::uint64_t to, TimePoint at, std::string why);
  void begin_window() noexcept;
  std::uint64_t really_used() const noexcept;
  TimedCall typical_call() const;
  double bytes_per_second() const;
  std::string describe_typical_call() const;

  GovernorSettings const settings_;
  TimePoint const started_at_;
  std::uint64_t concurrency_;
  std::uint64_t batch_bytes_;
  std::size_t slots_taken_ = 0;

  // The window that runs: calls that began since the limit last changed.
  std::vector<TimedCall> window_;
  std::size_t most_slots_taken_ = 0;
  bool waited_ = false;
  TimePoint limit_since_;

  LatencyModel model_;
  std::uint64_t quick_with_ = 0;               // calls at once, when they were last as quick as expected
  std::size_t slow_windows_ = 0;               // in a row
  bool doubles_ = true;                        // no trouble yet
  std::size_t troubled_calls_ = 0;             // since the last change of the concurrency
  std::optional<TimePoint> trouble_since_;     // the last decrease because of trouble
  std::optional<std::uint64_t> trouble_from_;  // at so many calls
  bool good_since_trouble_ = false;
  std::size_t windows_below_trouble_ = 0;  // good ones
  std::optional<SlowDecrease> slow_decrease_;

  std::optional<LargerBatches> larger_batches_;
  std::size_t windows_until_larger_ = 0;
  std::optional<TimePoint> shrunk_at_;
  std::uint64_t most_batch_bytes_;  // settings, or less where the store refused more

  std::vector<LoadChange> changes_;  // of the call at hand
};

}  // namespace landfall
