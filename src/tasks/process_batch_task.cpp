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

/// One that says the same for ever would be asked for ever.
void insist_on_progress(Batch const& answer, BatchEnvelope const& asked) {
  if (answer.group() || answer.state() > asked.batch.state()) return;
  throw system_error(
      "process_batch() answered {} for batch {} of stream {}, which was {} before: without a group, each answer must "
      "be later than the one before",
      to_string(answer.state()), to_string(asked.id), to_string(asked.stream), to_string(asked.batch.state()));
}

/// Who answers complete for this batch alone does not speak for its group.
Batch in_group_of(BatchEnvelope const& asked, Batch answer) {
  bool const stays = asked.batch.group() && !answer.group() && answer.state() != BatchState::complete;
  return stays ? std::move(answer).in_group(*asked.batch.group()) : std::move(answer);
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
    answer = in_group_of(envelope_, std::move(*answer));
    insist_on_progress(*answer, envelope_);
  } catch (Error& error) {
    error.add_context(fmt::format("batch {}, records {} to {}", to_string(envelope_.id), envelope_.records.begin,
                                  envelope_.records.end - 1));
    throw;
  }
  // The failure of another batch must not lose what is committed.
  constexpr asio::disable_cancellation answer_is_kept;
  co_await asio::this_coro::reset_cancellation_state(answer_is_kept);
  BatchEnvelope further(envelope_.stream, envelope_.id, envelope_.records, std::move(*answer));
  further.before = envelope_.batch.state();
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
