// Which batch may call its loader when: slots, turns and order.
#include "launcher/launcher_fixture.hpp"

namespace landfall {
namespace {

class UnorderedLoader final : public StreamLoader {
 public:
  bool needs_order() const override { return false; }
  awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }
};

class LoadSlotsTest : public LauncherTest {
 protected:
  /// A sync whose setup is done and whose streams are open, with so many slots.
  void open(std::vector<std::string> const& names, std::size_t slots, bool in_order = true,
            std::function<void(LauncherParts&)> change = {}) {
    make(names, [&](LauncherParts& parts) {
      parts.load.concurrency = LoadBounds(slots, slots, slots);
      if (change) change(parts);
    });
    start();
    setup_done();
    for (auto const& name : names) {
      report([](TaskLauncher& l, StreamDescriptor s) -> awaitable<void> {
        co_await l.handle_open_requested(std::move(s));
      }(*launcher, stream(name)));
      std::shared_ptr<StreamLoader> loader = std::make_shared<NullLoader>();
      if (!in_order) loader = std::make_shared<UnorderedLoader>();
      report(launcher->handle_stream_started(stream(name), loader));
    }
  }

  /// Batches 1 to `count` of a stream, a record each. Their calls last until ends() or fails().
  void batches(std::string const& name, std::uint64_t count) {
    for (std::uint64_t id = 1; id <= count; ++id) {
      std::string const task = fmt::format("process_records {} {}", name, id);
      auto gate = std::make_shared<MessageQueue<int>>(10);
      gates[task] = gate;
      if (!bodies.contains(task)) {
        when_run(task, [this, gate, task]() -> awaitable<void> {
          running.push_back(task);
          auto const how = co_await gate->pop();
          if (how == 1) throw config_error("broken");
        });
      }
      records(name, id, id - 1, id);
    }
  }
  void ends(std::string const& name, std::uint64_t id) { tell(name, id, 0); }
  void breaks(std::string const& name, std::uint64_t id) { tell(name, id, 1); }
  void wait_over(std::string const& name, std::uint64_t id) { tell(name, id, 0); }
  void tell(std::string const& name, std::uint64_t id, int how) {
    gates.at(fmt::format("process_records {} {}", name, id))->push_now(how, 1);
    simulation.run();
  }

  /// The call of this batch waits for its next attempt, for `delay` as it says and until wait_over(), and then goes on
  /// until ends().
  void waits_first(std::string const& name, std::uint64_t id, Duration delay) {
    std::string const task = fmt::format("process_records {} {}", name, id);
    when_run(task, [this, name, id, delay, task]() -> awaitable<void> {
      co_await launcher->handle_call_waits(stream(name), BatchId(id), delay);
      (void)co_await gates.at(task)->pop();
      co_await launcher->handle_call_resumes(stream(name), BatchId(id));
      running.push_back("again: " + task);
      (void)co_await gates.at(task)->pop();
    });
  }

  std::map<std::string, std::shared_ptr<MessageQueue<int>>> gates;
  std::vector<std::string> running;
};

TEST_F(LoadSlotsTest, NoMoreCallsThanSlotsRunAndOneThatEndsMakesRoom) {
  open({"a", "b", "c"}, 2);
  for (auto const* name : {"a", "b", "c"}) batches(name, 1);
  EXPECT_EQ(running.size(), 2U);
  ends("a", 1);
  EXPECT_EQ(running, (std::vector<std::string>{"process_records a 1", "process_records b 1", "process_records c 1"}));
}

TEST_F(LoadSlotsTest, StreamsTakeTurnsHoweverManyBatchesOneOfThemHas) {
  open({"a", "b", "c"}, 1, false);
  batches("a", 4);
  batches("b", 2);
  batches("c", 1);
  for (int i = 0; i < 6; ++i) {
    std::string const last = running.back();
    gates.at(last)->push_now(0, 1);
    simulation.run();
  }
  EXPECT_EQ(running, (std::vector<std::string>{"process_records a 1", "process_records b 1", "process_records c 1",
                                               "process_records a 2", "process_records b 2", "process_records a 3",
                                               "process_records a 4"}));
}

TEST_F(LoadSlotsTest, AStreamKeepsItsOrderAlthoughSlotsAreFree) {
  open({"a"}, 8);
  batches("a", 3);
  EXPECT_EQ(running.size(), 1U);
  ends("a", 1);
  EXPECT_EQ(running.size(), 2U);
}

TEST_F(LoadSlotsTest, ALoaderThatNeedsNoOrderGetsSeveralBatchesAtOnce) {
  open({"a"}, 3, false);
  batches("a", 5);
  EXPECT_EQ(running.size(), 3U);
  ends("a", 2);
  EXPECT_EQ(running.back(), "process_records a 4");
}

TEST_F(LoadSlotsTest, ALoaderThatThrowsWhenItIsAskedForItsOrderIsClosed) {
  struct Thrower final : StreamLoader {
    bool needs_order() const override { throw config_error("nobody knows"); }
    awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }
  };
  make({"a"});
  start();
  setup_done();
  report([](TaskLauncher& l, StreamDescriptor s) -> awaitable<void> { co_await l.handle_open_requested(std::move(s)); }(
                                                     *launcher, stream("a")));
  records("a", 1, 0, 1);
  report(launcher->handle_stream_started(stream("a"), std::make_shared<Thrower>()));
  EXPECT_EQ(times("fail_stream a close"), 1);
  EXPECT_EQ(times_starting_with("process_records"), 0);
}

