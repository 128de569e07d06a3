#include <landfall/destination/record_batch.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "sample_lines.hpp"

namespace landfall::benchmarks {
namespace {

constexpr std::uint32_t block_records = 2'000;

/// A batch of records that lie in one block, `run` of them in a row.
RecordBatch sample_batch(std::uint32_t run) {
  std::string text;
  append_data(text, RecordKey(), 0);
  auto records = std::make_shared<RecordBlock>();
  records->block = block_of(text);
  RecordSlice slice;
  slice.data = records->block->data();
  slice.data_size = static_cast<std::uint32_t>(text.size());
  records->slices.assign(block_records, slice);
  RecordBatch batch(sample_catalog(1).streams().front(), BatchId(1));
  for (std::uint32_t begin = 0; begin < block_records; begin += run) {
    RecordRun part;
    part.block = records;
    part.begin = begin;
    part.end = begin + run;
    part.first_number = begin;
    part.bytes = run * text.size();
    batch.append(std::move(part));
  }
  return batch;
}

/// What a loader pays for looking at every record. Argument: records in a row.
void iterate_batch(benchmark::State& state) {
  auto const batch = sample_batch(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    std::uint64_t bytes = 0;
    for (Record const& record : batch) bytes += record.data().size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
}
BENCHMARK(iterate_batch)->ArgName("run")->Arg(1)->Arg(50)->Arg(2'000);

/// A batch put together from the runs of so many blocks.
void append_runs(benchmark::State& state) {
  auto const stream = sample_catalog(1).streams().front();
  RecordRun run;
  auto records = std::make_shared<RecordBlock>();
  records->slices.resize(1);
  run.block = records;
  run.end = 1;
  for (auto _ : state) {
    RecordBatch batch(stream, BatchId(1));
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      run.first_number = static_cast<RecordNumber>(i);
      batch.append(run);
    }
    benchmark::DoNotOptimize(batch.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(append_runs)->ArgName("runs")->Arg(8)->Arg(1'000);

}  // namespace
}  // namespace landfall::benchmarks
