#include <landfall/testing/scenario_run.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

namespace landfall::testing {

namespace {

template <class Check>
std::optional<Violation> check_rows(Scenario const& scenario, ScenarioTarget& target, Check check) {
  for (std::size_t stream = 0; stream < scenario.streams.size(); ++stream) {
    std::optional<std::vector<FoundRow>> rows;
    try {
      rows = target.rows(stream);
    } catch (std::exception const& error) {
      return Violation(2, error.what());
    }
    if (!rows) continue;
    std::optional<Violation> violation = check(stream, *rows);
    if (violation) return violation;
  }
  return std::nullopt;
}

std::optional<Violation> check_rows_after_first(Scenario const& scenario, ScenarioTarget& target,
                                                ObservedRun const& first) {
  return check_rows(scenario, target, [&](std::size_t stream, std::vector<FoundRow> const& rows) {
    return check_rows_after_first(scenario, first, stream, rows);
  });
}

std::optional<Violation> check_rows_in_the_end(Scenario const& scenario, ScenarioTarget& target,
                                               ScenarioResult const& result) {
  std::vector<ObservedRun const*> runs{&result.first};
  if (result.between) runs.push_back(&*result.between);
  runs.push_back(&*result.again);
  return check_rows(scenario, target, [&](std::size_t stream, std::vector<FoundRow> const& rows) {
    return check_rows_at_end(scenario, runs, stream, rows);
  });
}

RunParts parts_of(ScenarioTarget& target) {
  RunParts parts;
  parts.make_destination = [&target](Trace& trace, Clock& clock) { return target.make(trace, clock); };
  parts.on_crash = [&target] { target.on_crash(); };
  return parts;
}

std::string text_of_report(ObservedRun const& run) {
  if (!run.report) return "";
  SyncOutcome const& outcome = run.report->outcome;
  std::string text = "the report:";
  for (auto const& [stream, end] : outcome.streams) {
    text += fmt::format(" {} {},", to_string(stream), to_string(end.end));
  }
  if (!outcome.error) return text + " no error\n";
  text += fmt::format(" {}\n", outcome.error->what());
  for (Error const& later : outcome.error->attached()) text += fmt::format("            and: {}\n", later.what());
  return text;
}

}  // namespace

MemoryTarget::MemoryTarget(Scenario const& scenario, MemoryDestination::Defect defect)
    : scenario_(scenario), defect_(defect) {
  for (StreamPlan const& stream : scenario.streams) {
    std::vector<MemoryRow> rows;
    for (std::uint64_t row = 0; row < stream.old_rows; ++row) rows.emplace_back(row, row);
    store_.fill(stream.descriptor, std::move(rows));
  }
}

std::unique_ptr<Destination> MemoryTarget::make(Trace& trace, Clock& clock) {
  MemoryDestination::Options options;
  options.answers = scenario_.answers;
  options.needs_order = scenario_.needs_order;
  options.load_steps = scenario_.load_steps;
  options.remembers_records = scenario_.resume;
  options.probes_earlier = scenario_.resume && std::ranges::all_of(scenario_.streams, [](StreamPlan const& stream) {
                             return stream.poison.empty();
                           });
  options.defect = defect_;
  return std::make_unique<MemoryDestination>(store_, std::move(options), &trace, clock);
}

std::optional<std::vector<FoundRow>> MemoryTarget::rows(std::size_t stream) {
  std::vector<FoundRow> rows;
  for (MemoryRow const& row : store_.rows(scenario_.streams[stream].descriptor)) rows.emplace_back(row.number, row.key);
  return rows;
}

namespace {

/// The processes of one scenario, one after the other.
class Play {
 public:
  Play(Scenario const& scenario, ScenarioTarget& target, bool with_retries)
      : scenario_(scenario), target_(target), before_(scenario.streams.size()) {
    oracle_.store_is_watched = target.is_watched();
    oracle_.with_retries = with_retries;
  }

