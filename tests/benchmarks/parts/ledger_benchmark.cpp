#include <landfall/state/record_ledger.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include <landfall/runtime/interval_set.hpp>

namespace landfall::benchmarks {
namespace {

constexpr std::uint64_t batch_records = 8'000;
constexpr std::uint64_t batch_count = 1'024;

Interval batch(std::uint64_t index) { return Interval{index * batch_records, (index + 1) * batch_records}; }

/// `window`: batches that end in any order among each other; 1: all in order.
std::vector<Interval> batches(std::int64_t window) {
  std::vector<Interval> intervals;
  for (std::uint64_t i = 0; i < batch_count; ++i) intervals.push_back(batch(i));
  std::mt19937 random(5);
  for (auto begin = intervals.begin(); begin != intervals.end(); begin += window) {
    std::shuffle(begin, begin + window, random);
  }
  return intervals;
}

void add_to_interval_set(benchmark::State& state) {
  auto const intervals = batches(state.range(0));
  for (auto _ : state) {
    IntervalSet set;
    for (Interval const& interval : intervals) set.add(interval);
    benchmark::DoNotOptimize(set.count());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch_count));
}
BENCHMARK(add_to_interval_set)->ArgName("window")->Arg(1)->Arg(32)->Arg(1024);

/// Each batch is read, staged and completed, as with a loader of two steps.
void report_to_ledger(benchmark::State& state) {
  auto const intervals = batches(state.range(0));
  for (auto _ : state) {
    RecordLedger ledger;
    ledger.add_read(batch_count * batch_records);
    for (Interval const& interval : intervals) {
      ledger.report(interval, BatchState::staged);
      ledger.report(interval, BatchState::complete);
      benchmark::DoNotOptimize(ledger.persisted_until(interval.end));
    }
    benchmark::DoNotOptimize(ledger.all_complete());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch_count));
}
BENCHMARK(report_to_ledger)->ArgName("window")->Arg(1)->Arg(32)->Arg(1024);

}  // namespace
}  // namespace landfall::benchmarks
