#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <landfall/testing/fault_plan.hpp>
#include <landfall/testing/scenario.hpp>

namespace landfall::testing {

/// What run_exhaustive() has to do.
struct ExhaustiveOptions {
  ExhaustiveOptions() = default;

  Scenario scenario;              ///< a small one; its faults are replaced
  std::vector<FaultKind> faults;  ///< each of them once at every call, in every order; empty: orders only
  bool with_retries = true;       ///< see OracleOptions
  std::uint64_t most_runs = 10'000'000;
};

struct ExhaustiveReport {
  ExhaustiveReport() = default;

  std::uint64_t orders = 0;  ///< of completions, when nothing fails
  std::uint64_t calls = 0;   ///< of the destination and the sink, when nothing fails
  std::uint64_t runs = 0;    ///< all of them
  bool all = true;           ///< false when most_runs was reached
  std::string failure;       ///< of the first broken promise, for people; empty when there was none
};

/// A sync of two streams with three batches and two STATEs. `answers`: of the loader.
Scenario small_scenario(std::vector<BatchState> answers = {BatchState::complete});

/// Plays a scenario in every order in which its calls can complete (each call of the destination and each write waits
/// until it is chosen), and again for each fault at each single call. Ends at the first broken promise.
ExhaustiveReport run_exhaustive(ExhaustiveOptions const& options);

}  // namespace landfall::testing
