#include <landfall/launcher/decisions.hpp>

#include <gtest/gtest.h>

namespace landfall {
namespace {

constexpr std::nullopt_t first_answer = std::nullopt;
using enum BatchRoute;
using enum BatchState;

BatchEnvelope answer(Batch batch, std::optional<BatchState> before, BatchRoute route) {
  BatchEnvelope envelope(StreamDescriptor("users"), BatchId(1), Interval{0, 10}, std::move(batch), route);
  envelope.before = before;
  return envelope;
}
Batch in_group(BatchState state) { return Batch(state).in_group("upload"); }

struct StepRow {
  char const* name;
  BatchEnvelope answered;
  bool batch_is_complete;
  bool stream_is_complete;
  NextStep expected;
};

TEST(Decisions, WhatFollowsAnAnswer) {
  for (StepRow const& row : {
           StepRow{"processed", answer(Batch(processed), first_answer, loader), false, false, NextStep::process_batch},
           StepRow{"staged", answer(Batch(staged), first_answer, loader), false, false, NextStep::process_batch},
           StepRow{"loaded", answer(Batch(loaded), staged, loader), false, false, NextStep::process_batch},
           StepRow{"persisted", answer(Batch(persisted), loaded, loader), false, false, NextStep::process_batch},
           StepRow{"staged, pipeline", answer(Batch(staged), first_answer, pipeline), false, false, NextStep::wait},
           StepRow{"persisted, pipeline", answer(Batch(persisted), first_answer, pipeline), false, false,
                   NextStep::wait},
           StepRow{"complete, others run", answer(Batch::complete(), first_answer, loader), true, false,
                   NextStep::wait},
           StepRow{"complete, the last one", answer(Batch::complete(), first_answer, loader), true, true,
                   NextStep::close_stream},
           StepRow{"complete, the last one, pipeline", answer(Batch::complete(), first_answer, pipeline), true, true,
                   NextStep::close_stream},
           StepRow{"new in its group", answer(in_group(staged), first_answer, loader), false, false,
                   NextStep::process_batch},
           StepRow{"asked, its group is not complete", answer(in_group(staged), staged, loader), false, false,
                   NextStep::ask_group},
           StepRow{"came further, its group is not complete", answer(in_group(loaded), staged, loader), false, false,
                   NextStep::ask_group},
           StepRow{"another one has completed its group", answer(in_group(staged), staged, loader), true, false,
                   NextStep::wait},
           StepRow{"the same, the last one", answer(in_group(staged), staged, loader), true, true,
                   NextStep::close_stream},
           StepRow{"in a group, pipeline", answer(in_group(staged), first_answer, pipeline), false, false,
                   NextStep::wait},
       }) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(next_step(row.answered, row.batch_is_complete, row.stream_is_complete), row.expected);
  }
}

TEST(Decisions, AGroupHearsOfNewBatchesAndOfThoseThatCameFurther) {
  EXPECT_TRUE(is_news_for_group(answer(in_group(staged), first_answer, loader)));
  EXPECT_TRUE(is_news_for_group(answer(in_group(loaded), staged, loader)));
  EXPECT_FALSE(is_news_for_group(answer(in_group(staged), staged, loader)));
  EXPECT_FALSE(is_news_for_group(answer(in_group(staged), loaded, loader)));
  EXPECT_FALSE(is_news_for_group(answer(Batch(staged), first_answer, loader)));
}

TEST(Decisions, OnlyPersistedOrBetterReleasesStates) {
  EXPECT_FALSE(releases_checkpoints(BatchState::processed));
  EXPECT_FALSE(releases_checkpoints(BatchState::staged));
  EXPECT_FALSE(releases_checkpoints(BatchState::loaded));
  EXPECT_TRUE(releases_checkpoints(BatchState::persisted));
  EXPECT_TRUE(releases_checkpoints(BatchState::complete));
}

TEST(Decisions, AStreamIsFailedOnlyWhenNothingOfItRuns) {
  EXPECT_TRUE(may_fail_now(Opening::waiting, 0));
  EXPECT_FALSE(may_fail_now(Opening::opening, 0));
  EXPECT_TRUE(may_fail_now(Opening::open, 0));
  EXPECT_FALSE(may_fail_now(Opening::open, 1));
  EXPECT_TRUE(may_fail_now(Opening::failed, 0));
}

TEST(Decisions, AnErrorAnywhereMakesTheEndingABadOne) {
  EXPECT_EQ(choose_ending(false, false), Ending::teardown);
  EXPECT_EQ(choose_ending(true, false), Ending::fail_sync);
}

TEST(Decisions, NothingIsAskedOfAConnectorWhoseCallStillRuns) {
  EXPECT_EQ(choose_ending(false, true), Ending::none);
  EXPECT_EQ(choose_ending(true, true), Ending::none);
}

}  // namespace
}  // namespace landfall
