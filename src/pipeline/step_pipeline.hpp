#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <landfall/destination/load_step.hpp>
#include <landfall/launcher/load_pipeline.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/message_queue.hpp>
#include <landfall/state/batch_envelope.hpp>

#include "pipeline/rejector.hpp"

namespace landfall {

/// A LoadPipeline of LoadSteps: each worker of each step has a queue of its own and does one batch at a time.
///
/// Order:    batches of one partition leave a step in the order in which they came.
/// Answers:  each is told to TaskLauncher::handle_new_batch, with BatchRoute::pipeline, before anything else happens to
///           its batch. That goes on to the next step until a step answers complete; the last step must, unless
///           another answer for its group has completed it.
/// Retries:  a step is called again, with the batch as it was, where Phase::process allows it; the loader's probe() is
///           asked where the outcome is unknown. Refused records are left out, or the batch goes on in halves;
///           what is left goes through all steps again.
/// Errors:   what a step throws in the end, an answer of the last step that is not complete, a partition that does not
/// exist: each
///           is the failure of that batch, told to TaskLauncher::handle_batch_failure; the worker goes on.
/// Lifetime: outlives its tasks.
/// Source:   base design 1.8.
class StepPipeline final : public LoadPipeline {
 public:
  /// `first_id`: of the first batch of this sync; those before it come from an earlier process, which may have loaded
  /// them: the loader is asked before the first step.
  /// Errors: Error(system) when there is no step, or a step without workers.
  StepPipeline(std::vector<std::unique_ptr<LoadStep>> steps, PhaseRunner& phases, Rejector& rejector,
               BatchId first_id = BatchId());
  ~StepPipeline() override;

  std::vector<std::unique_ptr<Task>> make_tasks(TaskLauncher& launcher) override;
  void submit(StepInput input) override;

 private:
  class WorkerTask;

  /// What a batch is stays known when a step has let its records go.
  struct Travelling {
    explicit Travelling(StepInput step_input);
    BatchEnvelope envelope(Batch const& answer) const;

    StepInput input;
    StreamDescriptor stream;
    BatchId id;
    Interval records;
    bool may_be_applied = false;   // an earlier process may have loaded it: nobody has asked yet
    std::optional<Error> failure;  // it could not be given to the step
  };
  using StepQueue = MessageQueue<Travelling>;
  struct Step {
    std::unique_ptr<LoadStep> step;
    std::vector<std::unique_ptr<StepQueue>> queues;  // one for each worker
  };

  void put(std::size_t step, Travelling batch);
  bool is_last(std::size_t step) const noexcept { return step + 1 == steps_.size(); }

  std::vector<Step> steps_;
  PhaseRunner& phases_;
  Rejector& rejector_;
  BatchId first_id_;
};

}  // namespace landfall
