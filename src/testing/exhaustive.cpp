#include <landfall/testing/exhaustive.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/wait_list.hpp>
#include <landfall/testing/scenario_run.hpp>

namespace landfall::testing {

namespace {

/// One way through a tree whose shape shows only on the way: where to turn, and how many ways there were. After a walk,
/// next() turns to the one beside it, until all were gone.
class Path {
 public:
  std::size_t choose(std::size_t ways) {
    if (depth_ == turns_.size()) turns_.emplace_back(0, ways);
    return turns_[depth_++].first;
  }

  /// False when there is none left.
  bool next() {
    turns_.resize(depth_);  // a walk may be shorter than the one before
    depth_ = 0;
    while (!turns_.empty() && turns_.back().first + 1 >= turns_.back().second) turns_.pop_back();
    if (turns_.empty()) return false;
    ++turns_.back().first;
    return true;
  }

  std::string text() const {
    std::string text;
    for (auto const& [turn, ways] : turns_) text += fmt::format("{}{}/{}", text.empty() ? "" : " ", turn + 1, ways);
    return text;
  }

 private:
  std::vector<std::pair<std::size_t, std::size_t>> turns_;
  std::size_t depth_ = 0;
};

/// Holds every call, and lets the one go on that the path names.
class PathGate final : public CallGate {
 public:
  explicit PathGate(Path& path) : path_(path) {}

  awaitable<void> wait(CallKind, std::optional<std::size_t>) override {
    Place place(*this);
    while (!place.waiting->released) {
      auto released = [waiting = place.waiting] { return waiting->released; };
      co_await place.waiting->list.wait(mutex_, released);
    }
  }

  bool release_one() {
    std::lock_guard const lock(mutex_);
    std::vector<Waiting*> choices;
    for (auto const& [ticket, waiting] : waiting_) {
      if (!waiting->released) choices.push_back(waiting.get());
    }
    if (choices.empty()) return false;
    Waiting& chosen = *choices[path_.choose(choices.size())];
    chosen.released = true;
    chosen.list.wake_all();
    return true;
  }

 private:
  struct Waiting {
    Waiting() = default;
    WaitList list;
    bool released = false;
  };
  /// In the list for as long as the caller is parked, however it leaves.
  struct Place {
    explicit Place(PathGate& g) : gate(g), ticket(++g.last_ticket_) {
      waiting = gate.waiting_.emplace(ticket, std::make_unique<Waiting>()).first->second.get();
    }
    Place(Place const&) = delete;
    Place& operator=(Place const&) = delete;
    ~Place() { gate.waiting_.erase(ticket); }
    PathGate& gate;
    std::uint64_t ticket;
    Waiting* waiting;
  };

  Path& path_;
  std::mutex mutex_;
  std::map<std::uint64_t, std::unique_ptr<Waiting>> waiting_;  // in order of arrival
  std::uint64_t last_ticket_ = 0;
};

/// All orders of one scenario.
class Walk {
 public:
  Walk(ExhaustiveOptions const& options, ExhaustiveReport& report) : options_(options), report_(report) {}

  /// Returns how many orders there are; stops at a broken promise.
  std::uint64_t all_orders(Scenario const& scenario) {
    Path path;
    std::uint64_t orders = 0;
    do {
      if (report_.runs == options_.most_runs) {
        report_.all = false;
        return orders;
      }
      run(scenario, path);
      ++orders;
    } while (report_.failure.empty() && path.next());
    return orders;
  }

  std::vector<Fault> const& calls() const noexcept { return calls_; }

 private:
  void run(Scenario const& scenario, Path& path) {
    PathGate gate(path);
    MemoryTarget target(scenario);
    auto const result =
        run_scenario(scenario, target, options_.with_retries, &gate, [&gate] { return gate.release_one(); });
    ++report_.runs;
    if (scenario.faults.empty()) note_calls(result.first.trace);
    if (!result.violation) return;
    report_.failure = fmt::format("{}order of completions: {}\n", to_string(scenario, result), path.text());
  }

  // Each call that was made in any order, as the place of a fault.
  void note_calls(Trace const& trace) {
    std::map<std::pair<CallKind, std::optional<std::size_t>>, std::size_t> made;
    for (TraceEvent const& event : trace.events()) {
      if (event.kind != EventKind::call_begins) continue;
      Fault const place(event.call, event.stream, made[{event.call, event.stream}]++, FaultKind::transient);
      bool const known = std::any_of(calls_.begin(), calls_.end(), [&place](Fault const& fault) {
        return fault.call == place.call && fault.stream == place.stream && fault.nth == place.nth;
      });
      if (!known) calls_.push_back(place);
    }
  }

  ExhaustiveOptions const& options_;
  ExhaustiveReport& report_;
  std::vector<Fault> calls_;
};

InputStep record(std::size_t stream, std::uint64_t row) {
  InputStep step;
  step.stream = stream;
  step.number = row;
  step.key = row;
  return step;
}

InputStep state(std::size_t stream, std::uint64_t id) {
  InputStep step;
  step.kind = StepKind::state;
  step.stream = stream;
  step.number = id;
  return step;
}

/// Nobody asks a sink whether something was applied, or waits for it twice.
bool makes_sense(CallKind call, FaultKind fault) {
  if (call != CallKind::write && call != CallKind::reject) return true;
  return fault == FaultKind::transient || fault == FaultKind::system || fault == FaultKind::hang;
}

}  // namespace

Scenario small_scenario(std::vector<BatchState> answers) {
  Scenario scenario;
  scenario.seed = 1;
  scenario.answers = std::move(answers);
  scenario.batch_records = 1;
  scenario.streams.resize(2);
  scenario.streams[0].descriptor = StreamDescriptor("users");
  scenario.streams[1].descriptor = StreamDescriptor("orders");
  scenario.streams[1].mode = DestinationSyncMode::overwrite;
  scenario.streams[1].old_rows = 2;
  scenario.input = {record(0, first_row), record(1, first_row), record(0, first_row + 1), state(0, 1), state(1, 2)};
  return scenario;
}

ExhaustiveReport run_exhaustive(ExhaustiveOptions const& options) {
  ExhaustiveReport report;
  Scenario scenario = options.scenario;
  scenario.faults.clear();
  Walk walk(options, report);
  report.orders = walk.all_orders(scenario);
  report.calls = walk.calls().size();
  for (Fault const& place : walk.calls()) {
    for (FaultKind const kind : options.faults) {
      if (!report.failure.empty() || !report.all) return report;
      if (!makes_sense(place.call, kind)) continue;
      Fault fault = place;
      fault.what = kind;
      fault.delay = scenario.retry.attempt_deadline + std::chrono::seconds(5);  // after it was cancelled
      scenario.faults = {fault};
      walk.all_orders(scenario);
    }
  }
  return report;
}

}  // namespace landfall::testing
