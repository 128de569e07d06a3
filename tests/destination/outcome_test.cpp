#include <landfall/destination/outcome.hpp>

#include <string_view>

#include <gtest/gtest.h>

namespace landfall {
namespace {

struct EndRow {
  std::string_view name;
  StreamEnd end;
  bool succeeded;
};

constexpr EndRow end_rows[] = {
    {"complete", StreamEnd::complete, true},
    {"incomplete", StreamEnd::incomplete, false},
    {"failed", StreamEnd::failed, false},
};

TEST(StreamOutcome, OnlyACompleteStreamSucceeded) {
  for (EndRow const& row : end_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(to_string(row.end), row.name);
    EXPECT_EQ(StreamOutcome(row.end, 3).succeeded(), row.succeeded);
    EXPECT_EQ(StreamOutcome(row.end, 3).record_count, 3u);
  }
}

TEST(StreamOutcome, CarriesItsCause) {
  StreamOutcome const outcome(StreamEnd::failed, 0, transient_error("the disk is full"));
  ASSERT_TRUE(outcome.error.has_value());
  EXPECT_STREQ(outcome.error->what(), "the disk is full");
}

TEST(SyncOutcome, SucceededWhenThereIsNoError) {
  SyncOutcome outcome;
  EXPECT_TRUE(outcome.succeeded());
  outcome.error = system_error("stream users failed");
  EXPECT_FALSE(outcome.succeeded());
}

}  // namespace
}  // namespace landfall
