#include <landfall/testing/faulty_destination.hpp>

#include <map>
#include <utility>

namespace landfall::testing {

namespace {

std::vector<RecordNumber> numbers_of(std::vector<RejectedRecord> const& rejected) {
  std::vector<RecordNumber> numbers;
  for (RejectedRecord const& record : rejected) numbers.push_back(record.number);
  return numbers;
}

}  // namespace

class FaultyDestination::Loader final : public StreamLoader {
 public:
  Loader(std::shared_ptr<StreamLoader> target, FaultInjector& injector, std::size_t stream)
      : target_(std::move(target)), injector_(injector), stream_(stream) {}

  std::shared_ptr<StreamLoader> const& target() const noexcept { return target_; }

  bool needs_order() const override {
    bool const needs_order = target_->needs_order();
    if (!needs_order) injector_.note_unordered(stream_);
    return needs_order;
  }

  awaitable<void> start() override {
    auto call = make_call(CallKind::start);
    injector_.begin(call);
    co_await injector_.run(call, target_->start());
  }

  awaitable<Batch> process_records(RecordBatch records) override {
    auto call = make_call(CallKind::process_records, records.id());
    TraceEvent& event = injector_.begin(call);
    injector_.note_records(event, records, stream_);
    auto rejected = injector_.poison_in(records, stream_);
    refuse(call, rejected);
    auto real = load(std::move(records), std::move(rejected));
    co_return co_await run_process(call, std::move(real));
  }

  awaitable<Batch> process_batch(Batch batch) override {
    auto& travelling = *std::any_cast<std::shared_ptr<Travelling>&>(batch.payload());
    auto call = make_call(CallKind::process_batch, travelling.id);
    injector_.begin(call);
    auto real = target_->process_batch(travelling.batch);
    co_return co_await run_process(call, std::move(real));
  }

  awaitable<void> close(StreamOutcome outcome) override {
    auto call = make_call(CallKind::close);
    injector_.begin(call).stream_end = outcome.end;
    co_await injector_.run(call, target_->close(std::move(outcome)));
  }

  awaitable<ProbeResult> probe(BatchId batch) override {
    auto call = make_call(CallKind::probe, batch);
    injector_.begin(call);
    auto real = answer_probe(batch);
    co_return co_await injector_.run(call, std::move(real));
  }

  /// RejectedRecords for what the scenario wants to be rejected, unless it goes into the answer.
  void refuse(FaultInjector::Call& call, std::vector<RejectedRecord> const& rejected) const {
    if (rejected.empty()) return;
    RejectStyle const style = injector_.scenario().streams[stream_].reject_style;
    if (style == RejectStyle::by_name) call.throws_rejected = rejected;
    if (style == RejectStyle::nameless) call.throws_rejected.emplace();
  }

  /// What became of the last call for this batch, for probe().
  void note_fate(BatchId batch, bool reached_target, bool is_complete) {
    Fate& fate = fates_[batch];
    fate.reached_target = reached_target;
    fate.is_complete = is_complete;
  }

  /// Its answer rejects records: without the answer nobody knows them, and not all of the batch is durable.
  void note_rejecting(BatchId batch) { fates_[batch].rejects = true; }

 private:
  struct Fate {
    Fate() = default;
    bool reached_target = false;
    bool is_complete = false;
    bool rejects = false;
  };
  /// Its target's batch, and which one it is.
  struct Travelling {
    Travelling(BatchId batch_id, Batch of_target) : id(batch_id), batch(std::move(of_target)) {}
    BatchId id;
    Batch batch;
  };

  FaultInjector::Call make_call(CallKind kind, BatchId batch = BatchId()) const {
    FaultInjector::Call call;
    call.kind = kind;
    call.stream = stream_;
    call.batch = batch;
    return call;
  }

  awaitable<Batch> load(RecordBatch records, std::vector<RejectedRecord> rejected) {
    if (rejected.empty()) co_return co_await target_->process_records(std::move(records));
    note_rejecting(records.id());
    RecordBatch good = records.without(numbers_of(rejected));
    records.clear();
    if (good.empty()) co_return Batch::complete().rejecting(std::move(rejected));
    Batch answer = co_await target_->process_records(std::move(good));
    co_return std::move(answer).rejecting(std::move(rejected));
  }

  awaitable<Batch> run_process(FaultInjector::Call& call, awaitable<Batch> real) {
    auto watched = watch(call.batch, std::move(real));
    note_fate(call.batch, false, false);
    Batch answer = co_await injector_.run(call, std::move(watched));
    if (answer.state() == BatchState::complete) co_return answer;
    Batch wrapped(answer.state());
    if (answer.group()) wrapped = std::move(wrapped).in_group(*answer.group());
    if (!answer.rejected().empty()) {
      auto rejected = answer.rejected();
      wrapped = std::move(wrapped).rejecting(std::move(rejected));
    }
    wrapped.payload() = std::make_shared<Travelling>(call.batch, std::move(answer));
    co_return wrapped;
  }

