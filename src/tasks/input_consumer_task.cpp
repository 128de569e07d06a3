#include "tasks/input_consumer_task.hpp"

#include <exception>
#include <optional>

#include <fmt/format.h>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace landfall {

namespace {

/// Of the memory budget, what the router may keep as room: so little that any usual block fits beside it.
std::uint64_t room_of_router(MemoryBudget const& budget) { return budget.capacity_bytes() / 8; }

/// Then batches are closed before the reader has to wait for their memory: loading and reading go on together.
bool is_nearly_full(MemoryBudget const& budget) {
  return budget.reserved_bytes() > budget.capacity_bytes() - budget.capacity_bytes() / 8;
}

}  // namespace

InputConsumerTask::InputConsumerTask(TaskLauncher& launcher, LineReader reader, Router router, StreamQueues& queues,
                                     MemoryBudget const& budget)
    : launcher_(launcher), reader_(std::move(reader)), router_(std::move(router)), queues_(queues), budget_(budget) {
  reader_.on_pressure([this](std::uint64_t wanted_bytes) { free_memory(wanted_bytes); });
}

void InputConsumerTask::free_memory(std::uint64_t wanted_bytes) {
  // A usual block fits beside it. A long line may need all of the memory.
  if (wanted_bytes > budget_.capacity_bytes() / 2) router_.give_back_room();
  queues_.free_memory(budget_);
}

awaitable<void> InputConsumerTask::execute() {
  std::exception_ptr failure;
  try {
    co_await read_to_end();
  } catch (...) {
    failure = std::current_exception();
  }
  bool const cancelled = failure && is_cancellation(failure);
  bool reported = !failure || cancelled;
  if (!reported) {
    // Reported before the streams hear of their end: the cause comes before its consequences.
    Error error = Error::from(failure);
    error.add_context(name());
    try {
      co_await launcher_.handle_exception(FailureLevel::input, std::nullopt, std::move(error));
      reported = true;
    } catch (boost::system::system_error const&) {
      // It was cancelled as well: then the launcher hears of it from its wrapper, below.
    }
  }
  // A cancelled reader comes here too, and can do no more than this: it does not wait. Its end is the end of the input.
  router_.end_of_input(!failure);
  if (!reported) std::rethrow_exception(failure);
}

awaitable<void> InputConsumerTask::read_to_end() {
  for (;;) {
    {
      std::optional<InputLines> const lines = co_await next_lines();
      if (!lines) co_return;
      router_.route(*lines);
    }  // its block is not held while the next one waits for memory
    if (is_nearly_full(budget_)) queues_.free_memory(budget_);
    co_await asio::post(asio::use_awaitable);  // an input that never waits must not keep a thread from others
  }
}

awaitable<std::optional<InputLines>> InputConsumerTask::next_lines() {
  try {
    co_return co_await reader_.next();
  } catch (Error& error) {
    error.add_context(fmt::format("line {}", router_.lines_routed() + 1));
    throw;
  }
}

std::unique_ptr<Task> SourceInputConsumerTaskFactory::make(TaskLauncher& launcher) {
  LineReader reader(source_, budget_, options_.block_bytes, options_.longest_line_bytes);
  reader.on_large_record(options_.on_large_record);
  Router router(queues_, checkpoints_, clock_, options_.validation, progress_, room_of_router(budget_),
                options_.rejects);
  return std::make_unique<InputConsumerTask>(launcher, std::move(reader), std::move(router), queues_, budget_);
}

}  // namespace landfall
