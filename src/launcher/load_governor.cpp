#include <landfall/launcher/load_governor.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

constexpr std::uint64_t most_streams_at_once = 16;
constexpr std::uint64_t usual_most_concurrency = 64;
constexpr std::uint64_t usual_least_batch_bytes = 64 << 10;

constexpr std::size_t shortest_window = 4;          // calls: one that is out of line does not decide
constexpr double throttled_factor = 0.5;            // the store said it
constexpr double trouble_factor = 0.75;             // it may have another reason
constexpr double slow_from = 2.0;                   // times the expected latency
constexpr std::size_t slow_windows_that_count = 2;  // one may be an accident
constexpr double no_longer_doubles_from = 1.4;      // the same: a queue begins
constexpr double room_in_queue = 1.25;              // times what keeps a store busy that queues its calls
constexpr double better_than = 0.9;                 // times the slowness before a decrease: it helped
constexpr std::size_t windows_below_trouble = 8;    // before the number of calls with trouble is tried again
constexpr double full_from = 0.7;                   // of the size that batches may have
constexpr double fixed_cost_weighs_from = 0.2;      // of a call's latency
constexpr double gain_from = 1.1;                   // times the bytes a second before batches became larger
constexpr std::size_t windows_of_trial = 8;         // then no batch becomes that large
constexpr std::size_t windows_between_trials = 16;
constexpr std::size_t windows_after_time_out = 32;

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1'000) return fmt::format("{} bytes", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// For a sentence: 0.25 s, 1.2 s, 75 s.
std::string time_text(Duration time) {
  double const value = seconds(time);
  if (value < 1) return fmt::format("{:.2f} s", value);
  return value < 10 ? fmt::format("{:.1f} s", value) : fmt::format("{:.0f} s", value);
}

std::string times_text(std::size_t count) { return count > 1 ? fmt::format(" {} times", count) : std::string(); }

std::string trouble_text(CallReport const& call, std::size_t count) {
  switch (call.outcome) {
    case CallOutcome::throttled:
      return fmt::format("throttled (retry after {}){}",
                         time_text(call.retry_after.value_or(std::chrono::milliseconds(0))), times_text(count));
    case CallOutcome::unavailable:
      return fmt::format("the store was unavailable{}", times_text(count));
    case CallOutcome::timed_out:
      return fmt::format("no answer within {}{}", time_text(call.ended_at - call.started_at), times_text(count));
    case CallOutcome::ok:
    case CallOutcome::other:
      break;
  }
  assertion_failed("an outcome that means trouble", __FILE__, __LINE__);
  return "";
}

std::uint64_t part_of(std::uint64_t value, double factor) {
  return static_cast<std::uint64_t>(static_cast<double>(value) * factor);
}

void require(bool holds, std::string_view whose, char const* rule) {
  if (!holds) throw config_error("{}: {}", whose, rule);
}

}  // namespace

LoadBounds narrowed(LoadBounds bounds, LoadRange const& range, std::string_view whose) {
  std::uint64_t const least = range.min.value_or(1);
  require(least >= 1 && range.max.value_or(1) >= 1 && range.initial.value_or(1) >= 1, whose, "must be at least 1");
  require(least <= range.max.value_or(least), whose, "min must not be more than max");
  require(least <= range.initial.value_or(least), whose, "initial must not be less than min");
  require(!range.max || range.initial.value_or(1) <= *range.max, whose, "initial must not be more than max");
  if (range.min) bounds.min = *range.min;
  if (range.max) bounds.max = *range.max;
  if (!range.max) bounds.max = std::max({bounds.max, bounds.min, range.initial.value_or(1)});
  if (!range.min) bounds.min = std::min({bounds.min, bounds.max, range.initial.value_or(bounds.max)});
  bounds.initial = std::clamp(range.initial.value_or(bounds.initial), bounds.min, bounds.max);
  return bounds;
}

GovernorSettings::GovernorSettings(std::size_t stream_count, std::uint64_t batch_bytes_at_most)
    : concurrency(1, usual_most_concurrency, std::clamp<std::uint64_t>(stream_count, 4, most_streams_at_once)),
      batch_bytes(std::min(usual_least_batch_bytes, batch_bytes_at_most), batch_bytes_at_most, batch_bytes_at_most),
      quick_call(LoadLimits().quick_call),
      longest_call(LoadLimits().longest_call) {}

