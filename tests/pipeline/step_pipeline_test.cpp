#include "pipeline/step_pipeline.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "launcher/launcher_fixture.hpp"

namespace landfall {
namespace {

/// A step that notes what it was given and answers as told.
class ScriptedStep final : public LoadStep {
 public:
  using Answer = std::function<Batch(StepInput&)>;
  ScriptedStep(std::vector<std::string>& log, std::string name, Answer answer)
      : log_(log), name_(std::move(name)), answer_(std::move(answer)) {}
  std::string name() const override { return name_; }
  std::size_t workers() const override { return worker_count; }
  std::size_t partition(StepInput const& input, std::size_t workers) const override {
    return choose ? choose(input) : LoadStep::partition(input, workers);
  }
  awaitable<Batch> process(StepInput& input, std::size_t worker) override {
    auto const id = input.records.id().value;
    log_.push_back(fmt::format("{} {} worker {}", name_, id, worker));
    co_return answer_(input);
  }

  std::size_t worker_count = 1;
  std::function<std::size_t(StepInput const&)> choose;

 private:
  std::vector<std::string>& log_;
  std::string name_;
  Answer answer_;
};

/// A step that never answers.
class HangingStep final : public LoadStep {
 public:
  explicit HangingStep(Clock& clock) : clock_(clock) {}
  std::string name() const override { return "hanging"; }
  awaitable<Batch> process(StepInput&, std::size_t) override {
    co_await clock_.sleep_for(std::chrono::hours(1000));
    co_return Batch::complete();
  }

 private:
  Clock& clock_;
};

class StepPipelineTest : public LauncherTest {
 protected:
  static ScriptedStep::Answer answers(BatchState state) {
    return [state](StepInput&) { return Batch(state); };
  }

  // The sync is left where the test has it.
  void TearDown() override {
    simulation.run_coroutine(scope.kill());
    simulation.run();
    LauncherTest::TearDown();
  }

  ScriptedStep& step(std::string name, ScriptedStep::Answer answer) {
    auto added = std::make_unique<ScriptedStep>(log, std::move(name), std::move(answer));
    ScriptedStep& result = *added;
    steps.push_back(std::move(added));
    return result;
  }

  /// Makes the launcher with the steps so far, runs it, and opens the streams.
  void start_with(std::vector<std::string> const& names) {
    make(names, [this](LauncherParts& parts) {
      parts.load_pipeline = std::make_unique<StepPipeline>(std::move(steps), phases, rejector);
    });
    start();
    setup_done();
    for (std::string const& name : names) opened(name);
  }

  /// How many records of "users" have come so far, as the launcher knows.
  std::uint64_t reached(BatchState state) { return sync->stream_manager(stream("users")).ledger().count(state); }

