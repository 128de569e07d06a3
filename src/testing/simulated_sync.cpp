#include <landfall/testing/simulated_sync.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>

#include <landfall/testing/faulty_destination.hpp>
#include <landfall/testing/simulated_disk.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall::testing {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t most_events = 5'000'000;  // then it turns in circles without any time going by

/// The input of a scenario, and how far it was read.
class ScenarioSource final : public ByteSource {
 public:
  ScenarioSource(FaultInjector& injector, std::vector<InputStep> const& steps, InputText text)
      : injector_(injector), steps_(steps), text_(std::move(text)) {}

  awaitable<std::size_t> read(std::span<char> room) override {
    for (;;) {
      if (injector_.crashed()) co_return 0;
      if (next_ == steps_.size()) break;
      InputStep const& step = steps_[next_];
      if (text_.ends[next_] > given_) break;
      if (step.kind == StepKind::pause) co_await injector_.clock().sleep_for(step.pause);
      ++next_;
      if (step.kind == StepKind::read_error) throw transient_error("the input is gone");
    }
    if (next_ == steps_.size()) {
      end_read_ = true;
      co_return 0;
    }
    co_return give(room);
  }

  std::size_t steps_read() const noexcept {
    std::size_t count = next_;
    while (count < steps_.size() && text_.ends[count] <= given_ && has_bytes(steps_[count])) ++count;
    bool const cut = !text_.bytes.empty() && text_.bytes.back() != '\n';
    if (cut && !end_read_ && given_ == text_.bytes.size()) --count;  // nobody knows yet that this was all of it
    return count;
  }
  bool end_read() const noexcept { return end_read_; }

  std::uint64_t longest_line() const noexcept {
    std::uint64_t longest = 0;
    std::size_t begin = 0;
    for (std::size_t const end : text_.ends) {
      longest = std::max<std::uint64_t>(longest, end - begin);
      begin = end;
    }
    return longest;
  }

 private:
  static bool has_bytes(InputStep const& step) noexcept {
    return step.kind != StepKind::pause && step.kind != StepKind::read_error;
  }

  // Up to the next pause or error.
  std::size_t give(std::span<char> room) {
    std::size_t last = next_;
    std::size_t const most = std::min(room.size(), injector_.scenario().read_bytes);
    while (last < steps_.size() && has_bytes(steps_[last]) && text_.ends[last] - given_ < most) ++last;
    std::size_t end = text_.bytes.size();
    if (last < steps_.size()) end = has_bytes(steps_[last]) ? text_.ends[last] : text_.ends[last - 1];
    std::size_t const count = std::min(most, end - given_);
    std::memcpy(room.data(), text_.bytes.data() + given_, count);
    given_ += count;
    while (next_ < steps_.size() && has_bytes(steps_[next_]) && text_.ends[next_] <= given_) ++next_;
    return count;
  }

  FaultInjector& injector_;
  std::vector<InputStep> const& steps_;
  InputText text_;
  std::size_t next_ = 0;   // the step that is not over
  std::size_t given_ = 0;  // bytes
  bool end_read_ = false;
};

SyncOptions options_of(Scenario const& scenario, RejectSink* rejects, std::shared_ptr<SimulatedDisk> disk) {
  SyncOptions options;
  options.batch.records = scenario.batch_records;
  options.batch.bytes = scenario.batch_bytes;
  options.batch.age = scenario.batch_age;
  options.launcher.open_stream_workers = scenario.open_workers;
  options.launcher.on_stream_failure = scenario.on_stream_failure;
  options.launcher.on_stop = scenario.on_stop;
  if (scenario.calls_at_once) options.load_concurrency = LoadRange::fixed(*scenario.calls_at_once);
  options.memory_budget_bytes = scenario.memory_budget_bytes;
  options.spill.policy = scenario.spill;
  options.spill.resume = scenario.resume;
  if (scenario.resume) {
    options.spill.policy = SpillPolicy::always;
    options.spill.sync = SpillSync::group;
  }
  options.spill.segment_bytes = 4096;
  options.spill.directory = "/spill";
  options.spill_storage = std::move(disk);
  options.block_bytes = scenario.block_bytes;
  options.heartbeat_interval = scenario.heartbeat;
  for (Phase const phase : all_phases) options.retry[phase] = scenario.retry;
  options.patience = scenario.patience;
  options.answer_deadline = minutes(1);
  if (scenario.has_reject_sink) options.reject_sink = rejects;
  options.jitter_seed = scenario.seed + 1;
  return options;
}