TEST_F(LoadSlotsTest, ACallThatFailsGivesItsSlotToOthers) {
  open({"a", "b"}, 1);
  batches("a", 3);
  batches("b", 1);
  breaks("a", 1);
  EXPECT_EQ(running, (std::vector<std::string>{"process_records a 1", "process_records b 1"}));
  EXPECT_EQ(times("fail_stream a close"), 1);
}

TEST_F(LoadSlotsTest, AFailingStreamLeavesTheLineAndItsCallsGiveTheirSlotsBack) {
  open({"a", "b"}, 2, false);
  batches("a", 5);
  EXPECT_EQ(running.size(), 2U);
  throws("a");
  EXPECT_EQ(times("fail_stream a close"), 1);
  batches("b", 3);
  EXPECT_EQ(running.size(), 4U);
  EXPECT_EQ(running.back(), "process_records b 2");
}

TEST_F(LoadSlotsTest, AFailingStreamAndAClosingOneWaitForNoSlot) {
  open({"a", "b", "c"}, 1);
  batches("a", 1);  // keeps the only slot
  end_of_stream("b", 0);
  throws("c");
  EXPECT_EQ(times("close b"), 1);
  EXPECT_EQ(times("fail_stream c close"), 1);
}

TEST_F(LoadSlotsTest, AShortWaitKeepsTheSlot) {
  waits_first("a", 1, LoadGovernor::longest_wait_with_slot);
  open({"a", "b"}, 1);
  batches("a", 1);
  batches("b", 1);
  EXPECT_TRUE(running.empty());
  wait_over("a", 1);
  ends("a", 1);
  EXPECT_EQ(running, (std::vector<std::string>{"again: process_records a 1", "process_records b 1"}));
}

TEST_F(LoadSlotsTest, ALongWaitGivesTheSlotToOthersAndTakesTheNextOneBeforeThem) {
  waits_first("a", 1, std::chrono::hours(1));
  open({"a", "b"}, 1, false);
  batches("a", 1);
  batches("b", 3);
  EXPECT_EQ(running, (std::vector<std::string>{"process_records b 1"}));
  ends("b", 1);
  wait_over("a", 1);
  EXPECT_EQ(running.back(), "process_records b 2") << "there is one slot only";
  ends("b", 2);
  EXPECT_EQ(running.back(), "again: process_records a 1");
  ends("a", 1);
  EXPECT_EQ(running.back(), "process_records b 3");
}

TEST_F(LoadSlotsTest, AStreamThatWaitsLongCollectsNoMoreCalls) {
  waits_first("a", 1, std::chrono::hours(1));
  open({"a"}, 8, false);
  batches("a", 3);
  EXPECT_TRUE(running.empty());
  wait_over("a", 1);
  EXPECT_EQ(std::ranges::count(running, "again: process_records a 1"), 1) << "beside the others, in whatever order";
  ends("a", 1);
  EXPECT_EQ(running.size(), 3U);
}

TEST_F(LoadSlotsTest, ATaskThatIsCancelledInLineLeavesItWithoutASlot) {
  waits_first("a", 1, std::chrono::hours(1));
  open({"a", "b"}, 1, false);
  batches("a", 1);
  batches("b", 3);
  wait_over("a", 1);
  throws("a");  // while its task is in line
  EXPECT_EQ(times("fail_stream a close"), 1);
  ends("b", 1);
  ends("b", 2);
  EXPECT_EQ(running.back(), "process_records b 3");
}