  std::vector<std::unique_ptr<LoadStep>> steps;
  struct Rejects final : RejectSink {
    awaitable<void> write(RecordBatch const&, std::vector<RejectedRecord> const& rejected) override {
      for (RejectedRecord const& record : rejected)
        written.push_back(fmt::format("{} {}", record.number, record.reason));
      co_return;
    }
    std::vector<std::string> written;
  };
  Rejects rejects;
  PhaseRunner phases{scope, simulation, RetryPolicies(), std::chrono::seconds(30), 1};
  Rejector rejector{phases, &rejects};
  std::vector<std::string> log;
};

TEST_F(StepPipelineTest, ABatchGoesThroughAllStepsAndEveryAnswerIsReported) {
  step("prepare", answers(BatchState::staged));
  step("upload", [this](StepInput&) {
    EXPECT_EQ(reached(BatchState::staged), 3U);
    EXPECT_EQ(reached(BatchState::persisted), 0U);
    return Batch::persisted();
  });
  step("finish", [this](StepInput&) {
    EXPECT_EQ(reached(BatchState::persisted), 3U);
    EXPECT_EQ(reached(BatchState::complete), 0U);
    return Batch::complete();
  });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(log, (std::vector<std::string>{"prepare 1 worker 0", "upload 1 worker 0", "finish 1 worker 0"}));
  EXPECT_EQ(reached(BatchState::complete), 3U);
  EXPECT_EQ(times("close users"), 1);
  EXPECT_EQ(times_starting_with("fail_stream"), 0);
}

TEST_F(StepPipelineTest, TheAnswerOfAStepIsGivenToTheNextWithItsPayload) {
  std::string seen;
  step("prepare", [](StepInput& input) {
    input.records = RecordBatch();  // it needs them no more
    return Batch::staged(std::string("part 7"));
  });
  steps.push_back(std::make_unique<ScriptedStep>(log, "finish", [&seen](StepInput& input) {
    seen = std::any_cast<std::string>(input.batch.payload());
    EXPECT_TRUE(input.records.empty());
    return Batch::complete();
  }));
  dynamic_cast<ScriptedStep&>(*steps.back()).choose = [](StepInput const&) { return std::size_t{0}; };
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(seen, "part 7");
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, ABatchThatIsCompleteEarlyGoesNoFurther) {
  step("prepare", answers(BatchState::complete));
  step("finish", answers(BatchState::complete));
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(log, (std::vector<std::string>{"prepare 1 worker 0"}));
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, WhatAStepThrowsFailsTheStreamAndTheWorkerGoesOn) {
  step("upload", [](StepInput& input) {
    if (input.records.id().value == 1) throw config_error("no room");
    return Batch::complete();
  });
  start_with({"users", "orders"});
  records("users", 1, 0, 3, true);
  records("orders", 2, 0, 1, true);
  EXPECT_EQ(times_starting_with("fail_stream users"), 1);
  EXPECT_EQ(times("close orders"), 1);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_STREQ(failures[0].what(), "step upload, batch 1, records 0 to 2: no room");
  EXPECT_EQ(failures[0].error_class(), ErrorClass::config);
}

TEST_F(StepPipelineTest, AStepThatFailsForAWhileIsGivenTheSameBatchAgain) {
  int calls = 0;
  step("upload", [&calls](StepInput& input) {
    EXPECT_EQ(input.records.size(), 3U);
    input.records.clear();  // as a step may do before it fails
    if (++calls < 3) throw transient_error("no room");
    return Batch::complete();
  });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(times("close users"), 1);
  EXPECT_EQ(times_starting_with("fail_stream"), 0);
}

TEST_F(StepPipelineTest, AStepWithoutAnAnswerFailsItsStreamAtTheDeadline) {
  step("prepare", answers(BatchState::staged));
  steps.push_back(std::make_unique<HangingStep>(simulation));
  start_with({"users", "orders"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(times_starting_with("fail_stream users"), 1);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].error_class(), ErrorClass::unknown_outcome);
  EXPECT_EQ(simulation.now().time_since_epoch(), std::chrono::hours(1));
}

TEST_F(StepPipelineTest, RejectedRecordsAreLeftOutAndTheRestGoesOn) {
  step("upload", [](StepInput& input) {
    if (input.records.size() == 3) throw RejectedRecords("bad", {RejectedRecord(1, "too long")});
    EXPECT_EQ(input.records.size(), 2U);
    return Batch::complete();
  });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(rejects.written, std::vector<std::string>{"1 too long"});
  EXPECT_EQ(reached(BatchState::complete), 3U);
  EXPECT_EQ(times("close users"), 1);
  EXPECT_EQ(sync->stream_manager(stream("users")).ledger().rejected_count(), 1U);
}

TEST_F(StepPipelineTest, ABatchIsHalvedUntilTheBadRecordStandsAlone) {
  step("prepare", answers(BatchState::staged));
  step("upload", [](StepInput& input) {
    for (Record const record : input.records) {
      if (record.number() == 5) throw RejectedRecords("constraint");
    }
    return Batch::complete();
  });
  start_with({"users"});
  records("users", 1, 0, 8, true);
  EXPECT_EQ(rejects.written, std::vector<std::string>{"5 constraint"});
  EXPECT_EQ(log.front(), "prepare 1 worker 0");
  EXPECT_EQ(std::count(log.begin(), log.end(), "prepare 1 worker 0"), 7) << "the parts go through every step";
  EXPECT_EQ(reached(BatchState::complete), 8U);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, ABatchOfBadRecordsOnlyIsAccountedFor) {
  step("upload", [](StepInput&) -> Batch { throw RejectedRecords("all bad"); });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(rejects.written.size(), 3U);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, RecordsThatCannotBeReadAreRejectedBeforeAnyStepSeesThem) {
  auto const expect_readable = [](StepInput const& input) {
    EXPECT_FALSE(input.records.empty());
    for (Record const record : input.records) EXPECT_FALSE(record.is_unreadable());
  };
  auto& prepare = step("prepare", [&](StepInput& input) {
    expect_readable(input);
    return Batch::staged();
  });
  prepare.worker_count = 2;
  prepare.choose = [&](StepInput const& input) {
    expect_readable(input);
    return std::size_t{1};
  };
  step("upload", answers(BatchState::complete));
  start_with({"users"});
  auto const with_unreadable = [this](std::uint64_t id, RecordNumber begin, std::vector<bool> const& unreadable) {
    static std::string const text = "line 7: no JSON\n{";
    auto block = std::make_shared<RecordBlock>();
    for (bool const one : unreadable) {
      RecordSlice slice;
      slice.data = slice.meta = text.data();
      slice.data_size = one ? 0 : 1;
      slice.meta_size = one ? static_cast<std::uint32_t>(text.size()) : 0;
      block->slices.push_back(slice);
    }
    RecordRun run;
    run.end = static_cast<std::uint32_t>(unreadable.size());
    run.first_number = begin;
    run.block = std::move(block);
    RecordBatch batch(sync->catalog().find(stream("users")), BatchId(id));
    batch.append(std::move(run));
    std::optional<EndOfStream> ending;
    if (begin > 0) ending = EndOfStream(StreamStatus::complete, begin + unreadable.size(), false, true);
    report(launcher->handle_new_spilled_file(stream("users"), SpilledFile(std::move(batch), ending)));
  };
  with_unreadable(1, 0, {false, true, false});
  with_unreadable(2, 3, {true});
  EXPECT_EQ(rejects.written, (std::vector<std::string>{"1 line 7: no JSON", "3 line 7: no JSON"}));
  EXPECT_EQ(log, (std::vector<std::string>{"prepare 1 worker 1", "upload 1 worker 0"}));
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, RecordsThatAnEarlierStepLetGoCannotBeRejected) {
  step("prepare", [](StepInput& input) {
    input.records.clear();
    return Batch::staged();
  });
  step("upload", [](StepInput&) -> Batch { throw RejectedRecords("bad"); });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].message(), "the step rejected records, but an earlier one had let them go");
}