void GovernorSettings::narrow(LoadLimits const& of_destination) {
  concurrency = narrowed(concurrency, of_destination.concurrency, "the destination's load_limits().concurrency");
  batch_bytes = narrowed(batch_bytes, of_destination.batch_bytes, "the destination's load_limits().batch_bytes");
  quick_call = of_destination.quick_call;
  longest_call = of_destination.longest_call;
}

CallOutcome outcome_of(std::optional<Error> const& failure, bool timed_out) noexcept {
  if (!failure) return CallOutcome::ok;
  if (timed_out) return CallOutcome::timed_out;
  if (failure->error_class() != ErrorClass::transient) return CallOutcome::other;
  return failure->retry_after() ? CallOutcome::throttled : CallOutcome::unavailable;
}

void LoadHistory::add(LoadChange change) {
  ++count;
  if (last.size() == most_kept) last.erase(last.begin());
  last.push_back(std::move(change));
}

std::string to_string(LoadChange const& change) {
  switch (change.knob) {
    case LoadKnob::concurrency:
      return fmt::format("concurrency {} → {}: {}", change.from, change.to, change.why);
    case LoadKnob::batch_bytes:
      return fmt::format("batch size {} → {}: {}", size_text(change.from), size_text(change.to), change.why);
  }
  assertion_failed("a known knob", __FILE__, __LINE__);
  return "";
}

LoadGovernor::LoadGovernor(GovernorSettings settings, TimePoint started_at)
    : settings_(settings),
      started_at_(started_at),
      concurrency_(settings.concurrency.initial),
      batch_bytes_(settings.batch_bytes.initial),
      limit_since_(started_at),
      most_batch_bytes_(settings.batch_bytes.max) {
  for (LoadBounds const& bounds : {settings_.concurrency, settings_.batch_bytes}) {
    LANDFALL_ASSERT(bounds.min >= 1);
    LANDFALL_ASSERT(bounds.min <= bounds.initial);
    LANDFALL_ASSERT(bounds.initial <= bounds.max);
  }
}

void LoadGovernor::take_slot() {
  LANDFALL_ASSERT(has_slot());
  ++slots_taken_;
  most_slots_taken_ = std::max(most_slots_taken_, slots_taken_);
}

void LoadGovernor::give_slot_back() {
  LANDFALL_ASSERT(slots_taken_ > 0);
  --slots_taken_;
}

std::vector<LoadChange> LoadGovernor::call_ended(CallReport const& call) {
  LANDFALL_ASSERT(changes_.empty());
  switch (call.outcome) {
    case CallOutcome::ok:
      if (call.bytes == 0 || call.started_at < limit_since_) break;  // it ran under another limit
      window_.emplace_back(call.bytes, call.ended_at - call.started_at);
      if (window_.size() >= std::max<std::uint64_t>(shortest_window, really_used())) window_ended(call.ended_at);
      break;
    case CallOutcome::throttled:
    case CallOutcome::unavailable:
    case CallOutcome::timed_out:
      trouble(call);
      break;
    case CallOutcome::other:
      break;
  }
  return std::exchange(changes_, {});
}

std::vector<LoadChange> LoadGovernor::batch_too_large(std::uint64_t bytes, TimePoint at) {
  LANDFALL_ASSERT(changes_.empty());
  larger_batches_.reset();
  most_batch_bytes_ = std::clamp(part_of(bytes, 0.75), settings_.batch_bytes.min, most_batch_bytes_);
  std::uint64_t const half = std::max(settings_.batch_bytes.min, bytes / 2);
  if (half < batch_bytes_) {
    set_batch_bytes(half, at, fmt::format("one of {} was refused as a whole, its parts were not", size_text(bytes)));
  }
  return std::exchange(changes_, {});
}

void LoadGovernor::trouble(CallReport const& call) {
  ++troubled_calls_;
  doubles_ = false;
  slow_decrease_.reset();
  if (call.outcome == CallOutcome::timed_out) shrink_after_time_out(call);
  if (trouble_since_ && call.started_at < *trouble_since_) return;  // told already, by another call of that time
  trouble_since_ = call.ended_at;
  std::uint64_t const used = really_used();
  // Trouble after trouble is one outage: that it fails at two calls as well says nothing about two calls.
  if (!trouble_from_ || good_since_trouble_) trouble_from_ = used;
  good_since_trouble_ = false;
  windows_below_trouble_ = 0;
  double const factor = call.outcome == CallOutcome::throttled ? throttled_factor : trouble_factor;
  std::uint64_t const fewer = std::max<std::uint64_t>({part_of(used, factor), settings_.concurrency.min, 1});
  if (fewer < concurrency_) set_concurrency(fewer, call.ended_at, trouble_text(call, troubled_calls_));
  begin_window();
}

