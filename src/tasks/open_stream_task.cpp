#include "tasks/open_stream_task.hpp"

namespace landfall {

awaitable<void> OpenStreamTask::execute() {
  for (;;) {
    auto stream = co_await queue_.pop();
    if (!stream) co_return;
    bool const wanted = co_await launcher_.handle_open_requested((*stream)->descriptor);
    if (wanted) co_await open(std::move(*stream));
  }
}

awaitable<void> OpenStreamTask::open(std::shared_ptr<DestinationStream const> stream) {
  std::shared_ptr<StreamLoader> loader;
  std::exception_ptr failure;
  try {
    loader = co_await destination_.open(*stream);
    if (!loader) throw system_error("open() returned no loader");
    co_await loader->start();
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) {
    co_await launcher_.handle_stream_started(stream->descriptor, std::move(loader));
    co_return;
  }
  Error error = Error::from(failure);
  error.add_context("open stream " + to_string(stream->descriptor));
  co_await launcher_.handle_open_failure(stream->descriptor, std::move(error));
}

std::unique_ptr<Task> DestinationOpenStreamTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<OpenStreamTask>(launcher, destination_, queue_);
}

}  // namespace landfall
