#include <landfall/state/checkpoint_manager.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include <landfall/state/sync_manager.hpp>

#include "protocol/message_parser.hpp"
#include "sample_lines.hpp"

namespace landfall::benchmarks {
namespace {

constexpr std::uint64_t records_between = 100;  // two STATEs of a stream

StateMessage sample_state(std::uint64_t stream) {
  std::string const line = state_line(stream, records_between);
  auto const block = block_of(line);
  MessageParser parser;
  parser.parse(std::string_view(block->data(), line.size()));
  return parser.take_state([](StreamName const&) { return std::nullopt; });
}

/// The STATEs of a sync, in turns from all streams.
class Sync {
 public:
  explicit Sync(std::uint64_t stream_count)
      : sync_(sample_catalog(stream_count)), read_(stream_count), checkpoints_(sync_) {
    for (std::uint64_t i = 0; i < stream_count; ++i) samples_.push_back(sample_state(i));
  }

  void add_state(std::uint64_t stream) {
    StateMessage state = samples_[stream];
    StreamDescriptor const descriptor = *state.stream;
    RecordCounts& read = read_[stream];
    read.records += records_between;
    read.bytes += records_between * 500;
    sync_.stream_manager(descriptor).add_read(read.records, records_between * 500);
    std::vector<StreamPosition> positions{StreamPosition(stream, read)};
    checkpoints_.add(Checkpoint(std::move(state), std::move(positions), TimePoint{}));
  }

  /// Everything that was read is safe now.
  void complete(std::uint64_t stream) {
    StreamDescriptor const& descriptor = *samples_[stream].stream;
    Interval const records{0, read_[stream].records};
    sync_.stream_manager(descriptor)
        .update_batch_state(BatchEnvelope(descriptor, BatchId(1), records, Batch::complete()));
  }

  void print_ready() {
    for (;;) {
      auto const lines = checkpoints_.ready_lines();
      if (lines.empty()) return;
      benchmark::DoNotOptimize(lines.data());
      checkpoints_.mark_emitted();
    }
  }

 private:
  SyncManager sync_;
  std::vector<RecordCounts> read_;
  std::vector<StateMessage> samples_;
  CheckpointManager checkpoints_;
};

/// First argument: how many streams; second: how many STATEs wait before their records are safe.
void print_states(benchmark::State& state) {
  auto const stream_count = static_cast<std::uint64_t>(state.range(0));
  auto const waiting = static_cast<std::uint64_t>(state.range(1));
  Sync sync(stream_count);
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < waiting; ++i) sync.add_state(i % stream_count);
    for (std::uint64_t i = 0; i < stream_count; ++i) sync.complete(i);
    sync.print_ready();
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(print_states)->ArgNames({"streams", "waiting"})->ArgsProduct({{4, 400}, {1'000, 100'000}});

/// While many wait, each batch that ends asks whether one of them is ready. Argument: how many streams, with 100 STATEs
/// that wait for each.
void look_for_ready_states(benchmark::State& state) {
  auto const stream_count = static_cast<std::uint64_t>(state.range(0));
  Sync sync(stream_count);
  for (std::uint64_t i = 0; i < 100 * stream_count; ++i) sync.add_state(i % stream_count);
  for (auto _ : state) sync.print_ready();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(look_for_ready_states)->ArgName("streams")->Arg(4)->Arg(400);

}  // namespace
}  // namespace landfall::benchmarks
