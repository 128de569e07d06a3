#include <landfall/runtime/memory_budget.hpp>

#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "in_coroutine.hpp"

namespace landfall::benchmarks {
namespace {

awaitable<void> reserve_blocks(benchmark::State& state) {
  constexpr std::uint64_t block = 1 << 20;
  MemoryBudget budget(48 * block);
  std::vector<Reservation> held;
  auto const count = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    while (held.size() < count) held.push_back(co_await budget.reserve(block));
    held.clear();
  }
}

/// So many blocks are reserved, then given back; there is always room.
void budget_without_waiting(benchmark::State& state) {
  run_coroutine(reserve_blocks(state));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(budget_without_waiting)->ArgName("blocks")->Arg(1)->Arg(32);

}  // namespace
}  // namespace landfall::benchmarks
