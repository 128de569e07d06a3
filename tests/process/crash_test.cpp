// A process that is ended at a random moment, and started again with what a source would send then.
//
//   LANDFALL_CRASH_ROUNDS=200 LANDFALL_CRASH_SEED=7 crash_test

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "crash_rounds.hpp"

namespace {

class CrashTest : public CrashRounds {
 protected:
  void configure(int batch_records) override {
    json::object const settings{{"checkpoint_seconds", 1}, {"batch_records", batch_records}, {"memory_bytes", 4 << 20}};
    write_file("config.json", json::serialize(json::object{
                                  {"destination_path", data().string()}, {"format", "data"}, {"landfall", settings}}));
  }

  /// The rows are those of earlier attempts, then the first ones of this attempt: at least all that were acknowledged,
  /// at most all that were sent. So each is there exactly once for each attempt that has written it.
  void check_continued(SourceStream& one, Rows const& rows) override {
    ASSERT_GE(rows.size(), one.kept.size()) << "rows of an earlier attempt are gone";
    EXPECT_TRUE(std::equal(one.kept.begin(), one.kept.end(), rows.begin()))
        << "rows of an earlier attempt have changed";
    auto const added = static_cast<int>(rows.size() - one.kept.size());
    EXPECT_GE(one.begin + added, one.acknowledged) << "acknowledged, but not there";
    EXPECT_LE(one.begin + added, one.sent) << "more than was sent";
    auto const expected = padded_rows(one.begin, one.begin + added);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), rows.begin() + static_cast<long>(one.kept.size())))
        << "not the rows that were sent";
    one.kept = rows;
  }
};

TEST_F(CrashTest, KilledAtAnyMomentNothingAcknowledgedIsLostOrDoubled) { many_rounds(SIGKILL); }

TEST_F(CrashTest, StoppedAtAnyMomentNothingAcknowledgedIsLostOrDoubled) { many_rounds(SIGTERM); }

}  // namespace
