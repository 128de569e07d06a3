#include "tasks/process_records_task.hpp"

#include <algorithm>
#include <iterator>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <landfall/launcher/task_launcher.hpp>

#include "pipeline/unreadable.hpp"

namespace landfall {

namespace {

/// From an answer until it is reported: the failure of another batch must not lose what is committed.
constexpr asio::disable_cancellation answer_is_kept;

}  // namespace

std::string ProcessRecordsTask::name() const { return "process records of stream " + to_string(stream_); }

awaitable<void> ProcessRecordsTask::execute() {
  if (may_be_applied_) {
    bool const applied = co_await was_applied();
    if (applied) co_return;
  }
  std::vector<RecordBatch> to_offer = co_await readable();  // the next one last
  while (!to_offer.empty()) {
    RecordBatch next = std::move(to_offer.back());
    to_offer.pop_back();
    BatchId const id = next.id();
    RecordNumber const first = next.first_number();
    RecordNumber const last = next.end_number() - 1;
    try {
      std::vector<RecordBatch> again = co_await offer(std::move(next));
      to_offer.insert(to_offer.end(), std::make_move_iterator(again.rbegin()), std::make_move_iterator(again.rend()));
      bool const goes_on = to_offer.empty() || co_await may_offer_more();
      if (!goes_on) co_return;
    } catch (Error& error) {
      error.add_context(fmt::format("batch {}, records {} to {}", to_string(id), first, last));
      throw;
    }
  }
  // Nothing was wrong with any record: there were too many of them.
  if (refused_bytes_ != UINT64_MAX && !has_bad_records_) co_await launcher_.handle_batch_too_large(refused_bytes_);
}

// True: there is nothing left to do.
awaitable<bool> ProcessRecordsTask::was_applied() {
  PhaseRunner::Probe probe = [this] { return loader_->probe(id_); };
  bool const applied = co_await phases_.was_applied(name(), std::move(probe));
  if (!applied) co_return false;
  co_await asio::this_coro::reset_cancellation_state(answer_is_kept);
  Interval const numbers{records_.first_number(), records_.end_number()};
  records_.clear();
  BatchEnvelope envelope(stream_, id_, numbers, Batch::complete());
  co_await launcher_.handle_new_batch(std::move(envelope));
  co_return true;
}

// What a loader may see, if anything; the rest is in the reject file by then.
awaitable<std::vector<RecordBatch>> ProcessRecordsTask::readable() {
  RejectedRecords refusal("lines that cannot be read", unreadable_records(records_));
  if (!refusal.records.empty())
    co_return co_await rejector_.refused(launcher_, std::move(records_), std::move(refusal));
  std::vector<RecordBatch> all;
  all.push_back(std::move(records_));
  co_return all;
}

awaitable<void> ProcessRecordsTask::attempt_ended(TimePoint started_at, TimePoint ended_at,
                                                  std::optional<Error> failure, bool timed_out) {
  CallOutcome const outcome = outcome_of(failure, timed_out);
  if (outcome == CallOutcome::other) co_return;
  std::optional<std::chrono::milliseconds> const retry_after = failure ? failure->retry_after() : std::nullopt;
  CallReport const report(started_at, ended_at, outcome, offered_bytes_, retry_after);
  co_await launcher_.handle_call_ended(report);
}

// A cancellation that came meanwhile is gone, but the launcher knows of it.
awaitable<bool> ProcessRecordsTask::may_offer_more() {
  asio::enable_terminal_cancellation const usual;
  co_await asio::this_coro::reset_cancellation_state(usual);
  co_return co_await launcher_.handle_step_requested(stream_);
}

awaitable<void> ProcessRecordsTask::wait_begins(Duration delay) {
  return launcher_.handle_call_waits(stream_, id_, delay);
}

awaitable<void> ProcessRecordsTask::wait_ended() { return launcher_.handle_call_resumes(stream_, id_); }

// Returns what is to be offered again. Afterwards nothing is cancelled any more, until may_offer_more().
awaitable<std::vector<RecordBatch>> ProcessRecordsTask::offer(RecordBatch records) {
  BatchId const id = records.id();
  std::optional<Batch> answer;
  std::optional<RejectedRecords> refusal;
  offered_bytes_ = records.bytes();
  PhaseRunner::Attempt<Batch> attempt = [this, &records] { return loader_->process_records(records); };
  PhaseRunner::Probe probe = [this, id] { return loader_->probe(id); };
  try {
    answer = co_await phases_.run_probed<Batch>(name(), std::move(attempt), std::move(probe), nullptr, this);
    if (!answer) answer = Batch::complete();
  } catch (RejectedRecords const& refused) {
    refusal = refused;
  }
  co_await asio::this_coro::reset_cancellation_state(answer_is_kept);
  if (refusal && refusal->records.empty() && records.size() > 1) {
    refused_bytes_ = std::min(refused_bytes_, offered_bytes_);
  } else if (refusal || !answer->rejected().empty()) {
    has_bad_records_ = true;
  }
  if (refusal) co_return co_await rejector_.refused(launcher_, std::move(records), std::move(*refusal));

  Interval const numbers{records.first_number(), records.end_number()};
  if (!answer->rejected().empty()) {
    co_await rejector_.reject(launcher_, std::move(records), answer->rejected(), answer->state());
  }
  records.clear();
  BatchEnvelope envelope(stream_, id, numbers, std::move(*answer));
  co_await launcher_.handle_new_batch(std::move(envelope));
  co_return std::vector<RecordBatch>();
}

std::unique_ptr<Task> LoaderProcessRecordsTaskFactory::make(TaskLauncher& launcher, RecordBatch records) {
  auto loader = launcher.sync().loader(records.stream().descriptor);
  bool const may_be_applied = records.id() < first_id_;
  return std::make_unique<ProcessRecordsTask>(launcher, phases_, rejector_, std::move(loader), std::move(records),
                                              may_be_applied);
}

}  // namespace landfall