TEST_F(LoadSlotsTest, ATaskThatIsCancelledWhenItsSlotComesGivesItBack) {
  waits_first("a", 1, std::chrono::hours(1));
  open({"a", "b"}, 1, false);
  batches("a", 1);
  batches("b", 2);
  wait_over("a", 1);
  gates.at("process_records b 1")->push_now(0, 1);
  throws("a");  // in whatever order
  EXPECT_EQ(times("fail_stream a close"), 1);
  EXPECT_EQ(running.back(), "process_records b 2");
}

TEST_F(LoadSlotsTest, EachChangeIsToldAndTheSizeOfTheNextBatchesToo) {
  std::vector<std::string> told;
  std::atomic<std::uint64_t> batch_bytes = 0;
  open({"a"}, 4, true, [&](LauncherParts& parts) {
    parts.load.concurrency = LoadBounds(1, 4, 4);
    parts.batch_bytes = &batch_bytes;
    parts.on_load_change = [&](LoadChange const& change) { told.push_back(to_string(change)); };
  });
  EXPECT_EQ(batch_bytes.load(), 4U << 20) << "before the first batch";
  batches("a", 1);
  TimePoint const now = simulation.now();
  report(launcher->handle_call_ended(CallReport(now - std::chrono::minutes(1), now, CallOutcome::timed_out, 4 << 20)));
  report(launcher->handle_batch_too_large(1 << 20));
  EXPECT_EQ(told, (std::vector<std::string>{"batch size 4.2 MB → 2.1 MB: one of 4.2 MB had no answer within 60 s",
                                            "concurrency 4 → 1: no answer within 60 s",
                                            "batch size 2.1 MB → 524.3 kB: one of 1.0 MB was refused as a whole, its "
                                            "parts were not"}));
  EXPECT_EQ(batch_bytes.load(), 1U << 19);
  EXPECT_EQ(launcher->load_history().count, 3U);
}

TEST_F(LoadSlotsTest, AChangeOfTheConcurrencyLeavesTheSizeOfBatchesAlone) {
  std::atomic<std::uint64_t> batch_bytes = 0;
  open({"a"}, 4, true, [&](LauncherParts& parts) {
    parts.load.concurrency = LoadBounds(1, 4, 4);
    parts.batch_bytes = &batch_bytes;
  });
  batches("a", 1);
  TimePoint const now = simulation.now();
  report(launcher->handle_call_ended(CallReport(now, now, CallOutcome::throttled, 4 << 20, std::chrono::seconds(1))));
  ASSERT_EQ(launcher->load_history().last.size(), 1U);
  EXPECT_EQ(launcher->load_history().last[0].knob, LoadKnob::concurrency);
  EXPECT_EQ(batch_bytes.load(), 4U << 20);
}

TEST_F(LoadSlotsTest, NobodyNeedHearOfAChange) {
  open({"a"}, 4, true);
  batches("a", 1);
  report(launcher->handle_batch_too_large(1 << 20));
  EXPECT_EQ(launcher->load_history().count, 1U);
}

TEST_F(LoadSlotsTest, MoreCallsAtOnceBeginAsSoonAsTheyMay) {
  open({"a", "b"}, 1, true, [](LauncherParts& parts) { parts.load.concurrency = LoadBounds(1, 4, 1); });
  batches("a", 1);
  batches("b", 2);
  EXPECT_EQ(running.size(), 1U);
  TimePoint const now = simulation.now();
  for (int call = 0; call < 4; ++call) {
    report(launcher->handle_call_ended(CallReport(now, now, CallOutcome::ok, 4 << 20)));
  }
  EXPECT_EQ(running.size(), 2U);
}

TEST_F(LoadSlotsTest, WithALoadPipelineNothingWaitsForASlot) {
  struct Taker final : LoadPipeline {
    explicit Taker(std::size_t& n) : count(n) {}
    std::vector<std::unique_ptr<Task>> make_tasks(TaskLauncher&) override { return {}; }
    void submit(StepInput) override { ++count; }
    std::size_t& count;
  };
  std::size_t submitted = 0;
  open({"a"}, 1, true, [&](LauncherParts& parts) { parts.load_pipeline = std::make_unique<Taker>(submitted); });
  for (std::uint64_t id = 1; id <= 5; ++id) records("a", id, id - 1, id);
  EXPECT_EQ(submitted, 5U);
  throws("a");
  report(launcher->handle_batch_split(stream("a"), 0));
}

}  // namespace
}  // namespace landfall
