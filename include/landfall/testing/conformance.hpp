#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <landfall/destination/destination.hpp>
#include <landfall/testing/scenario.hpp>

namespace landfall::testing {

/// An author's store, empty, and the destinations over it.
class ConformanceTarget {
 public:
  virtual ~ConformanceTarget() = default;

  /// The destination of a process. Called again after a crash, when the one before is gone: over the same store.
  virtual std::unique_ptr<Destination> make() = 0;

  /// The `data` of each row that a reader of the store sees, in any order and as JSON objects; old rows included.
  /// Nothing (the default) when nobody can look: then what the loaders answer is believed.
  /// Between two processes, on the thread of the test.
  virtual std::optional<std::vector<std::string>> rows(DestinationStream const& stream);
};

/// Makes a target with an empty store. `number` is another one at each call: for the name of a folder or a schema.
using MakeConformanceTarget = std::function<std::unique_ptr<ConformanceTarget>(std::uint64_t number)>;

/// Which syncs a destination is put through.
struct ConformanceOptions {
  ConformanceOptions() { scenarios.own_loader = scenarios.with_resume = false; }

  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 200;  ///< so many scenarios, two or three syncs each
  ScenarioLimits scenarios;   ///< its `modes` and `with_generations`: what the destination supports
};

/// What run_conformance() has found.
class ConformanceReport {
 public:
  ConformanceReport() = default;
  ConformanceReport(std::uint64_t syncs, std::string text) : syncs_(syncs), text_(std::move(text)) {}

  bool passed() const noexcept { return text_.empty(); }

  /// The broken promise, the seed, the smallest scenario found that breaks it, and what happened in it. Empty when
  /// every promise was kept.
  std::string const& text() const noexcept { return text_; }

  /// How many syncs were played.
  std::uint64_t syncs() const noexcept { return syncs_; }

 private:
  std::uint64_t syncs_ = 0;
  std::string text_;
};

/// Runs a destination under simulated syncs, on this thread and in virtual time: with every kind of input, failures and
/// delays at its calls, stops and crashes, each followed by the sync that repeats it. Ends at the first broken promise.
///
/// Faults:   stand in front of the destination (FaultyDestination); its own code is called, or not called, as a whole.
/// Crash:    no call reaches the destination any more, and it is destroyed. What it does in its destructor still
/// counts:
///           it should not write there.
/// Blocking: run_blocking() runs in place; files and databases may be real ones. Other threads and Asio timers may not
///           be used by the destination.
/// Records:  {"n": 1000, "k": 3, "p": "..."}: n is the cursor of append_dedup, k the primary key, p may be missing.
/// Example:  auto const report = run_conformance([](std::uint64_t) { return std::make_unique<MyTarget>(); });
///           EXPECT_TRUE(report.passed()) << report.text();
ConformanceReport run_conformance(MakeConformanceTarget const& make_target,
                                  ConformanceOptions const& options = ConformanceOptions());

/// The same for a destination that is made without arguments and whose rows nobody can look at.
template <class D>
ConformanceReport run_conformance(ConformanceOptions const& options = ConformanceOptions()) {
  struct Target final : ConformanceTarget {
    std::unique_ptr<Destination> make() override { return std::make_unique<D>(); }
  };
  return run_conformance([](std::uint64_t) { return std::make_unique<Target>(); }, options);
}

}  // namespace landfall::testing