  ObservedRun run(RunParts parts, bool cut_last_line) {
    if (day_ > 0) target_.on_restart();
    parts.cut_last_line = cut_last_line;
    parts.disk = disk_;
    parts.before = before_;
    parts.longest_line_before = scenario_.resume ? longest_line_ : 0;
    parts.day = day_++;
    input_ = parts.input;
    ObservedRun run = run_process(scenario_, std::move(parts));
    bool const left_alone = run.crashed || !run.report || !run.report->unjoined_tasks.empty();
    if (left_alone) disk_ = disk_->after_crash(scenario_.disk_fate);
    violation_ = check_run(scenario_, input_, cut_last_line, run, oracle_);
    keep_records(run);
    longest_line_ = std::max(longest_line_, run.longest_line);
    auto const answered = acknowledged(run.trace);
    acknowledged_.insert(acknowledged_.end(), answered.begin(), answered.end());
    return run;
  }

  std::vector<InputStep> next_input() const { return repeated_input(scenario_, acknowledged_); }

  std::optional<Violation>& violation() noexcept { return violation_; }

 private:
  // Numbers of records go on from process to process.
  void keep_records(ObservedRun const& run) {
    if (run.first_numbers.empty()) return;
    for (std::size_t stream = 0; stream < before_.size(); ++stream) before_[stream].resize(run.first_numbers[stream]);
    for (InputStep const& step : input_) {
      if (step.kind == StepKind::record) before_[step.stream].push_back(step);
    }
  }

  Scenario const& scenario_;
  ScenarioTarget& target_;
  OracleOptions oracle_;
  std::shared_ptr<SimulatedDisk> disk_ = std::make_shared<SimulatedDisk>();
  std::vector<std::vector<InputStep>> before_;
  std::vector<InputStep> input_;
  std::vector<std::uint64_t> acknowledged_;
  std::optional<Violation> violation_;
  std::uint64_t longest_line_ = 0;
  int day_ = 0;
};

}  // namespace

ScenarioResult run_scenario(Scenario const& scenario, ScenarioTarget& target, bool with_retries, CallGate* gate,
                            std::function<bool()> on_idle) {
  Play play(scenario, target, with_retries);
  ScenarioResult result;
  RunParts parts = parts_of(target);
  parts.input = scenario.input;
  parts.crash_at = scenario.crash_at;
  parts.power_cut_at = scenario.power_cut_at;
  parts.gate = gate;
  parts.on_idle = std::move(on_idle);
  result.first = play.run(std::move(parts), scenario.cut_last_line);
  result.violation = play.violation();
  if (!result.violation) result.violation = check_rows_after_first(scenario, target, result.first);
  if (result.violation) return result;

  if (scenario.crash_again_at) {
    RunParts between = parts_of(target);
    between.input = play.next_input();
    between.with_faults = false;
    between.crash_at = scenario.crash_again_at;
    result.between = play.run(std::move(between), false);
    result.violation = play.violation();
    if (result.violation) return result;
  }

  RunParts again = parts_of(target);
  again.input = play.next_input();
  again.with_faults = false;
  result.again = play.run(std::move(again), false);
  result.violation = play.violation();
  if (!result.violation && result.again->report && !result.again->report->succeeded()) {
    result.violation.emplace(5, fmt::format("the sync was repeated without any fault, and fails: {}",
                                            result.again->report->outcome.error->what()));
  }
  if (!result.violation) result.violation = check_rows_in_the_end(scenario, target, result);
  return result;
}

std::string to_string(Scenario const& scenario, ScenarioResult const& result, bool with_trace) {
  std::string text;
  if (result.violation) text += fmt::format("BROKEN {}\n", to_string(*result.violation));
  text += to_string(scenario);
  if (!with_trace) return text;
  text += "what happened:\n" + to_string(result.first.trace) + text_of_report(result.first);
  if (result.between) {
    text += "what happened when the sync was repeated, and crashed:\n" + to_string(result.between->trace);
  }
  if (!result.again) return text;
  text +=
      "what happened when the sync was repeated:\n" + to_string(result.again->trace) + text_of_report(*result.again);
  return text;
}

}  // namespace landfall::testing
