#include "pipeline/router.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include <landfall/runtime/clock.hpp>

#include "sample_lines.hpp"

namespace landfall::benchmarks {
namespace {

constexpr std::size_t block_bytes = 1 << 20;

/// A block as it is read from the input, its records divided among the streams one by one.
struct SampleBlock {
  explicit SampleBlock(std::uint64_t stream_count) {
    Random random(3);
    for (; text.size() < block_bytes; ++records) text += record_line(random.below(stream_count), records) + '\n';
    lines.block = block_of(text);
    lines.text = std::string_view(lines.block->data(), text.size());
  }

  std::string text;
  std::uint64_t records = 0;
  InputLines lines;
};

/// A router and those it sends to; nobody takes anything from them.
struct Routing {
  Routing(DestinationCatalog const& catalog, Clock const& clock, Validation validation)
      : queues(catalog), progress(catalog.streams().size()), router(queues, checkpoints, clock, validation, progress) {}

  StreamQueues queues;
  CheckpointQueue checkpoints{1 << 20};
  InputProgress progress;
  Router router;
};

/// Reading of one block: parsed, cut into a run for each stream, queued. First argument: how many streams; second:
/// whether records are checked whole.
void route_block(benchmark::State& state) {
  auto const stream_count = static_cast<std::uint64_t>(state.range(0));
  auto const validation = state.range(1) != 0 ? Validation::full : Validation::skipped;
  SampleBlock const sample(stream_count);
  DestinationCatalog const catalog = sample_catalog(stream_count);
  SystemClock const clock;
  std::optional<Routing> routing;
  for (auto _ : state) {
    state.PauseTiming();
    routing.emplace(catalog, clock, validation);
    state.ResumeTiming();
    routing->router.route(sample.lines);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(sample.records));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sample.text.size()));
}
BENCHMARK(route_block)->ArgNames({"streams", "checked"})->ArgsProduct({{4, 400}, {0, 1}});

}  // namespace
}  // namespace landfall::benchmarks
