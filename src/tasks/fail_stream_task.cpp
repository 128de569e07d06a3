#include "tasks/fail_stream_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

awaitable<void> FailStreamTask::execute() {
  std::optional<Error> close_error;
  if (loader_) {
    PhaseRunner::Attempt<void> close = [this] { return loader_->close(outcome_); };
    try {
      co_await phases_.run(Phase::close, "close of stream " + to_string(stream_), std::move(close));
    } catch (...) {
      close_error = Error::from(std::current_exception());
      close_error->add_context("close of stream " + to_string(stream_) + " after its failure");
    }
  }
  co_await launcher_.handle_fail_stream_complete(stream_, std::move(close_error));
}

std::unique_ptr<Task> LoaderFailStreamTaskFactory::make(TaskLauncher& launcher, StreamDescriptor const& stream,
                                                        Error error, bool run_loader_close) {
  StreamManager const& manager = launcher.sync().stream_manager(stream);
  StreamOutcome outcome(StreamEnd::failed, manager.ledger().records_of_this_sync(), std::move(error));
  auto loader = run_loader_close ? launcher.sync().loader(stream) : nullptr;
  return std::make_unique<FailStreamTask>(launcher, phases_, std::move(loader), stream, std::move(outcome));
}

}  // namespace landfall
