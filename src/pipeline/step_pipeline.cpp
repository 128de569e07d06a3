#include "pipeline/step_pipeline.hpp"

#include <cstdint>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <landfall/launcher/task_launcher.hpp>
#include <landfall/runtime/assert.hpp>

#include "pipeline/unreadable.hpp"

namespace landfall {

namespace {

std::size_t checked_partition(LoadStep const& step, StepInput const& input, std::size_t workers) {
  std::size_t const partition = step.partition(input, workers);
  if (partition < workers) return partition;
  throw system_error("partition {} was asked for, but there are {} workers", partition, workers);
}

/// The same for a batch that may have unreadable records, which no step may see.
std::size_t partition_of_readable(LoadStep const& step, StepInput const& input, std::size_t workers) {
  std::vector<RecordNumber> unreadable;
  for (RejectedRecord const& record : unreadable_records(input.records)) unreadable.push_back(record.number);
  if (unreadable.empty()) return checked_partition(step, input, workers);
  RecordBatch rest = input.records.without(unreadable);
  return rest.empty() ? 0 : checked_partition(step, StepInput(input.loader, std::move(rest)), workers);
}

}  // namespace

/// One worker of one step.
class StepPipeline::WorkerTask final : public Task {
 public:
  WorkerTask(TaskLauncher& launcher, StepPipeline& pipeline, std::size_t step, std::size_t worker)
      : launcher_(launcher), pipeline_(pipeline), step_(step), worker_(worker) {}

  std::string name() const override { return fmt::format("step {}, worker {}", load_step().name(), worker_); }
  TerminalCondition terminal_condition() const override { return TerminalCondition::on_end_of_sync; }

  awaitable<void> execute() override {
    StepQueue& queue = *pipeline_.steps_[step_].queues[worker_];
    for (;;) {
      std::optional<Travelling> batch = co_await queue.pop();
      if (!batch) co_return;
      std::vector<Travelling> to_process;  // the next one last: parts come before what waits, so an order is kept
      to_process.push_back(std::move(*batch));
      while (!to_process.empty()) {
        Travelling next = std::move(to_process.back());
        to_process.pop_back();
        std::vector<Travelling> parts = co_await process(std::move(next));
        to_process.insert(to_process.end(), std::make_move_iterator(parts.rbegin()),
                          std::make_move_iterator(parts.rend()));
      }
    }
  }

 private:
  // Returns what is to be processed in its place.
  awaitable<std::vector<Travelling>> process(Travelling batch) {
    std::vector<Travelling> parts;
    bool const wanted = co_await launcher_.handle_step_requested(batch.stream);
    if (!wanted) {
      co_await launcher_.handle_batch_split(batch.stream, 0);
      co_return parts;
    }
    std::optional<Batch> answer;
    std::exception_ptr thrown;
    if (!batch.failure) {
      try {
        if (still_runs_) throw system_error("an earlier call of this step still runs");
        answer = co_await offer(batch, parts);
      } catch (...) {
        thrown = std::current_exception();
      }
    }
    if (thrown) batch.failure = Error::from(thrown);
    if (batch.failure) {
      still_runs_ = still_runs_ || batch.failure->call_still_runs();
      co_await fail(std::move(batch));
      co_return parts;
    }
    if (!answer) co_return parts;
    // Before anything else happens to the batch: if it fails in its next step, this remains true.
    BatchEnvelope reached = batch.envelope(*answer);
    co_await launcher_.handle_new_batch(std::move(reached));
    if (answer->state() == BatchState::complete) co_return parts;
    batch.input.batch = std::move(*answer);
    if (pipeline_.is_last(step_)) {
      bool const by_its_group = co_await is_complete(batch);
      if (by_its_group) {
        BatchEnvelope last = batch.envelope(Batch::complete());
        co_await launcher_.handle_new_batch(std::move(last));
        co_return parts;
      }
      batch.failure = system_error("the last step must answer complete, not {}", to_string(batch.input.batch.state()));
      co_await fail(std::move(batch));
      co_return parts;
    }
    pipeline_.put(step_ + 1, std::move(batch));
    co_return parts;
  }

  awaitable<bool> is_complete(Travelling const& batch) {
    auto ask = [this, &batch] {
      return launcher_.sync().stream_manager(batch.stream).ledger().is_complete(batch.records);
    };
    co_return co_await launcher_.on_strand(std::move(ask));
  }

