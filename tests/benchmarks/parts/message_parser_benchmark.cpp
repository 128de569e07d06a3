#include "protocol/message_parser.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "sample_lines.hpp"

namespace landfall::benchmarks {
namespace {

void parse(benchmark::State& state, std::string const& line, Validation validation) {
  auto const block = block_of(line);
  std::string_view const text(block->data(), line.size());
  MessageParser parser(validation);
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(text));
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(line.size()));
}

constexpr std::string_view log_line = R"({"type":"LOG","log":{"level":"INFO","message":"100000 records were read"}})";
constexpr std::string_view status_line =
    R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1710000000000.0,)"
    R"("stream_status":{"stream_descriptor":{"name":"orders_1"},"status":"RUNNING"}}})";

BENCHMARK_CAPTURE(parse, customer_checked, record_line(0, 7), Validation::full);
BENCHMARK_CAPTURE(parse, customer_unchecked, record_line(0, 7), Validation::skipped);
BENCHMARK_CAPTURE(parse, order_checked, record_line(1, 7), Validation::full);
BENCHMARK_CAPTURE(parse, order_unchecked, record_line(1, 7), Validation::skipped);
BENCHMARK_CAPTURE(parse, event_checked, record_line(2, 7), Validation::full);
BENCHMARK_CAPTURE(parse, event_unchecked, record_line(2, 7), Validation::skipped);
BENCHMARK_CAPTURE(parse, small_record_checked, record_line(0, 7, 20), Validation::full);
BENCHMARK_CAPTURE(parse, record_of_10_kB_checked, record_line(0, 7, 10'000), Validation::full);
BENCHMARK_CAPTURE(parse, record_of_5_MB_checked, record_line(0, 7, 5'000'000), Validation::full);
BENCHMARK_CAPTURE(parse, state, state_line(0, 10'000), Validation::full);
BENCHMARK_CAPTURE(parse, status, std::string(status_line), Validation::full);
BENCHMARK_CAPTURE(parse, log, std::string(log_line), Validation::full);

/// A STATE with the copy of its line that is kept until it is answered.
void take_state(benchmark::State& state) {
  std::string const line = state_line(0, 10'000);
  auto const block = block_of(line);
  MessageParser parser;
  for (auto _ : state) {
    parser.parse(std::string_view(block->data(), line.size()));
    benchmark::DoNotOptimize(parser.take_state([](StreamName const&) { return std::nullopt; }));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(take_state);

}  // namespace
}  // namespace landfall::benchmarks
