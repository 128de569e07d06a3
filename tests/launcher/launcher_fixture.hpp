#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>

#include <landfall/launcher/task_launcher.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall {

/// A task of a test: notes that it was run, then does what the test says.
class RecordingTask final : public Task {
 public:
  using Body = std::function<awaitable<void>()>;
  RecordingTask(std::vector<std::string>& events, std::string name, FailureLevel level,
                std::optional<StreamDescriptor> stream, TerminalCondition condition, Body body)
      : events_(events),
        name_(std::move(name)),
        level_(level),
        stream_(std::move(stream)),
        condition_(condition),
        body_(std::move(body)) {}
  std::string name() const override { return name_; }
  TerminalCondition terminal_condition() const override { return condition_; }
  FailureLevel failure_level() const override { return level_; }
  std::optional<StreamDescriptor> stream() const override { return stream_; }
  awaitable<void> execute() override {
    events_.push_back(name_);
    if (body_) co_await body_();
  }

 private:
  std::vector<std::string>& events_;
  std::string name_;
  FailureLevel level_;
  std::optional<StreamDescriptor> stream_;
  TerminalCondition condition_;
  Body body_;
};

class NullLoader : public StreamLoader {
 public:
  awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }
};

/// A TaskLauncher whose every task is a RecordingTask; the test plays the tasks' reports.
class LauncherTest : public ::testing::Test {
 protected:
  explicit LauncherTest(std::uint64_t seed = 1) : simulation(seed) {}

  /// What a test left running is joined, as run() would have done it.
  void TearDown() override {
    if (outcome) return;
    EXPECT_TRUE(simulation.run_coroutine(scope.kill()).empty());
  }

  static StreamDescriptor stream(std::string name) { return StreamDescriptor(std::move(name)); }

  static DestinationCatalog catalog_of(std::vector<std::string> const& names) {
    std::vector<DestinationStream> streams;
    for (auto const& name : names) {
      DestinationStream stream;
      stream.descriptor = StreamDescriptor(name);
      streams.push_back(std::move(stream));
    }
    return DestinationCatalog(std::move(streams));
  }

  /// What a task of this name does after it was noted: by default it ends at once.
  void when_run(std::string name, RecordingTask::Body body) { bodies[std::move(name)] = std::move(body); }

  RecordingTask::Body body_of(std::string const& name) {
    auto const found = bodies.find(name);
    return found == bodies.end() ? RecordingTask::Body() : found->second;
  }

  std::unique_ptr<Task> task(std::string name, FailureLevel level = FailureLevel::sync,
                             std::optional<StreamDescriptor> of_stream = std::nullopt,
                             TerminalCondition condition = TerminalCondition::self_terminating) {
    auto body = body_of(name);
    return std::make_unique<RecordingTask>(events, std::move(name), level, std::move(of_stream), condition,
                                           std::move(body));
  }

  template <class Interface>
  struct Plain final : Interface {
    Plain(LauncherTest& t, std::string n, FailureLevel l, TerminalCondition c)
        : test(t), name(std::move(n)), level(l), condition(c) {}
    std::unique_ptr<Task> make(TaskLauncher&) override { return test.task(name, level, std::nullopt, condition); }
    LauncherTest& test;
    std::string name;
    FailureLevel level;
    TerminalCondition condition;
  };
  template <class Interface>
  std::unique_ptr<Interface> plain(std::string name, FailureLevel level = FailureLevel::sync,
                                   TerminalCondition condition = TerminalCondition::self_terminating) {
    return std::make_unique<Plain<Interface>>(*this, std::move(name), level, condition);
  }

