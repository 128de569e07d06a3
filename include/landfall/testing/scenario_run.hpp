#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <landfall/testing/memory_destination.hpp>
#include <landfall/testing/oracle.hpp>
#include <landfall/testing/scenario.hpp>
#include <landfall/testing/simulated_sync.hpp>

namespace landfall::testing {

/// A store that a scenario is played on, and the destinations over it. Fresh for each scenario.
class ScenarioTarget {
 public:
  virtual ~ScenarioTarget() = default;

  /// The destination of a new process. `trace` and `clock`: see RunParts::make_destination.
  virtual std::unique_ptr<Destination> make(Trace& trace, Clock& clock) = 0;

  /// What a reader sees of a stream, or nothing when nobody can look. Between two processes.
  virtual std::optional<std::vector<FoundRow>> rows(std::size_t stream) = 0;

  /// make()'s destinations tell the trace what becomes durable.
  virtual bool is_watched() const { return false; }

  /// The process is gone; what its destination still does is lost.
  virtual void on_crash() {}
  /// The next process begins.
  virtual void on_restart() {}
};

/// A MemoryStore with the old rows of a scenario.
class MemoryTarget final : public ScenarioTarget {
 public:
  explicit MemoryTarget(Scenario const& scenario, MemoryDestination::Defect defect = MemoryDestination::Defect::none);
  std::unique_ptr<Destination> make(Trace& trace, Clock& clock) override;
  std::optional<std::vector<FoundRow>> rows(std::size_t stream) override;
  bool is_watched() const override { return true; }
  void on_crash() override { store_.unplug(); }
  void on_restart() override { store_.plug_in(); }

 private:
  Scenario const& scenario_;
  MemoryDestination::Defect defect_;
  MemoryStore store_;
};

/// What playing a scenario has shown.
struct ScenarioResult {
  ScenarioResult() = default;
  std::optional<Violation> violation;  ///< the first one
  ObservedRun first;
  std::optional<ObservedRun> between;  ///< the one that crashes as well, with Scenario::crash_again_at
  std::optional<ObservedRun> again;    ///< none when one before has shown a violation
};

/// Plays a scenario: the sync with all that goes wrong in it, then the sync that the platform would start next, over
/// what the first one has left in store and disk, without any fault (but for a second crash); the oracle judges both,
/// and what is in the store after each.
ScenarioResult run_scenario(Scenario const& scenario, ScenarioTarget& target, bool with_retries = true,
                            CallGate* gate = nullptr, std::function<bool()> on_idle = {});

/// The smallest scenario found that breaks the same promise: `still_breaks` says of each attempt whether it does.
Scenario shrink(Scenario scenario, std::function<bool(Scenario const&)> const& still_breaks,
                std::size_t most_attempts = 3000);

/// For people: promise, scenario, and what happened in both runs.
std::string to_string(Scenario const& scenario, ScenarioResult const& result, bool with_trace = true);

}  // namespace landfall::testing
