#include <landfall/launcher/decisions.hpp>

#include <gtest/gtest.h>

namespace landfall {
namespace {

struct StepRow {
  char const* name;
  BatchState reported;
  BatchRoute route;
  bool stream_is_complete;
  NextStep expected;
};

TEST(Decisions, WhatFollowsAnAnswer) {
  for (StepRow const& row : {
           StepRow{"processed, loader", BatchState::processed, BatchRoute::loader, false, NextStep::process_batch},
           StepRow{"staged, loader", BatchState::staged, BatchRoute::loader, false, NextStep::process_batch},
           StepRow{"loaded, loader", BatchState::loaded, BatchRoute::loader, false, NextStep::process_batch},
           StepRow{"persisted, loader", BatchState::persisted, BatchRoute::loader, false, NextStep::process_batch},
           StepRow{"staged, pipeline", BatchState::staged, BatchRoute::pipeline, false, NextStep::wait},
           StepRow{"persisted, pipeline", BatchState::persisted, BatchRoute::pipeline, false, NextStep::wait},
           StepRow{"complete, others still running", BatchState::complete, BatchRoute::loader, false, NextStep::wait},
           StepRow{"complete, the last one", BatchState::complete, BatchRoute::loader, true, NextStep::close_stream},
           StepRow{"complete, the last one, pipeline", BatchState::complete, BatchRoute::pipeline, true,
                   NextStep::close_stream},
       }) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(next_step(row.reported, row.route, row.stream_is_complete), row.expected);
  }
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