TEST_F(StepPipelineTest, ARejectedRecordGoesNoFurther) {
  step("prepare", [](StepInput&) { return Batch::staged().rejecting({RejectedRecord(1, "too long")}); });
  step("upload", [](StepInput& input) {
    EXPECT_EQ(input.records.size(), 2U);
    return Batch::complete();
  });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(rejects.written, std::vector<std::string>{"1 too long"});
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, ARecordThatIsPersistedCannotBeRejectedAnyMore) {
  step("prepare", answers(BatchState::persisted));
  step("upload", [](StepInput&) { return Batch::complete().rejecting({RejectedRecord(1, "too long")}); });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].message(), "record 1 of stream users was rejected after it was reported as persisted");
}

TEST_F(StepPipelineTest, WhatWaitsOfAFailedStreamIsGivenToNoStep) {
  int calls = 0;
  step("upload", [&calls](StepInput& input) {
    if (input.records.stream().descriptor.name == "users" && ++calls == 1) throw config_error("no such table");
    return Batch::complete();
  });
  start_with({"users", "orders"});
  for (std::uint64_t id = 1; id < 9; ++id) {
    asio::co_spawn(asio::make_strand(simulation.get_executor()),
                   launcher->handle_new_spilled_file(stream("users"), SpilledFile(batch("users", id, id - 1, id))),
                   [](std::exception_ptr failure) { EXPECT_FALSE(failure); });
  }
  simulation.run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(times_starting_with("fail_stream users"), 1) << "nothing of it is on its way any more";
  records("orders", 20, 0, 1, true);
  EXPECT_EQ(times("close orders"), 1);
}

