#include "tasks/process_batch_task.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <landfall/launcher/task_launcher.hpp>

namespace landfall {

namespace {

/// Too late for it: the records are gone, so nobody could keep them.
void insist_on_no_rejected(Batch const& answer) {
  if (answer.rejected().empty()) return;
  throw system_error("process_batch() rejected record {}: records can be rejected by process_records() only",
                     answer.rejected().front().number);
}

}  // namespace

std::string ProcessBatchTask::name() const { return "process batch of stream " + to_string(envelope_.stream); }

awaitable<void> ProcessBatchTask::execute() {
  std::optional<Batch> answer;
  PhaseRunner::Attempt<Batch> attempt = [this] { return loader_->process_batch(envelope_.batch); };
  PhaseRunner::Probe probe = [this] { return loader_->probe(envelope_.id); };
  try {
    answer = co_await phases_.run_probed<Batch>(name(), std::move(attempt), std::move(probe), nullptr, this);
    if (!answer) answer = Batch::complete();
    insist_on_no_rejected(*answer);
  } catch (Error& error) {
    error.add_context(fmt::format("batch {}, records {} to {}", to_string(envelope_.id), envelope_.records.begin,
                                  envelope_.records.end - 1));
    throw;
  }
  // The failure of another batch must not lose what is committed.
  constexpr asio::disable_cancellation answer_is_kept;
  co_await asio::this_coro::reset_cancellation_state(answer_is_kept);
  BatchEnvelope further(envelope_.stream, envelope_.id, envelope_.records, std::move(*answer));
  co_await launcher_.handle_new_batch(std::move(further));
}

awaitable<void> ProcessBatchTask::attempt_ended(TimePoint started_at, TimePoint ended_at, std::optional<Error> failure,
                                                bool timed_out) {
  CallOutcome const outcome = outcome_of(failure, timed_out);
  if (outcome == CallOutcome::ok || outcome == CallOutcome::other) co_return;
  CallReport const report(started_at, ended_at, outcome, 0, failure->retry_after());
  co_await launcher_.handle_call_ended(report);
}

awaitable<void> ProcessBatchTask::wait_begins(Duration) { co_return; }

awaitable<void> ProcessBatchTask::wait_ended() { co_return; }

std::unique_ptr<Task> LoaderProcessBatchTaskFactory::make(TaskLauncher& launcher, BatchEnvelope envelope) {
  auto loader = launcher.sync().loader(envelope.stream);
  return std::make_unique<ProcessBatchTask>(launcher, phases_, std::move(loader), std::move(envelope));
}

}  // namespace landfall
