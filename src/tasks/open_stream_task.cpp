#include "tasks/open_stream_task.hpp"

#include <string>
#include <utility>

#include <landfall/protocol/dedup_columns.hpp>

namespace landfall {

namespace {

/// Owns what it makes: it may outlive the task when it ignores its cancellation.
awaitable<std::shared_ptr<StreamLoader>> open_and_start(Destination& destination,
                                                        std::shared_ptr<DestinationStream const> stream) {
  require_dedup_columns(*stream);
  std::shared_ptr<StreamLoader> loader = co_await destination.open(*stream);
  if (!loader) throw system_error("open() returned no loader");
  co_await loader->start();
  co_return loader;
}

}  // namespace

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
  std::string const name = "open stream " + to_string(stream->descriptor);
  PhaseRunner::Attempt<std::shared_ptr<StreamLoader>> attempt = [this, stream] {
    return open_and_start(destination_, stream);
  };
  try {
    loader = co_await phases_.run<std::shared_ptr<StreamLoader>>(Phase::open, name, std::move(attempt));
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) {
    co_await launcher_.handle_stream_started(stream->descriptor, std::move(loader));
    co_return;
  }
  Error error = Error::from(failure);
  error.add_context(name);
  co_await launcher_.handle_open_failure(stream->descriptor, std::move(error));
}

std::unique_ptr<Task> DestinationOpenStreamTaskFactory::make(TaskLauncher& launcher) {
  return std::make_unique<OpenStreamTask>(launcher, destination_, queue_, phases_);
}

}  // namespace landfall
