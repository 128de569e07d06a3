#include "tasks/input_consumer_task.hpp"

#include <exception>
#include <optional>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace landfall {

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
      std::optional<InputLines> const lines = co_await reader_.next();
      if (!lines) co_return;
      router_.route(*lines);
    }  // its block is not held while the next one waits for memory
    co_await asio::post(asio::use_awaitable);  // an input that never waits must not keep a thread from others
  }
}

std::unique_ptr<Task> SourceInputConsumerTaskFactory::make(TaskLauncher& launcher) {
  auto on_pressure = [queues = &queues_] { queues->request_flush_of_all(); };
  LineReader reader(source_, budget_, options_.block_bytes, options_.longest_line_bytes, on_pressure);
  Router router(queues_, checkpoints_, clock_, options_.validation, progress_);
  return std::make_unique<InputConsumerTask>(launcher, std::move(reader), std::move(router));
}

}  // namespace landfall
