#include "pipeline/step_pipeline.hpp"

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <landfall/launcher/task_launcher.hpp>
#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

std::size_t checked_partition(LoadStep const& step, StepInput const& input, std::size_t workers) {
  std::size_t const partition = step.partition(input, workers);
  if (partition < workers) return partition;
  throw system_error("partition {} was asked for, but there are {} workers", partition, workers);
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
      co_await process(std::move(*batch));
    }
  }

 private:
  awaitable<void> process(Travelling batch) {
    std::optional<Batch> answer;
    std::exception_ptr thrown;
    if (!batch.failure) {
      try {
        answer = co_await load_step().process(batch.input, worker_);
      } catch (...) {
        thrown = std::current_exception();
      }
    }
    if (thrown) batch.failure = Error::from(thrown);
    if (batch.failure) {
      co_await fail(std::move(batch));
      co_return;
    }
    pipeline_.updates_.push_now(batch.envelope(*answer), sizeof(BatchEnvelope));
    if (answer->state() == BatchState::complete) co_return;
    batch.input.batch = std::move(*answer);
    if (pipeline_.is_last(step_)) {
      batch.failure = system_error("the last step must answer complete, not {}", to_string(batch.input.batch.state()));
      co_await fail(std::move(batch));
      co_return;
    }
    pipeline_.put(step_ + 1, std::move(batch));
  }

  // When this worker itself was cancelled, the co_await throws and the batch ends with the sync.
  awaitable<void> fail(Travelling batch) {
    Error error = std::move(*batch.failure);
    error.add_context(fmt::format("step {}, batch {}, records {} to {}", load_step().name(), batch.id.value,
                                  batch.records.begin, batch.records.end - 1));
    BatchEnvelope envelope = batch.envelope(batch.input.batch);
    co_await launcher_.handle_batch_failure(std::move(envelope), std::move(error));
  }

  LoadStep& load_step() const { return *pipeline_.steps_[step_].step; }

  TaskLauncher& launcher_;
  StepPipeline& pipeline_;
  std::size_t step_;
  std::size_t worker_;
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

StepPipeline::StepPipeline(std::vector<std::unique_ptr<LoadStep>> steps, BatchUpdateQueue& updates)
    : updates_(updates) {
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

void StepPipeline::submit(StepInput input) { put(0, Travelling(std::move(input))); }

// A batch that cannot be given to the right worker is given to the first one, which reports it: a failure is told by a
// task, never to the one who submits.
void StepPipeline::put(std::size_t step, Travelling batch) {
  Step const& target = steps_[step];
  std::size_t worker = 0;
  try {
    worker = checked_partition(*target.step, batch.input, target.queues.size());
  } catch (...) {
    batch.failure = Error::from(std::current_exception());
  }
  std::uint64_t const bytes = batch.input.records.bytes();
  target.queues[worker]->push_now(std::move(batch), bytes);
}

}  // namespace landfall