TEST_F(StepPipelineTest, WhatAStepPersistedRemainsTrueWhenTheNextOneFails) {
  step("upload", answers(BatchState::persisted));
  step("finish", [](StepInput&) -> Batch { throw config_error("no such table"); });
  std::optional<std::uint64_t> at_failure;
  when_run("fail_stream users close", [&]() -> awaitable<void> {
    at_failure = reached(BatchState::persisted);
    co_return;
  });
  start_with({"users"});
  records("users", 1, 0, 3, true);
  EXPECT_EQ(at_failure, 3U);
  EXPECT_TRUE(sync->stream_manager(stream("users")).is_safe_until(3));
}

TEST_F(StepPipelineTest, TheLastStepNeedNotCompleteABatchWhoseGroupIsComplete) {
  step("upload", [](StepInput& input) {
    bool const finishes = input.records.id() == BatchId(1);
    return Batch(finishes ? BatchState::complete : BatchState::staged).in_group("file");
  });
  start_with({"users"});
  records("users", 1, 0, 3);
  records("users", 2, 3, 6, true);
  EXPECT_EQ(failures.size(), 0U);
  EXPECT_EQ(log.size(), 2U) << "each was given to the step once";
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, TheLastStepMustAnswerComplete) {
  step("upload", answers(BatchState::persisted));
  start_with({"users"});
  records("users", 1, 0, 3, true);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_STREQ(failures[0].message().c_str(), "the last step must answer complete, not persisted");
  EXPECT_EQ(reached(BatchState::persisted), 3U);
  EXPECT_EQ(times("close users"), 0);
}

TEST_F(StepPipelineTest, APartitionThatDoesNotExistFailsTheBatch) {
  step("prepare", answers(BatchState::staged));
  ScriptedStep& second = step("upload", answers(BatchState::complete));
  second.worker_count = 2;
  second.choose = [](StepInput const& input) -> std::size_t { return input.records.id().value == 1 ? 2 : 1; };
  start_with({"users", "orders"});
  records("users", 1, 0, 3, true);
  records("orders", 2, 0, 1, true);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].message(), "partition 2 was asked for, but there are 2 workers");
  EXPECT_EQ(log.back(), "upload 2 worker 1");
  EXPECT_EQ(times("close orders"), 1);
}

TEST_F(StepPipelineTest, APartitionThatThrowsFailsTheBatchAndNotTheOneWhoSubmits) {
  step("upload", answers(BatchState::complete)).choose = [](StepInput const&) -> std::size_t {
    throw system_error("which one?");
  };
  start_with({"users"});
  records("users", 1, 0, 3, true);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].message(), "which one?");
}

TEST_F(StepPipelineTest, EveryWorkerKeepsTheOrderOfItsPartition) {
  ScriptedStep& first = step("first", answers(BatchState::staged));
  first.worker_count = 3;
  first.choose = [](StepInput const& input) -> std::size_t { return input.records.id().value % 3; };
  ScriptedStep& second = step("second", answers(BatchState::complete));
  second.worker_count = 2;
  second.choose = [](StepInput const& input) -> std::size_t { return input.records.id().value % 3 == 0 ? 1 : 0; };
  start_with({"users"});
  for (std::uint64_t id = 0; id < 12; ++id) records("users", id, id, id + 1, id == 11);
  std::map<std::string, std::vector<std::uint64_t>> by_worker;
  for (std::string const& entry : log) {
    auto const space = entry.find(' ');
    by_worker[entry.substr(0, space) + entry.substr(entry.rfind(' '))].push_back(std::stoull(entry.substr(space)));
  }
  EXPECT_EQ(by_worker.at("first 0"), (std::vector<std::uint64_t>{0, 3, 6, 9}));
  EXPECT_EQ(by_worker.at("first 1"), (std::vector<std::uint64_t>{1, 4, 7, 10}));
  EXPECT_EQ(by_worker.at("second 1"), (std::vector<std::uint64_t>{0, 3, 6, 9}));
  EXPECT_EQ(by_worker.at("second 0").size(), 8U);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(StepPipelineTest, WithoutStepsOrWorkersItCannotBeMade) {
  EXPECT_THROW(StepPipeline({}, phases, rejector), Error);
  step("idle", answers(BatchState::complete)).worker_count = 0;
  EXPECT_THROW(StepPipeline(std::move(steps), phases, rejector), Error);
}

}  // namespace
}  // namespace landfall