  template <class Interface>
  struct OfStream final : Interface {
    OfStream(LauncherTest& t, std::string n) : test(t), name(std::move(n)) {}
    std::unique_ptr<Task> make(TaskLauncher&, StreamDescriptor const& stream) override {
      return test.task(name + " " + to_string(stream), FailureLevel::stream, stream);
    }
    LauncherTest& test;
    std::string name;
  };
  struct Records final : ProcessRecordsTaskFactory {
    explicit Records(LauncherTest& t) : test(t) {}
    std::unique_ptr<Task> make(TaskLauncher&, RecordBatch records) override {
      auto const& of = records.stream().descriptor;
      return test.task(fmt::format("process_records {} {}", to_string(of), records.id().value), FailureLevel::stream,
                       of);
    }
    LauncherTest& test;
  };
  struct BatchSteps final : ProcessBatchTaskFactory {
    explicit BatchSteps(LauncherTest& t) : test(t) {}
    std::unique_ptr<Task> make(TaskLauncher&, BatchEnvelope envelope) override {
      return test.task(fmt::format("process_batch {} {}", to_string(envelope.stream), envelope.id.value),
                       FailureLevel::stream, envelope.stream);
    }
    LauncherTest& test;
  };
  struct FailStream final : FailStreamTaskFactory {
    explicit FailStream(LauncherTest& t) : test(t) {}
    std::unique_ptr<Task> make(TaskLauncher&, StreamDescriptor const& stream, Error error, bool run_close) override {
      test.failures.push_back(error);
      return test.task(fmt::format("fail_stream {} {}", to_string(stream), run_close ? "close" : "-"));
    }
    LauncherTest& test;
  };

  /// Its batches are in memory.
  struct NoReadBack : ReadBackTaskFactory {
    std::unique_ptr<Task> make(TaskLauncher&, std::unique_ptr<SpilledRecords>) override {
      ADD_FAILURE() << "nothing is on disk";
      return nullptr;
    }
  };

  /// Makes the launcher; `change` may remove or replace parts.
  void make(std::vector<std::string> const& names, std::function<void(LauncherParts&)> change = {}) {
    sync.emplace(catalog_of(names));
    LauncherParts parts(scope, *sync, checkpoint_queue, open_stream_queue, has_thrown);
    parts.configuration.open_stream_workers = 1;
    parts.input_consumer =
        plain<InputConsumerTaskFactory>("input", FailureLevel::input, TerminalCondition::on_sync_failure);
    parts.setup = plain<SetupTaskFactory>("setup");
    parts.open_stream = plain<OpenStreamTaskFactory>("open");
    parts.spill_to_disk = std::make_unique<OfStream<SpillToDiskTaskFactory>>(*this, "spill");
    parts.read_back = std::make_unique<NoReadBack>();
    parts.process_records = std::make_unique<Records>(*this);
    parts.process_batch = std::make_unique<BatchSteps>(*this);
    parts.update_checkpoints = plain<UpdateCheckpointsTaskFactory>("checkpoints");
    parts.close_stream = std::make_unique<OfStream<CloseStreamTaskFactory>>(*this, "close");
    parts.teardown = plain<TeardownTaskFactory>("teardown", FailureLevel::verdict);
    parts.fail_stream = std::make_unique<FailStream>(*this);
    parts.fail_sync = plain<FailSyncTaskFactory>("fail_sync", FailureLevel::verdict);
    parts.heartbeat = plain<HeartbeatTaskFactory>("heartbeat");
    parts.stats_emitter = plain<StatsEmitterTaskFactory>("stats");
    if (change) change(parts);
    launcher.emplace(simulation.get_executor(), simulation, std::move(parts));
    // As the real task: waits for the end of its queue, then reports.
    if (!bodies.contains("checkpoints")) {
      when_run("checkpoints", [this]() -> awaitable<void> {
        while (!(co_await checkpoint_queue.pop_all()).ended) {
        }
        co_await launcher->handle_checkpoints_processed();
      });
    }
    // As the real reader: reads on until it is cancelled or the test says that the input ended.
    if (!bodies.contains("input")) {
      when_run("input", [this]() -> awaitable<void> { (void)co_await input_end.pop(); });
    }
  }

  /// Spawns run(); afterwards everything that can happen has happened.
  void start() {
    asio::co_spawn(asio::make_strand(simulation.get_executor()), launcher->run(),
                   [this](std::exception_ptr failure, SyncOutcome result) {
                     run_failure = failure;
                     outcome = std::move(result);
                   });
    simulation.run();
  }

