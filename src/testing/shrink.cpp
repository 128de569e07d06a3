#include <algorithm>
#include <cstddef>
#include <utility>

#include <landfall/testing/scenario_run.hpp>

namespace landfall::testing {

namespace {

/// Tries one smaller scenario after the other and keeps each that still breaks the promise.
class Shrinker {
 public:
  Shrinker(Scenario scenario, std::function<bool(Scenario const&)> const& still_breaks, std::size_t most_attempts)
      : scenario_(std::move(scenario)), still_breaks_(still_breaks), attempts_left_(most_attempts) {}

  Scenario shrink() {
    for (bool smaller = true; smaller && attempts_left_ > 0;) {
      smaller = drop_events();
      smaller |= drop_each(&Scenario::faults);
      smaller |= drop_streams();
      smaller |= drop_input();
      smaller |= simplify_options();
      smaller |= simplify_streams();
    }
    return std::move(scenario_);
  }

 private:
  bool keep_if_broken(Scenario candidate) {
    if (attempts_left_ == 0) return false;
    --attempts_left_;
    if (!still_breaks_(candidate)) return false;
    scenario_ = std::move(candidate);
    return true;
  }

  template <class Change>
  bool attempt(Change change) {
    Scenario candidate = scenario_;
    change(candidate);
    return keep_if_broken(std::move(candidate));
  }

  bool drop_events() {
    bool smaller = false;
    if (scenario_.stop_at) smaller |= attempt([](Scenario& s) { s.stop_at.reset(); });
    if (scenario_.crash_again_at) smaller |= attempt([](Scenario& s) { s.crash_again_at.reset(); });
    if (scenario_.power_cut_at) smaller |= attempt([](Scenario& s) { s.power_cut_at.reset(); });
    if (scenario_.crash_at) smaller |= attempt([](Scenario& s) { s.crash_at.reset(); });
    if (scenario_.cut_last_line) smaller |= attempt([](Scenario& s) { s.cut_last_line = false; });
    return smaller;
  }

  template <class T>
  bool drop_each(std::vector<T> Scenario::* list) {
    bool smaller = false;
    for (std::size_t i = (scenario_.*list).size(); i-- > 0;) {
      smaller |= attempt([&](Scenario& s) { (s.*list).erase((s.*list).begin() + static_cast<std::ptrdiff_t>(i)); });
    }
    return smaller;
  }

  // In halves, quarters, ... and then step by step.
  bool drop_input() {
    bool smaller = false;
    for (std::size_t length = std::max<std::size_t>(scenario_.input.size() / 2, 1); length > 0; length /= 2) {
      for (std::size_t begin = 0; begin + length <= scenario_.input.size();) {
        bool const dropped = attempt([&](Scenario& s) {
          auto const first = s.input.begin() + static_cast<std::ptrdiff_t>(begin);
          s.input.erase(first, first + static_cast<std::ptrdiff_t>(length));
        });
        smaller |= dropped;
        if (!dropped) begin += length;
      }
    }
    return smaller;
  }

  bool drop_streams() {
    bool smaller = false;
    for (std::size_t i = scenario_.streams.size(); i-- > 0 && scenario_.streams.size() > 1;) {
      smaller |= attempt([i](Scenario& s) { drop_stream(s, i); });
    }
    return smaller;
  }

  static void drop_stream(Scenario& scenario, std::size_t index) {
    scenario.streams.erase(scenario.streams.begin() + static_cast<std::ptrdiff_t>(index));
    std::erase_if(scenario.input, [index](InputStep const& step) {
      bool const global = step.kind == StepKind::state && step.state != StateKind::stream;
      return step.stream == index && !global && step.kind != StepKind::noise && step.kind != StepKind::pause;
    });
    for (InputStep& step : scenario.input) {
      if (step.stream > index) --step.stream;
    }
    std::erase_if(scenario.faults, [index](Fault const& fault) { return fault.stream == index; });
    for (Fault& fault : scenario.faults) {
      if (fault.stream && *fault.stream > index) --*fault.stream;
    }
  }

  bool simplify_options() {
    Scenario const usual;
    bool smaller = false;
    auto const reset = [&](auto member) {
      if (scenario_.*member == usual.*member) return;
      smaller |= attempt([&](Scenario& s) { s.*member = usual.*member; });
    };
    reset(&Scenario::load_steps);
    reset(&Scenario::needs_order);
    reset(&Scenario::calls_at_once);
    reset(&Scenario::disk_fate);
    reset(&Scenario::resume);
    reset(&Scenario::spill);
    reset(&Scenario::answers);
    reset(&Scenario::latency);
    reset(&Scenario::on_stream_failure);
    reset(&Scenario::on_stop);
    reset(&Scenario::read_bytes);
    reset(&Scenario::batch_records);
    reset(&Scenario::batch_bytes);
    reset(&Scenario::batch_age);
    reset(&Scenario::memory_budget_bytes);
    reset(&Scenario::heartbeat);
    reset(&Scenario::open_workers);
    reset(&Scenario::has_reject_sink);
    if (scenario_.retry.attempts != usual.retry.attempts) {
      smaller |= attempt([&](Scenario& s) { s.retry.attempts = usual.retry.attempts; });
    }
    for (std::size_t i = 0; i < scenario_.faults.size(); ++i) {
      if (scenario_.faults[i].times > 1) smaller |= attempt([i](Scenario& s) { s.faults[i].times = 1; });
    }
    return smaller;
  }

  bool simplify_streams() {
    bool smaller = false;
    for (std::size_t i = 0; i < scenario_.streams.size(); ++i) {
      StreamPlan const stream = scenario_.streams[i];  // a copy: each success replaces the scenario
      if (stream.old_rows > 0) smaller |= attempt([i](Scenario& s) { s.streams[i].old_rows = 0; });
      if (!stream.poison.empty()) smaller |= attempt([i](Scenario& s) { s.streams[i].poison.clear(); });
      if (stream.mode != DestinationSyncMode::append) {
        smaller |= attempt([i](Scenario& s) { s.streams[i].mode = DestinationSyncMode::append; });
      }
    }
    bool const padded = std::any_of(scenario_.input.begin(), scenario_.input.end(), [](InputStep const& step) {
      return step.kind == StepKind::record && step.padding > 0;
    });
    if (padded) {
      smaller |= attempt([](Scenario& s) {
        for (InputStep& step : s.input) step.padding = 0;
      });
    }
    for (std::size_t i = 0; i < scenario_.input.size(); ++i) {
      if (scenario_.input[i].damage == Damage::none) continue;
      smaller |= attempt([i](Scenario& s) { s.input[i].damage = Damage::none; });
    }
    return smaller;
  }

  Scenario scenario_;
  std::function<bool(Scenario const&)> const& still_breaks_;
  std::size_t attempts_left_;
};

}  // namespace

Scenario shrink(Scenario scenario, std::function<bool(Scenario const&)> const& still_breaks,
                std::size_t most_attempts) {
  return Shrinker(std::move(scenario), still_breaks, most_attempts).shrink();
}

}  // namespace landfall::testing
