#include <landfall/runtime/message_queue.hpp>

#include <cstdint>

#include <benchmark/benchmark.h>

#include "in_coroutine.hpp"

namespace landfall::benchmarks {
namespace {

awaitable<void> push_and_pop_all(benchmark::State& state) {
  MessageQueue<std::int64_t> queue(1 << 20);
  auto const count = state.range(0);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < count; ++i) queue.push_now(i, 8);
    auto const drained = co_await queue.pop_all();
    benchmark::DoNotOptimize(drained.elements.data());
  }
}

/// So many elements are queued, then taken at once; nobody has to wait.
void queue_without_waiting(benchmark::State& state) {
  run_coroutine(push_and_pop_all(state));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(queue_without_waiting)->ArgName("elements")->Arg(1)->Arg(64);

struct PingPong {
  MessageQueue<int> there{1 << 10};
  MessageQueue<int> back{1 << 10};
};

awaitable<void> answer(PingPong& queues) {
  for (;;) {
    auto const asked = co_await queues.there.pop();
    if (!asked) co_return;
    queues.back.push_now(1, 1);
  }
}

awaitable<void> ask(benchmark::State& state, PingPong& queues) {
  for (auto _ : state) {
    queues.there.push_now(1, 1);
    co_await queues.back.pop();
  }
  queues.there.close();
}

/// An element to another coroutine of the same thread and one back: both wait each time.
void queue_with_waiting(benchmark::State& state) {
  PingPong queues;
  asio::io_context context(1);
  asio::co_spawn(context, answer(queues), [](std::exception_ptr) {});
  asio::co_spawn(context, ask(state, queues), [](std::exception_ptr) {});
  context.run();
  state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(queue_with_waiting);

}  // namespace
}  // namespace landfall::benchmarks
