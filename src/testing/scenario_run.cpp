#include <landfall/testing/scenario_run.hpp>

#include <exception>
#include <utility>

#include <fmt/format.h>

namespace landfall::testing {

namespace {

std::optional<Violation> check_rows(Scenario const& scenario, ScenarioTarget& target, ObservedRun const& first,
                                    bool at_end) {
  for (std::size_t stream = 0; stream < scenario.streams.size(); ++stream) {
    std::optional<std::vector<FoundRow>> rows;
    try {
      rows = target.rows(stream);
    } catch (std::exception const& error) {
      return Violation(2, error.what());
    }
    if (!rows) continue;
    auto violation = at_end ? check_rows_at_end(scenario, first, stream, *rows)
                            : check_rows_after_first(scenario, first, stream, *rows);
    if (violation) return violation;
  }
  return std::nullopt;
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
  options.defect = defect_;
  return std::make_unique<MemoryDestination>(store_, std::move(options), &trace, clock);
}

std::optional<std::vector<FoundRow>> MemoryTarget::rows(std::size_t stream) {
  std::vector<FoundRow> rows;
  for (MemoryRow const& row : store_.rows(scenario_.streams[stream].descriptor)) rows.emplace_back(row.number, row.key);
  return rows;
}

ScenarioResult run_scenario(Scenario const& scenario, ScenarioTarget& target, bool with_retries, CallGate* gate,
                            std::function<bool()> on_idle) {
  OracleOptions oracle;
  oracle.store_is_watched = target.is_watched();
  oracle.with_retries = with_retries;

  ScenarioResult result;
  RunParts parts = parts_of(target);
  parts.input = scenario.input;
  parts.cut_last_line = scenario.cut_last_line;
  parts.gate = gate;
  parts.on_idle = std::move(on_idle);
  result.first = run_process(scenario, std::move(parts));
  result.violation = check_run(scenario, scenario.input, scenario.cut_last_line, result.first, oracle);
  if (!result.violation) result.violation = check_rows(scenario, target, result.first, false);
  if (result.violation) return result;

  target.on_restart();
  RunParts again = parts_of(target);
  again.input = repeated_input(scenario, acknowledged(result.first.trace));
  again.with_faults = false;
  std::vector<InputStep> const input = again.input;
  result.again = run_process(scenario, std::move(again));
  result.violation = check_run(scenario, input, false, *result.again, oracle);
  if (!result.violation && result.again->report && !result.again->report->succeeded()) {
    result.violation.emplace(5, fmt::format("the sync was repeated without any fault, and fails: {}",
                                            result.again->report->outcome.error->what()));
  }
  if (!result.violation) result.violation = check_rows(scenario, target, result.first, true);
  return result;
}

std::string to_string(Scenario const& scenario, ScenarioResult const& result, bool with_trace) {
  std::string text;
  if (result.violation) text += fmt::format("BROKEN {}\n", to_string(*result.violation));
  text += to_string(scenario);
  if (!with_trace) return text;
  text += "what happened:\n" + to_string(result.first.trace) + text_of_report(result.first);
  if (!result.again) return text;
  text +=
      "what happened when the sync was repeated:\n" + to_string(result.again->trace) + text_of_report(*result.again);
  return text;
}

}  // namespace landfall::testing