  /// Plays one report of a task, and lets everything happen that follows.
  void report(awaitable<void> event) {
    std::exception_ptr thrown;
    bool ended = false;
    asio::co_spawn(asio::make_strand(simulation.get_executor()), std::move(event), [&](std::exception_ptr failure) {
      thrown = failure;
      ended = true;
    });
    simulation.run();
    EXPECT_TRUE(ended);
    if (thrown) std::rethrow_exception(thrown);
  }

  void setup_done() { report(launcher->handle_setup_complete()); }
  void opened(std::string const& name) {
    bool wanted = false;
    report([](TaskLauncher& l, StreamDescriptor s, bool& w) -> awaitable<void> {
      w = co_await l.handle_open_requested(std::move(s));
    }(*launcher, stream(name), wanted));
    if (wanted) report(launcher->handle_stream_started(stream(name), std::make_shared<NullLoader>()));
  }
  void records(std::string const& name, std::uint64_t id, RecordNumber begin, RecordNumber end, bool last = false) {
    std::optional<EndOfStream> ending;
    if (last) ending = EndOfStream(StreamStatus::complete, end, false, true);
    report(launcher->handle_new_spilled_file(stream(name), SpilledFile(batch(name, id, begin, end), ending)));
  }
  void end_of_stream(std::string const& name, RecordNumber count) {
    EndOfStream const ending(StreamStatus::complete, count, false, true);
    report(launcher->handle_new_spilled_file(stream(name), SpilledFile(RecordBatch(), ending)));
  }
  void batch_is(BatchState state, std::string const& name, std::uint64_t id, RecordNumber begin, RecordNumber end,
                BatchRoute route = BatchRoute::loader) {
    BatchEnvelope envelope(stream(name), BatchId(id), Interval{begin, end}, Batch(state), route);
    report(launcher->handle_new_batch(std::move(envelope)));
  }
  void closed(std::string const& name) { report(launcher->handle_stream_closed(stream(name), StreamOutcome())); }
  void failed(std::string const& name) { report(launcher->handle_fail_stream_complete(stream(name), std::nullopt)); }
  void throws(std::string const& name, std::string message = "broken") {
    report(launcher->handle_exception(FailureLevel::stream, stream(name), system_error("{}", message)));
  }
  void input_ends() {
    input_end.close();
    simulation.run();
  }

  RecordBatch batch(std::string const& name, std::uint64_t id, RecordNumber begin, RecordNumber end) {
    RecordBatch records(sync->catalog().find(stream(name)), BatchId(id));
    if (begin == end) return records;
    auto block = std::make_shared<RecordBlock>();
    block->slices.resize(end - begin);
    RecordRun run;
    run.block = std::move(block);
    run.end = static_cast<std::uint32_t>(end - begin);
    run.first_number = begin;
    run.bytes = end - begin;
    records.append(std::move(run));
    return records;
  }

  std::ptrdiff_t times(std::string const& name) const { return std::count(events.begin(), events.end(), name); }
  std::ptrdiff_t times_starting_with(std::string const& prefix) const {
    return std::count_if(events.begin(), events.end(), [&](auto const& event) { return event.starts_with(prefix); });
  }

  testing::Simulation simulation;
  std::vector<std::string> events;  // names of the tasks that ran, in order
  std::vector<Error> failures;      // given to fail-stream tasks
  std::map<std::string, RecordingTask::Body> bodies;
  TaskScope scope{simulation.get_executor(), simulation, std::chrono::seconds(60)};
  CheckpointQueue checkpoint_queue{1 << 20};
  OpenStreamQueue open_stream_queue{1 << 20};
  MessageQueue<int> input_end{1};
  std::atomic<bool> has_thrown = false;
  std::optional<SyncManager> sync;
  std::optional<TaskLauncher> launcher;
  std::optional<SyncOutcome> outcome;  // set when run() returned
  std::exception_ptr run_failure;
};

}  // namespace landfall
