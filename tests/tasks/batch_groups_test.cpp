#include <algorithm>
#include <any>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "launcher/launcher_fixture.hpp"
#include "tasks/process_batch_task.hpp"

namespace landfall {
namespace {

/// The batches of one stream go to a loader whose process_batch() answers as the test says.
class BatchGroupsTest : public LauncherTest {
 protected:
  using Answer = std::function<Batch(std::uint64_t batch)>;

  class Loader final : public NullLoader {
   public:
    explicit Loader(BatchGroupsTest& test) : test_(test) {}
    awaitable<Batch> process_batch(Batch batch) override {
      auto const id = std::any_cast<std::uint64_t>(batch.payload());
      test_.asked.push_back(id);
      if (test_.asked.size() > 100) throw config_error("it is asked for ever");
      Batch answer = test_.answers(id);
      answer.payload() = id;
      co_return answer;
    }

   private:
    BatchGroupsTest& test_;
  };

  void load(Answer process_batch_answers) {
    answers = std::move(process_batch_answers);
    make({"users"}, [this](LauncherParts& parts) {
      parts.process_batch = std::make_unique<LoaderProcessBatchTaskFactory>(phases);
    });
    start();
    setup_done();
    report([](TaskLauncher& l, std::shared_ptr<StreamLoader> loader) -> awaitable<void> {
      bool const wanted = co_await l.handle_open_requested(stream("users"));
      EXPECT_TRUE(wanted);
      co_await l.handle_stream_started(stream("users"), std::move(loader));
    }(*launcher, std::make_shared<Loader>(*this)));
  }

  /// Batch `id` of ten records is given to process_records(), which answers this.
  void processed(std::uint64_t id, Batch answer, bool last = false) {
    RecordNumber const first = (id - 1) * 10;
    answer.payload() = id;
    records("users", id, first, first + 10);
    BatchEnvelope envelope(stream("users"), BatchId(id), Interval{first, first + 10}, std::move(answer));
    report(launcher->handle_new_batch(std::move(envelope)));
    if (last) end_of_stream("users", first + 10);
  }

  static Batch in_group(BatchState state, std::string group = "upload") {
    return Batch(state).in_group(std::move(group));
  }

