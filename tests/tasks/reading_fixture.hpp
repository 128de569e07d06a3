#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <landfall/pipeline/batch_limits.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/testing/scripted_source.hpp>

#include "launcher/launcher_fixture.hpp"
#include "pipeline/router.hpp"
#include "pipeline/stream_queue.hpp"
#include "tasks/input_consumer_task.hpp"
#include "tasks/spill_to_disk_task.hpp"

namespace landfall {

/// A LauncherTest that really reads: the input consumer and the spill tasks are the real ones. A loader keeps the data
/// of each batch; close and teardown end at once.
class ReadingTest : public LauncherTest {
 protected:
  ReadingTest() { reader.block_bytes = 64 << 10; }  // as in every sync, memory holds several of them

  struct Loaded {
    std::string stream;
    std::uint64_t id = 0;
    RecordNumber first = 0;
    std::vector<std::string> data;
    TimePoint at;
  };

  static std::string record(std::string const& stream, std::string const& data = "{}") {
    return R"({"type":"RECORD","record":{"stream":")" + stream + R"(","data":)" + data + R"(,"emitted_at":7}})";
  }
  static std::string state(std::string const& stream) {
    return R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":")" + stream +
           R"("},"stream_state":{}}}})";
  }
  static std::string complete(std::string const& stream) {
    return R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{"stream_descriptor":)"
           R"({"name":")" +
           stream + R"("},"status":"COMPLETE"}}})";
  }

  // A test that failed may have left the sync in the middle.
  void TearDown() override {
    simulation.run_coroutine(scope.kill());
    simulation.run();
    LauncherTest::TearDown();
  }

  struct KeepRecords final : ProcessRecordsTaskFactory {
    explicit KeepRecords(ReadingTest& t) : test(t) {}
    std::unique_ptr<Task> make(TaskLauncher&, RecordBatch records) override {
      auto const of = records.stream().descriptor;
      auto shared = std::make_shared<RecordBatch>(std::move(records));
      ReadingTest* const keeper = &test;
      auto body = [keeper, shared]() -> awaitable<void> { return keeper->keep(shared); };
      return std::make_unique<RecordingTask>(test.events, "load " + to_string(of), FailureLevel::stream, of,
                                             TerminalCondition::self_terminating, body);
    }
    ReadingTest& test;
  };

  awaitable<void> keep(std::shared_ptr<RecordBatch> records) {
    if (loading_takes > Duration::zero()) co_await simulation.sleep_for(loading_takes);
    Loaded entry;
    entry.stream = to_string(records->stream().descriptor);
    entry.id = records->id().value;
    entry.first = records->first_number();
    entry.at = simulation.now();
    for (Record const one : *records) entry.data.emplace_back(one.data());
    loaded.push_back(std::move(entry));
    BatchEnvelope envelope(records->stream().descriptor, records->id(),
                           Interval{records->first_number(), records->end_number()}, Batch::complete());
    records.reset();
    co_await launcher->handle_new_batch(std::move(envelope));
  }

  /// `names`: the catalog. Setup and open end at once.
  void read(std::vector<std::string> const& names) {
    queues = std::make_unique<StreamQueues>(catalog_of(names));
    progress = std::make_unique<InputProgress>(names.size());
    when_run("setup", [this]() -> awaitable<void> { return launcher->handle_setup_complete(); });
    when_run("open", [this]() -> awaitable<void> { return open_all(); });
    when_run("teardown", [this]() -> awaitable<void> { return launcher->handle_teardown_complete(true); });
    when_run("fail_sync", [this]() -> awaitable<void> { return launcher->handle_teardown_complete(false); });
    for (std::string const& name : names) {
      StreamDescriptor const of = stream(name);
      when_run("close " + name,
               [this, of]() -> awaitable<void> { return launcher->handle_stream_closed(of, outcome_of(of)); });
      when_run("fail_stream " + name + " close",
               [this, of]() -> awaitable<void> { return launcher->handle_fail_stream_complete(of, std::nullopt); });
    }
    make(names, [this](LauncherParts& parts) {
      parts.input_consumer = std::make_unique<SourceInputConsumerTaskFactory>(
          source, simulation, *queues, checkpoint_queue, budget, *progress, reader);
      parts.spill_to_disk = std::make_unique<QueueSpillToDiskTaskFactory>(*queues, spiller, simulation, limits);
      parts.process_records = std::make_unique<KeepRecords>(*this);
    });
    start();
  }

  awaitable<void> open_all() {
    for (;;) {
      auto const next = co_await open_stream_queue.pop();
      if (!next) co_return;
      StreamDescriptor const of = (*next)->descriptor;
      if (!co_await launcher->handle_open_requested(of)) continue;
      auto loader = std::make_shared<NullLoader>();
      co_await launcher->handle_stream_started(of, loader);
    }
  }

  StreamOutcome outcome_of(StreamDescriptor const& of) {
    StreamManager const& manager = sync->stream_manager(of);
    ends[of] = *manager.end_of_stream();
    return StreamOutcome(StreamEnd::complete, manager.ledger().records_read());
  }

  std::vector<std::string> data_of(std::string const& name) const {
    std::vector<std::string> data;
    for (Loaded const& entry : loaded) {
      if (entry.stream == name) data.insert(data.end(), entry.data.begin(), entry.data.end());
    }
    return data;
  }

  std::vector<std::size_t> batch_sizes(std::string const& name) const {
    std::vector<std::size_t> sizes;
    for (Loaded const& entry : loaded) {
      if (entry.stream == name) sizes.push_back(entry.data.size());
    }
    return sizes;
  }

  testing::ScriptedSource source{simulation};
  MemoryBudget budget{1 << 20};
  BatchSpiller spiller{SpillPolicy::never, nullptr, budget, budget, false, nullptr};
  ReaderOptions reader;
  BatchLimits limits;
  Duration loading_takes{};
  std::unique_ptr<StreamQueues> queues;
  std::unique_ptr<InputProgress> progress;
  std::vector<Loaded> loaded;
  std::map<StreamDescriptor, EndOfStream> ends;
};

}  // namespace landfall