/// One process: everything that goes with it when it crashes, and the simulation around it.
class Process {
 public:
  Process(Scenario const& scenario, RunParts parts)
      : scenario_(scenario),
        parts_(std::move(parts)),
        simulation_(scenario.seed),
        injector_(simulation_, scenario, parts_.input, parts_.with_faults),
        source_(injector_, parts_.input, make_input(scenario, parts_.input, parts_.cut_last_line)),
        sink_(injector_),
        rejects_(injector_),
        destination_(parts_.make_destination(injector_.trace(), simulation_), injector_) {
    injector_.set_gate(parts_.gate);
    simulation_.set_wall_start(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1) + std::chrono::days(parts_.day));
    if (!parts_.disk) parts_.disk = std::make_shared<SimulatedDisk>();
    parts_.disk->cut_power_after(parts_.power_cut_at.value_or(UINT64_MAX));
    if (!scenario.resume) run_.first_numbers.assign(scenario.streams.size(), 0);
  }

  /// Nothing of the sync is left, although it has no report.
  bool has_thrown() const noexcept { return has_thrown_; }

  ObservedRun run() {
    start();
    TimePoint const limit = TimePoint{} + longest_time(scenario_, parts_.input.size());
    while (!ended_ && run_.stuck.empty()) step(limit);
    run_.events = simulation_.events();
    run_.ended_at = simulation_.now();
    if (ended_) run_.parked = simulation_.run();
    run_.steps_read = source_.steps_read();
    run_.end_read = source_.end_read();
    run_.longest_line = std::max(source_.longest_line(), parts_.longest_line_before);
    run_.unordered_streams = injector_.unordered_streams();
    run_.crashed = injector_.crashed();
    run_.rows = injector_.rows();
    run_.damaged = injector_.damaged();
    run_.trace = std::move(injector_.trace());
    return std::move(run_);
  }

 private:
  // On the bare executor: on a strand, everything in the sync would wait in that one's line.
  void start() {
    asio::co_spawn(simulation_.get_executor(),
                   run_sync(destination_, source_, sink_, simulation_, make_catalog(scenario_), options(), stop_),
                   [this](std::exception_ptr failure, SyncReport report) {
                     ended_ = true;
                     has_thrown_ = failure != nullptr;
                     if (failure && injector_.crashed()) return;  // the disk was gone when it was opened, or closed
                     if (failure) {
                       run_.stuck = fmt::format("the sync threw: {}", Error::from(failure).what());
                     } else {
                       run_.report = std::move(report);
                     }
                   });
  }

  SyncOptions options() {
    SyncOptions options = options_of(scenario_, &rejects_, parts_.disk);
    options.on_resume = [this](SpillRecovery const& recovery) {
      run_.first_numbers = recovery.positions;
      injector_.go_on_behind(recovery.positions, parts_.before);
    };
    return options;
  }

  void step(TimePoint limit) {
    strike();
    if (parts_.on_idle && !simulation_.has_ready_work() && parts_.on_idle()) return;
    if (!simulation_.run_one()) {
      run_.stuck = "nothing can happen any more, and the sync has not ended";
    } else if (simulation_.now() > limit) {
      run_.stuck = fmt::format("the sync has not ended within {} s of virtual time",
                               std::chrono::duration_cast<seconds>(limit - TimePoint{}).count());
    } else if (simulation_.events() > most_events) {
      run_.stuck = "the sync turns in circles";
    }
  }

  void strike() {
    if (parts_.with_faults && scenario_.stop_at == simulation_.events() && !run_.stopped) {
      run_.stopped = true;
      if (!injector_.crashed()) injector_.trace().add(EventKind::stop, simulation_.now());
      stop_.request_stop(transient_error("stopped on purpose"));
    }
    bool const crashes = parts_.crash_at == simulation_.events() || parts_.disk->power_is_cut();
    if (crashes && !injector_.crashed()) {
      injector_.crash();
      parts_.disk->cut_power_after(parts_.disk->steps());
      if (parts_.on_crash) parts_.on_crash();
    }
  }

  Scenario const& scenario_;
  RunParts parts_;
  Simulation simulation_;
  FaultInjector injector_;
  ScenarioSource source_;
  TracingSink sink_;
  TracingRejectSink rejects_;
  FaultyDestination destination_;
  StopHandle stop_;
  ObservedRun run_;
  bool ended_ = false;
  bool has_thrown_ = false;
};

}  // namespace

ObservedRun run_process(Scenario const& scenario, RunParts parts) {
  auto process = std::make_unique<Process>(scenario, std::move(parts));
  ObservedRun run = process->run();
  // What has not ended cannot be taken apart: it stays, so that it can be reported.
  bool const is_over = process->has_thrown() || (run.report && run.report->unjoined_tasks.empty());
  bool const may_go = run.stuck.empty() && run.parked == 0 && is_over;
  if (!may_go) static_cast<void>(process.release());
  return run;
}

Duration longest_time(Scenario const& scenario, std::size_t steps) {
  Duration longest = minutes(10);
  for (InputStep const& step : scenario.input) longest += step.pause;
  Duration const call = scenario.retry.attempt_deadline + scenario.patience + minutes(1);
  for (Fault const& fault : scenario.faults) {
    longest += static_cast<Duration::rep>(fault.times + scenario.retry.attempts) * (call + fault.delay);
  }
  std::size_t const calls = 10 * (scenario.streams.size() + 1) + steps * (scenario.answers.size() + 2);
  return longest + static_cast<Duration::rep>(calls) * scenario.latency;
}

std::vector<std::uint64_t> acknowledged(Trace const& trace) {
  constexpr std::string_view name = R"("id":)";
  std::vector<std::uint64_t> ids;
  for (TraceEvent const& event : trace.events()) {
    if (event.kind != EventKind::state) continue;
    auto const found = event.text.find(name);
    if (found == std::string::npos) continue;
    std::uint64_t id = 0;
    std::from_chars(event.text.data() + found + name.size(), event.text.data() + event.text.size(), id);
    ids.push_back(id);
  }
  return ids;
}

}  // namespace landfall::testing