void LoadGovernor::shrink_after_time_out(CallReport const& call) {
  larger_batches_.reset();
  windows_until_larger_ = windows_after_time_out;
  bool const same_round_trip = shrunk_at_ && call.started_at < *shrunk_at_;
  if (same_round_trip || call.bytes < batch_bytes_ / 2) return;  // a small one has another reason
  std::uint64_t const half = std::max(settings_.batch_bytes.min, std::min(batch_bytes_, call.bytes) / 2);
  if (half >= batch_bytes_) return;
  shrunk_at_ = call.ended_at;
  set_batch_bytes(half, call.ended_at,
                  fmt::format("one of {} had no answer within {}", size_text(call.bytes),
                              time_text(call.ended_at - call.started_at)));
}

void LoadGovernor::window_ended(TimePoint at) {
  good_since_trouble_ = true;
  double const slowness = model_.slowness(window_);
  if (!take_back_useless_decrease(slowness, at)) {
    learn(slowness);
    change_one_thing(slowness, at);
  }
  begin_window();
}

// Of calls that were slower only where it cannot be our own doing: else a queue that we make would soon be normal.
void LoadGovernor::learn(double slowness) {
  bool const is_quicker = model_.knows_nothing() || slowness < 1;
  if (is_quicker) quick_with_ = really_used();
  if (is_quicker || really_used() <= quick_with_) model_.learn(window_);
}

// Not two of them, so that the next window tells what it did.
void LoadGovernor::change_one_thing(double slowness, TimePoint at) {
  if (decrease_when_slow(slowness, at)) return;
  if (shrink_when_long(at)) return;
  if (judge_larger_batches(at)) return;
  if (increase(slowness, at)) return;
  try_larger_batches(at);
}

bool LoadGovernor::take_back_useless_decrease(double slowness, TimePoint at) {
  auto const before = std::exchange(slow_decrease_, std::nullopt);
  if (!before || slowness < better_than * before->slowness) return false;
  model_.slow_down(slowness);
  quick_with_ = really_used();
  set_concurrency(before->from, at,
                  fmt::format("fewer calls at once were no quicker ({}): the store itself has become slower",
                              describe_typical_call()));
  return true;
}

bool LoadGovernor::decrease_when_slow(double slowness, TimePoint at) {
  if (slowness <= slow_from || typical_call().latency <= settings_.quick_call) {
    slow_windows_ = 0;
    return false;
  }
  doubles_ = false;
  if (++slow_windows_ < slow_windows_that_count) return false;
  slow_windows_ = 0;
  std::uint64_t const used = really_used();
  // Of calls that take n times as long as one alone, an n-th keeps the store as busy; the others only wait.
  double const factor = std::clamp(room_in_queue / slowness, 0.5, better_than);
  std::uint64_t const fewer = std::max<std::uint64_t>({part_of(used, factor), settings_.concurrency.min, 1});
  if (fewer >= used || fewer >= concurrency_) return false;
  slow_decrease_ = SlowDecrease{slowness, concurrency_};
  set_concurrency(fewer, at,
                  fmt::format("calls took {:.1f} times as long as expected ({})", slowness, describe_typical_call()));
  return true;
}

bool LoadGovernor::shrink_when_long(TimePoint at) {
  TimedCall const call = typical_call();
  if (call.latency <= settings_.longest_call || call.bytes < batch_bytes_ / 2) return false;
  if (model_.fixed_share(call.bytes).value_or(0) > 0.5) return false;  // smaller ones would take as long
  double const factor = std::clamp(seconds(settings_.longest_call) / seconds(call.latency), 0.5, better_than);
  std::uint64_t const smaller = std::max(settings_.batch_bytes.min, part_of(batch_bytes_, factor));
  if (smaller >= batch_bytes_) return false;
  larger_batches_.reset();
  windows_until_larger_ = windows_between_trials;
  set_batch_bytes(
      smaller, at,
      fmt::format("calls took {}, more than {}", time_text(call.latency), time_text(settings_.longest_call)));
  return true;
}