  PhaseRunner phases{scope, simulation, RetryPolicies(), std::chrono::seconds(30), 1};
  Answer answers;
  std::vector<std::uint64_t> asked;
};
using Asked = std::vector<std::uint64_t>;
using enum BatchState;

TEST_F(BatchGroupsTest, WhoseGroupAnotherBatchHasCompletedIsNotAskedAnyMore) {
  load([](std::uint64_t) { return in_group(staged); });
  processed(1, in_group(staged));
  processed(2, in_group(complete), true);
  EXPECT_EQ(asked, Asked{1}) << "once, before the group was complete";
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(BatchGroupsTest, ABatchThatComesToACompleteGroupIsNotAsked) {
  load([](std::uint64_t) { return in_group(staged); });
  processed(1, in_group(complete));
  processed(2, in_group(staged), true);
  EXPECT_EQ(asked, Asked{});
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(BatchGroupsTest, AMemberIsAskedAgainWhenAnotherOneCame) {
  bool whole = false;
  load([&](std::uint64_t id) { return in_group(whole && id == 1 ? complete : staged); });
  processed(1, in_group(staged));
  EXPECT_EQ(asked, Asked{1});
  whole = true;
  processed(2, in_group(staged));
  EXPECT_EQ(asked.size(), 3U);
  EXPECT_EQ(std::count(asked.begin(), asked.end(), 1U), 2);
  end_of_stream("users", 20);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(BatchGroupsTest, BatchesThatWaitForTheEndOfTheStreamAreAskedOnceMoreThen) {
  bool ended = false;
  load([&](std::uint64_t) { return in_group(ended ? complete : staged); });
  for (std::uint64_t id = 1; id <= 20; ++id) processed(id, in_group(staged));
  EXPECT_LE(asked.size(), 2 * 20U) << "each when it came, and one other";
  std::size_t const before = asked.size();
  ended = true;
  end_of_stream("users", 200);
  EXPECT_EQ(asked.size(), before + 1) << "one answer is enough for all of them";
  EXPECT_EQ(times("close users"), 1);
}

class MemberThatFinishes : public BatchGroupsTest, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(MemberThatFinishes, HasItsTurnAfterTheEndOfTheStream) {
  bool ended = false;
  load([&](std::uint64_t id) { return in_group(ended && id == GetParam() ? complete : staged); });
  for (std::uint64_t id = 1; id <= 3; ++id) processed(id, in_group(staged));
  std::size_t const before = asked.size();
  ended = true;
  end_of_stream("users", 30);
  EXPECT_EQ(times("close users"), 1);
  EXPECT_LE(asked.size(), before + 3);
}

INSTANTIATE_TEST_SUITE_P(Members, MemberThatFinishes, ::testing::Values(1, 2, 3));

TEST_F(BatchGroupsTest, AGroupThatNobodyCompletesFailsItsStream) {
  load([](std::uint64_t) { return in_group(staged); });
  for (std::uint64_t id = 1; id <= 3; ++id) processed(id, in_group(staged), id == 3);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].error_class(), ErrorClass::system);
  std::string const text = failures[0].message();
  EXPECT_TRUE(text.starts_with("the stream has ended, but process_batch() answered staged for batch ")) << text;
  EXPECT_TRUE(
      text.ends_with(" of stream users, which was staged before: one batch of its group 'upload' must become "
                     "complete, and none has come further"))
      << text;
  EXPECT_LE(asked.size(), 3 * 3U);
  EXPECT_EQ(times("close users"), 0);
}

TEST_F(BatchGroupsTest, AGroupMayTakeSeveralStepsAfterTheEndOfTheStream) {
  std::map<std::uint64_t, int> state;
  load([&](std::uint64_t id) { return in_group(static_cast<BatchState>(std::min(++state[id], 4))); });
  for (std::uint64_t id = 1; id <= 3; ++id) processed(id, in_group(BatchState::processed), id == 3);
  EXPECT_EQ(times("close users"), 1);
  EXPECT_LE(asked.size(), 4 * 3U);
}

TEST_F(BatchGroupsTest, GroupsDoNotWaitForEachOther) {
  bool ended = false;
  load([&](std::uint64_t id) { return in_group(ended ? complete : staged, id % 2 == 0 ? "even" : "odd"); });
  for (std::uint64_t id = 1; id <= 6; ++id) processed(id, in_group(staged, id % 2 == 0 ? "even" : "odd"));
  std::size_t const before = asked.size();
  ended = true;
  end_of_stream("users", 60);
  EXPECT_EQ(asked.size(), before + 2);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(BatchGroupsTest, ABatchStaysInItsGroupUntilItIsComplete) {
  load([](std::uint64_t) { return Batch(staged); });
  processed(1, in_group(staged));
  EXPECT_EQ(asked, Asked{1});
  EXPECT_EQ(failures.size(), 0U);
  processed(2, in_group(complete), true);
  EXPECT_EQ(times("close users"), 1);
}

TEST_F(BatchGroupsTest, ABatchThatIsCompleteForItselfDoesNotCompleteItsGroup) {
  load([](std::uint64_t id) { return id == 1 ? Batch::complete() : in_group(staged); });
  processed(1, in_group(staged));
  processed(2, in_group(staged), true);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].message().find("batch 2"), std::string::npos) << failures[0].message();
}

class LoaderThatStandsStill : public BatchGroupsTest, public ::testing::WithParamInterface<BatchState> {};

TEST_P(LoaderThatStandsStill, FailsItsStreamAndIsNotAskedAgain) {
  load([](std::uint64_t) { return Batch(GetParam()); });
  processed(1, Batch::persisted(), true);
  EXPECT_EQ(asked, Asked{1});
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].error_class(), ErrorClass::system);
  std::string const text = failures[0].message();
  std::string const expected = "process_batch() answered " + std::string(to_string(GetParam())) +
                               " for batch 1 of stream users, which was persisted before";
  EXPECT_NE(text.find(expected), std::string::npos) << text;
  EXPECT_TRUE(sync->stream_manager(stream("users")).is_safe_until(10)) << "what it said before remains true";
}

INSTANTIATE_TEST_SUITE_P(BatchStates, LoaderThatStandsStill,
                         ::testing::Values(BatchState::processed, BatchState::loaded, BatchState::persisted),
                         [](auto const& tested) { return std::string(to_string(tested.param)); });

TEST_F(BatchGroupsTest, EachStepForwardIsAskedForOnce) {
  std::map<std::uint64_t, int> state;
  load([&](std::uint64_t id) { return Batch(static_cast<BatchState>(++state[id])); });
  processed(1, Batch::processed(), true);
  EXPECT_EQ(asked, (Asked{1, 1, 1, 1}));
  EXPECT_EQ(times("close users"), 1);
}

}  // namespace
}  // namespace landfall
