#include <landfall/testing/conformance.hpp>

#include <utility>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <landfall/testing/scenario_run.hpp>

namespace landfall::testing {

std::optional<std::vector<std::string>> ConformanceTarget::rows(DestinationStream const&) { return std::nullopt; }

namespace {

/// What an earlier, good sync has left: the old rows of a scenario.
Scenario earlier_sync(Scenario const& scenario) {
  Scenario earlier;
  earlier.seed = scenario.seed;
  std::uint64_t state_number = 0;
  for (std::size_t i = 0; i < scenario.streams.size(); ++i) {
    StreamPlan const& plan = scenario.streams[i];
    StreamPlan& stream = earlier.streams.emplace_back();
    stream.descriptor = plan.descriptor;
    stream.mode = plan.mode == DestinationSyncMode::append_dedup ? plan.mode : DestinationSyncMode::append;
    if (plan.generation) {
      stream.generation = *plan.generation - 1;
      stream.minimum = 0;
    }
    for (std::uint64_t row = 0; row < plan.old_rows; ++row) {
      InputStep& record = earlier.input.emplace_back();
      record.stream = i;
      record.number = record.key = row;
    }
    InputStep& state = earlier.input.emplace_back();
    state.kind = StepKind::state;
    state.stream = i;
    state.number = ++state_number;
    if (!plan.generation) continue;
    InputStep& status = earlier.input.emplace_back();
    status.kind = StepKind::complete;
    status.stream = i;
  }
  return earlier;
}

/// A row of the store as one of the scenario's.
FoundRow parse_row(Scenario const& scenario, std::size_t stream, std::string const& data) {
  boost::json::value const json = boost::json::parse(data);
  FoundRow const row(json.at("n").to_number<std::uint64_t>(), json.at("k").to_number<std::uint64_t>());
  for (InputStep const& step : scenario.input) {
    if (step.kind != StepKind::record || step.stream != stream || step.number != row.number) continue;
    std::string sent;
    append_data(sent, step);
    if (json == boost::json::parse(sent)) return row;
    throw system_error("the row {} was sent as {}", data, sent);
  }
  if (row.number < first_row) return row;
  throw system_error("nobody has sent the row {}", data);
}

class AuthorsTarget final : public ScenarioTarget {
 public:
  AuthorsTarget(Scenario const& scenario, ConformanceTarget& target)
      : scenario_(scenario), catalog_(make_catalog(scenario)), target_(target) {}

  std::unique_ptr<Destination> make(Trace&, Clock&) override { return target_.make(); }

  std::optional<std::vector<FoundRow>> rows(std::size_t stream) override {
    auto const data = target_.rows(*catalog_.streams().at(stream));
    if (!data) return std::nullopt;
    std::vector<FoundRow> rows;
    for (std::string const& row : *data) rows.push_back(parse_row(scenario_, stream, row));
    return rows;
  }

 private:
  Scenario const& scenario_;
  DestinationCatalog catalog_;
  ConformanceTarget& target_;
};

class Conformance {
 public:
  Conformance(MakeConformanceTarget const& make_target, ConformanceOptions const& options)
      : make_target_(make_target), options_(options) {}

  ConformanceReport run() {
    for (std::uint64_t seed = options_.first_seed; seed < options_.first_seed + options_.seeds; ++seed) {
      Scenario const scenario = make_scenario(seed, options_.scenarios);
      auto const result = play(scenario);
      if (result.violation) return ConformanceReport(syncs_, describe(seed, scenario, result));
    }
    return ConformanceReport(syncs_, "");
  }

 private:
  ScenarioResult play(Scenario const& wanted) {
    Scenario scenario = wanted;
    auto const target = make_target_(++number_);
    AuthorsTarget over(scenario, *target);
    ScenarioResult result;
    try {
      prepare(scenario, over, result);
      if (!result.violation) result = run_scenario(scenario, over, options_.scenarios.with_retries);
      syncs_ += result.again ? 2 : 1;
    } catch (std::exception const& error) {  // of the author's make() or rows(), or a row that is none of ours
      result.violation.emplace(2, error.what());
    }
    return result;
  }

  void prepare(Scenario& scenario, AuthorsTarget& target, ScenarioResult& result) {
    bool has_old_rows = false;
    for (std::size_t i = 0; i < scenario.streams.size(); ++i) {
      if (!target.rows(i)) scenario.streams[i].old_rows = 0;  // nobody could tell
      has_old_rows |= scenario.streams[i].old_rows > 0;
    }
    if (!has_old_rows) return;
    Scenario const earlier = earlier_sync(scenario);
    RunParts parts;
    parts.make_destination = [&target](Trace& trace, Clock& clock) { return target.make(trace, clock); };
    parts.input = earlier.input;
    parts.with_faults = false;
    result.first = run_process(earlier, std::move(parts));
    ++syncs_;
    OracleOptions oracle;
    oracle.store_is_watched = false;
    result.violation = check_run(earlier, earlier.input, false, result.first, oracle);
    if (result.violation || result.first.report->succeeded()) return;
    result.violation.emplace(
        5, fmt::format("a sync without any fault fails: {}", result.first.report->outcome.error->what()));
  }

  std::string describe(std::uint64_t seed, Scenario const& scenario, ScenarioResult const& result) {
    int const promise = result.violation->promise;
    auto const still_breaks = [&](Scenario const& candidate) {
      auto const outcome = play(candidate);
      return outcome.violation && outcome.violation->promise == promise;
    };
    Scenario const smallest = shrink(scenario, still_breaks, most_attempts);
    return fmt::format("seed {}, {}\nThe smallest scenario found that breaks it:\n{}", seed,
                       to_string(*result.violation), to_string(smallest, play(smallest)));
  }

  static constexpr std::size_t most_attempts = 300;  // a real store takes its time

  MakeConformanceTarget const& make_target_;
  ConformanceOptions const& options_;
  std::uint64_t number_ = 0;
  std::uint64_t syncs_ = 0;
};

}  // namespace

ConformanceReport run_conformance(MakeConformanceTarget const& make_target, ConformanceOptions const& options) {
  return Conformance(make_target, options).run();
}

}  // namespace landfall::testing