// True while the trial is undecided as well: nothing else may change meanwhile.
bool LoadGovernor::judge_larger_batches(TimePoint at) {
  if (!larger_batches_) return false;
  LargerBatches& trial = *larger_batches_;
  if (typical_call().bytes < part_of(batch_bytes_, full_from)) {
    if (++trial.windows < windows_of_trial) return true;
    larger_batches_.reset();  // other limits close the batches
    windows_until_larger_ = windows_between_trials;
    return false;
  }
  LargerBatches const before = *std::exchange(larger_batches_, std::nullopt);
  if (bytes_per_second() >= gain_from * before.bytes_per_second) return false;
  windows_until_larger_ = windows_between_trials;
  set_batch_bytes(before.from, at,
                  fmt::format("larger ones were no quicker ({}/s a call, {}/s before)",
                              size_text(static_cast<std::uint64_t>(bytes_per_second())),
                              size_text(static_cast<std::uint64_t>(before.bytes_per_second))));
  return true;
}

bool LoadGovernor::increase(double slowness, TimePoint at) {
  bool const queues = slowness > no_longer_doubles_from && typical_call().latency > settings_.quick_call;
  if (queues) doubles_ = false;
  if (!waited_ || concurrency_ >= settings_.concurrency.max) return false;
  if (slowness > slow_from && queues) return false;
  std::uint64_t const more = std::min(doubles_ ? 2 * concurrency_ : concurrency_ + 1, settings_.concurrency.max);
  if (trouble_from_ && more >= *trouble_from_) {
    if (++windows_below_trouble_ < windows_below_trouble) return false;
    trouble_from_.reset();
  }
  set_concurrency(more, at,
                  fmt::format("all were in use, and {} calls went well ({})", window_.size(), describe_typical_call()));
  return true;
}

void LoadGovernor::try_larger_batches(TimePoint at) {
  if (windows_until_larger_ > 0) --windows_until_larger_;
  TimedCall const call = typical_call();
  bool const are_full = call.bytes >= part_of(batch_bytes_, full_from);
  bool const takes_time = 2 * call.latency > settings_.longest_call;
  if (windows_until_larger_ > 0 || batch_bytes_ >= most_batch_bytes_ || !are_full || takes_time) return;
  auto const fixed_share = model_.fixed_share(call.bytes);
  if (fixed_share && *fixed_share < fixed_cost_weighs_from) return;
  larger_batches_ = LargerBatches{batch_bytes_, bytes_per_second()};
  set_batch_bytes(std::min(2 * batch_bytes_, most_batch_bytes_), at,
                  fixed_share ? fmt::format("{:.0f} % of a call's {} do not depend on its size", 100 * *fixed_share,
                                            time_text(call.latency))
                              : fmt::format("a trial whether larger ones are quicker ({})", describe_typical_call()));
}

void LoadGovernor::set_concurrency(std::uint64_t to, TimePoint at, std::string why) {
  LANDFALL_ASSERT(to >= settings_.concurrency.min);
  LANDFALL_ASSERT(to <= settings_.concurrency.max);
  troubled_calls_ = 0;
  limit_since_ = at;
  changes_.emplace_back(at - started_at_, LoadKnob::concurrency, std::exchange(concurrency_, to), to, std::move(why));
}

void LoadGovernor::set_batch_bytes(std::uint64_t to, TimePoint at, std::string why) {
  LANDFALL_ASSERT(to >= settings_.batch_bytes.min);
  LANDFALL_ASSERT(to <= settings_.batch_bytes.max);
  changes_.emplace_back(at - started_at_, LoadKnob::batch_bytes, std::exchange(batch_bytes_, to), to, std::move(why));
}

void LoadGovernor::begin_window() noexcept {
  window_.clear();
  waited_ = false;
  most_slots_taken_ = slots_taken_;
}

// A limit that nobody reaches says nothing: what ran is what the store felt.
std::uint64_t LoadGovernor::really_used() const noexcept {
  return std::clamp<std::uint64_t>(most_slots_taken_, 1, concurrency_);
}

TimedCall LoadGovernor::typical_call() const {
  LANDFALL_ASSERT(!window_.empty());
  std::vector<TimedCall> calls = window_;
  auto const middle = calls.begin() + static_cast<std::ptrdiff_t>(calls.size() / 2);
  std::nth_element(calls.begin(), middle, calls.end(),
                   [](TimedCall const& a, TimedCall const& b) { return a.latency < b.latency; });
  return *middle;
}

double LoadGovernor::bytes_per_second() const {
  double bytes = 0;
  double time = 0;
  for (TimedCall const& call : window_) {
    bytes += static_cast<double>(call.bytes);
    time += seconds(call.latency);
  }
  return bytes / std::max(time, 1e-6);
}

std::string LoadGovernor::describe_typical_call() const {
  TimedCall const call = typical_call();
  return fmt::format("{} for {}", time_text(call.latency), size_text(call.bytes));
}

}  // namespace landfall