  awaitable<Batch> watch(BatchId batch, awaitable<Batch> real) {
    note_fate(batch, true, false);
    Batch answer = co_await std::move(real);
    note_fate(batch, true, answer.state() == BatchState::complete);
    co_return answer;
  }

  awaitable<ProbeResult> answer_probe(BatchId batch) {
    auto const fate = fates_.find(batch);
    if (fate == fates_.end()) co_return co_await target_->probe(batch);
    if (!fate->second.reached_target) co_return ProbeResult::not_applied;
    if (fate->second.rejects) co_return ProbeResult::unknown;
    if (fate->second.is_complete) co_return ProbeResult::applied;
    co_return co_await target_->probe(batch);
  }

  std::shared_ptr<StreamLoader> target_;
  FaultInjector& injector_;
  std::size_t stream_;
  std::map<BatchId, Fate> fates_;
};

class FaultyDestination::Step final : public LoadStep {
 public:
  Step(std::unique_ptr<LoadStep> target, FaultInjector& injector, std::size_t place)
      : target_(std::move(target)), injector_(injector), place_(place) {}

  std::string name() const override { return target_->name(); }
  std::size_t workers() const override { return target_->workers(); }

  std::size_t partition(StepInput const& input, std::size_t workers) const override {
    StepInput inner = input;
    inner.loader = loader_of(input).target();
    return target_->partition(inner, workers);
  }

  awaitable<Batch> process(StepInput& input, std::size_t worker) override {
    std::size_t const stream = injector_.index_of(input.records.stream().descriptor);
    FaultInjector::Call call;
    call.kind = CallKind::step;
    call.stream = stream;
    call.batch = input.records.id();
    call.step = place_;
    TraceEvent& event = injector_.begin(call);
    injector_.note_records(event, input.records, stream);
    std::vector<RejectedRecord> rejected;
    if (place_ == 0) rejected = injector_.poison_in(input.records, stream);
    Loader& loader = loader_of(input);
    loader.refuse(call, rejected);
    loader.note_fate(call.batch, false, false);
    auto real = load(input, worker, std::move(rejected));
    co_return co_await injector_.run(call, std::move(real));
  }

 private:
  static Loader& loader_of(StepInput const& input) { return static_cast<Loader&>(*input.loader); }

  awaitable<Batch> load(StepInput& input, std::size_t worker, std::vector<RejectedRecord> rejected) {
    BatchId const batch = input.records.id();
    std::shared_ptr<StreamLoader> const outer = input.loader;
    Loader& loader = static_cast<Loader&>(*outer);
    loader.note_fate(batch, true, false);
    if (!rejected.empty()) {
      loader.note_rejecting(batch);
      input.records = input.records.without(numbers_of(rejected));
      if (input.records.empty()) co_return Batch::complete().rejecting(std::move(rejected));
    }
    input.loader = loader.target();
    std::exception_ptr failure;
    std::optional<Batch> answer;
    try {
      answer.emplace(co_await target_->process(input, worker));
    } catch (...) {
      failure = std::current_exception();
    }
    input.loader = outer;
    if (failure) std::rethrow_exception(failure);
    loader.note_fate(batch, true, answer->state() == BatchState::complete);
    if (!rejected.empty()) answer = std::move(*answer).rejecting(std::move(rejected));
    co_return std::move(*answer);
  }

  std::unique_ptr<LoadStep> target_;
  FaultInjector& injector_;
  std::size_t place_;
};

awaitable<void> FaultyDestination::setup(DestinationCatalog const& catalog) {
  FaultInjector::Call call;
  call.kind = CallKind::setup;
  injector_.begin(call);
  co_await injector_.run(call, target_->setup(catalog));
}

awaitable<std::unique_ptr<StreamLoader>> FaultyDestination::open(DestinationStream const& stream) {
  std::size_t const index = injector_.index_of(stream.descriptor);
  FaultInjector::Call call;
  call.kind = CallKind::open;
  call.stream = index;
  injector_.begin(call);
  co_return co_await injector_.run(call, open_target(stream, index));
}

awaitable<std::unique_ptr<StreamLoader>> FaultyDestination::open_target(DestinationStream const& stream,
                                                                        std::size_t index) {
  std::shared_ptr<StreamLoader> loader = co_await target_->open(stream);
  if (!loader) co_return nullptr;
  co_return std::make_unique<Loader>(std::move(loader), injector_, index);
}

std::vector<std::unique_ptr<LoadStep>> FaultyDestination::load_steps() {
  std::vector<std::unique_ptr<LoadStep>> steps = target_->load_steps();
  for (std::size_t place = 0; place < steps.size(); ++place) {
    steps[place] = std::make_unique<Step>(std::move(steps[place]), injector_, place);
  }
  return steps;
}

awaitable<void> FaultyDestination::teardown(SyncOutcome outcome) {
  FaultInjector::Call call;
  call.kind = CallKind::teardown;
  injector_.begin(call).succeeded = outcome.succeeded();
  co_await injector_.run(call, target_->teardown(std::move(outcome)));
}

}  // namespace landfall::testing
