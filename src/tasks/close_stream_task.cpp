#include "tasks/close_stream_task.hpp"

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

awaitable<void> CloseStreamTask::execute() {
  PhaseRunner::Attempt<void> close = [this] { return loader_->close(outcome_); };
  co_await phases_.run(Phase::close, name(), std::move(close));
  co_await launcher_.handle_stream_closed(stream_, outcome_);
}

namespace {

/// Why a stream which was loaded to its end is not complete all the same.
std::optional<Error> incomplete_cause(StreamManager const& manager, EndOfStream const& end) {
  DestinationStream const& stream = manager.stream();
  std::uint64_t const count = manager.ledger().records_of_this_sync();
  if (stream_end(stream, end) == StreamEnd::complete) return std::nullopt;
  if (end.failure) return end.failure;
  auto const name = to_string(stream.descriptor);
  if (!end.input_complete) {
    return transient_error(
        "stream {} is incomplete: reading was broken off after {} records; they are loaded, old data is kept", name,
        count);
  }
  if (end.status == StreamStatus::incomplete) {
    return transient_error(
        "stream {} is incomplete: the source reported INCOMPLETE; {} records are loaded, old data is kept", name,
        count);
  }
  if (stream.has_generations()) {
    return transient_error(
        "stream {} is incomplete: the input ended without its COMPLETE status; {} records are loaded, old data is kept",
        name, count);
  }
  return transient_error(
      "stream {} is incomplete: the input ended with no STATE after its last record and no STREAM_STATUS, so nothing "
      "tells that the source had finished it; {} records are loaded, old data is kept. A stream that replaces its old "
      "data "
      "needs a STATE after its last record, or the status COMPLETE, from the source",
      name, count);
}

}  // namespace

std::unique_ptr<Task> LoaderCloseStreamTaskFactory::make(TaskLauncher& launcher, StreamDescriptor const& stream) {
  StreamManager const& manager = launcher.sync().stream_manager(stream);
  EndOfStream const end = manager.end_of_stream().value();
  StreamOutcome outcome(stream_end(manager.stream(), end), manager.ledger().records_of_this_sync(),
                        incomplete_cause(manager, end));
  return std::make_unique<CloseStreamTask>(launcher, phases_, launcher.sync().loader(stream), stream,
                                           std::move(outcome));
}

}  // namespace landfall