  // What the step answers; nothing when the batch goes on in parts, or not at all, which has been told by then.
  awaitable<std::optional<Batch>> offer(Travelling& batch, std::vector<Travelling>& parts) {
    if (std::exchange(batch.may_be_applied, false)) {
      PhaseRunner::Probe earlier = [loader = batch.input.loader, id = batch.id] { return loader->probe(id); };
      bool const applied = co_await pipeline_.phases_.was_applied(name(), std::move(earlier));
      if (applied) co_return Batch::complete();
    }
    RejectedRecords unreadable("lines that cannot be read", unreadable_records(batch.input.records));
    if (!unreadable.records.empty()) {
      co_await go_on_without(batch, std::move(unreadable), parts);
      co_return std::nullopt;
    }
    // Each attempt has a copy: a step may change what it is given before it fails.
    auto const given = std::make_shared<std::shared_ptr<StepInput>>();
    PhaseRunner::Attempt<Batch> attempt = [this, given, &batch] {
      *given = std::make_shared<StepInput>(batch.input);
      return process_given(load_step(), *given, worker_);
    };
    PhaseRunner::Probe probe = [loader = batch.input.loader, id = batch.id] { return loader->probe(id); };
    PhaseRunner::StillWanted wanted = [this, &batch] { return launcher_.handle_step_requested(batch.stream); };
    std::optional<Batch> answer;
    std::optional<RejectedRecords> refusal;
    try {
      answer =
          co_await pipeline_.phases_.run_probed<Batch>(name(), std::move(attempt), std::move(probe), std::move(wanted));
      if (!answer) answer = Batch::complete();
    } catch (RejectedRecords const& refused) {
      refusal = refused;
    }
    bool const rejects = refusal || !answer->rejected().empty();
    if (rejects && batch.input.records.empty()) {
      throw system_error("the step rejected records, but an earlier one had let them go");
    }
    if (refusal) {
      co_await go_on_without(batch, std::move(*refusal), parts);
      co_return std::nullopt;
    }
    if (rejects) {
      co_await pipeline_.rejector_.reject(launcher_, batch.input.records, answer->rejected(), answer->state());
    }
    batch.input = std::move(**given);
    if (rejects) {
      std::vector<RecordNumber> numbers;
      for (RejectedRecord const& rejected : answer->rejected()) numbers.push_back(rejected.number);
      batch.input.records = batch.input.records.without(numbers);
    }
    co_return answer;
  }

  awaitable<void> go_on_without(Travelling& batch, RejectedRecords refusal, std::vector<Travelling>& parts) {
    auto rest = co_await pipeline_.rejector_.refused(launcher_, batch.input.records, std::move(refusal));
    co_await launcher_.handle_batch_split(batch.stream, rest.size());
    for (RecordBatch& part : rest) {
      // From the first step on: what the earlier ones made of the batch holds the refused records too.
      StepInput fresh(batch.input.loader, std::move(part));
      Travelling next(std::move(fresh));
      if (step_ == 0) {
        parts.push_back(std::move(next));
      } else {
        pipeline_.put(0, std::move(next));
      }
    }
  }

  /// Owns what it works on: it may outlive the worker when it ignores its cancellation.
  static awaitable<Batch> process_given(LoadStep& step, std::shared_ptr<StepInput> input, std::size_t worker) {
    co_return co_await step.process(*input, worker);
  }

  // When this worker itself was cancelled, the co_await throws and the batch ends with the sync.
  awaitable<void> fail(Travelling batch) {
    Error error = std::move(*batch.failure);
    error.add_context(fmt::format("step {}, batch {}, records {} to {}", load_step().name(), to_string(batch.id),
                                  batch.records.begin, batch.records.end - 1));
    BatchEnvelope envelope = batch.envelope(batch.input.batch);
    co_await launcher_.handle_batch_failure(std::move(envelope), std::move(error));
  }

  LoadStep& load_step() const { return *pipeline_.steps_[step_].step; }

  TaskLauncher& launcher_;
  StepPipeline& pipeline_;
  std::size_t step_;
  std::size_t worker_;
  bool still_runs_ = false;  // a call of ours that ignores its cancellation: none is made beside it
};

StepPipeline::Travelling::Travelling(StepInput step_input)
    : input(std::move(step_input)),
      stream(input.records.stream().descriptor),
      id(input.records.id()),
      records{input.records.first_number(), input.records.end_number()} {
  LANDFALL_ASSERT(!input.records.empty());
}

// Without the payload: that goes to the next step alone.
BatchEnvelope StepPipeline::Travelling::envelope(Batch const& answer) const {
  Batch reported(answer.state());
  if (answer.group()) reported = std::move(reported).in_group(*answer.group());
  return BatchEnvelope(stream, id, records, std::move(reported), BatchRoute::pipeline);
}

StepPipeline::StepPipeline(std::vector<std::unique_ptr<LoadStep>> steps, PhaseRunner& phases, Rejector& rejector,
                           BatchId first_id)
    : phases_(phases), rejector_(rejector), first_id_(first_id) {
  if (steps.empty()) throw system_error("a load pipeline needs at least one step");
  for (auto& step : steps) {
    if (step->workers() == 0) throw system_error("step {} has no workers", step->name());
    Step& added = steps_.emplace_back();
    for (std::size_t worker = 0; worker < step->workers(); ++worker) {
      added.queues.push_back(std::make_unique<StepQueue>(UINT64_MAX));
    }
    added.step = std::move(step);
  }
}

StepPipeline::~StepPipeline() = default;

std::vector<std::unique_ptr<Task>> StepPipeline::make_tasks(TaskLauncher& launcher) {
  std::vector<std::unique_ptr<Task>> tasks;
  for (std::size_t step = 0; step < steps_.size(); ++step) {
    for (std::size_t worker = 0; worker < steps_[step].queues.size(); ++worker) {
      tasks.push_back(std::make_unique<WorkerTask>(launcher, *this, step, worker));
    }
  }
  return tasks;
}

void StepPipeline::submit(StepInput input) {
  Travelling batch(std::move(input));
  batch.may_be_applied = batch.id < first_id_;
  put(0, std::move(batch));
}

// A batch that cannot be given to the right worker is given to the first one, which reports it: a failure is told by a
// task, never to the one who submits.
void StepPipeline::put(std::size_t step, Travelling batch) {
  Step const& target = steps_[step];
  std::size_t worker = 0;
  try {
    worker = partition_of_readable(*target.step, batch.input, target.queues.size());
  } catch (...) {
    batch.failure = Error::from(std::current_exception());
  }
  std::uint64_t const bytes = batch.input.records.bytes();
  target.queues[worker]->push_now(std::move(batch), bytes);
}

}  // namespace landfall
