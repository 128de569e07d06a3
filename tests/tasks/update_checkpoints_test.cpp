#include "tasks/update_checkpoints_task.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <landfall/testing/recording_destination.hpp>

#include "launcher/launcher_fixture.hpp"

namespace landfall {
namespace {

using namespace std::chrono_literals;

class UpdateCheckpointsTest : public LauncherTest {
 protected:
  void start_printing() {
    make({"users"}, [this](LauncherParts& parts) {
      checkpoints.emplace(*sync);
      parts.update_checkpoints = std::make_unique<CheckpointPrinterTaskFactory>(checkpoint_queue, *checkpoints, sink,
                                                                                nullptr, scope, 60s, 30s);
    });
    start();
    setup_done();
    opened("users");
  }

  /// A STATE of users behind so many records.
  void state_behind(std::uint64_t records) {
    StateMessage state;
    state.kind = StateKind::stream;
    state.stream = stream("users");
    state.line = R"({"type":"STATE","state":{"type":"STREAM"}})";
    state.state_end = state.line.size() - 2;
    state.state_has_members = true;
    std::vector<StreamPosition> positions{StreamPosition(0, RecordCounts(records, 0))};
    checkpoint_queue.push_now(Checkpoint(std::move(state), std::move(positions), simulation.now()), 1);
    simulation.run_for(0s);
  }

  testing::CollectingSink sink;
  std::optional<CheckpointManager> checkpoints;
};

TEST_F(UpdateCheckpointsTest, PrintsWhatIsSafeWhenItIs) {
  start_printing();
  records("users", 1, 0, 3, true);
  state_behind(3);
  EXPECT_TRUE(sink.lines().empty());
  batch_is(BatchState::complete, "users", 1, 0, 3);
  EXPECT_EQ(sink.lines().size(), 1U);
  closed("users");
  input_ends();
  EXPECT_EQ(times("teardown"), 1);
}

TEST_F(UpdateCheckpointsTest, AStateThatNobodyCanAnswerFailsTheSyncAlthoughAllElseIsWell) {
  start_printing();
  records("users", 1, 0, 3, true);
  state_behind(4);
  batch_is(BatchState::complete, "users", 1, 0, 3);
  closed("users");
  input_ends();
  EXPECT_EQ(times("teardown"), 0);
  EXPECT_EQ(times("fail_sync"), 1);
  report(launcher->handle_teardown_complete(false));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_NE(
      std::string(outcome->error.value().what()).find("not every STATE could be answered: STATE 1 of stream users"),
      std::string::npos)
      << outcome->error->what();
}

TEST_F(UpdateCheckpointsTest, AReaderThatTakesNothingFailsTheSyncAtTheDeadline) {
  sink.before_write = [this]() -> awaitable<void> { co_await simulation.sleep_for(1h); };
  start_printing();
  state_behind(0);
  simulation.run_for(59s);
  EXPECT_EQ(times_starting_with("fail_stream"), 0);
  simulation.run_for(1s);
  EXPECT_EQ(times_starting_with("fail_stream users"), 1);
  EXPECT_TRUE(sink.lines().empty());
  EXPECT_EQ(checkpoints->emitted_count(), 0U);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_STREQ(failures[0].what(), "answer STATEs: writing STATEs gave no answer within 60 s");
}

}  // namespace
}  // namespace landfall
