#include "connector/run_report.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

class RunReport : public testing::Test {
 protected:
  RunReport() {
    add(StreamDescriptor("users", "public"), 1'234, 5'600'000, 1'234, StreamOutcome(StreamEnd::complete, 1'234));
    report_.totals.states_received = 5;
    report_.totals.states_emitted = 5;
    report_.totals.elapsed = std::chrono::seconds(2);
    report_.peak_memory_bytes = 12'300'000;
  }

  void add(StreamDescriptor name, std::uint64_t records, std::uint64_t bytes, std::uint64_t committed,
           StreamOutcome outcome) {
    SyncProgress::Stream stream;
    stream.stream = name;
    stream.records_read = records;
    stream.bytes_read = bytes;
    stream.records_committed = committed;
    report_.totals.streams.push_back(stream);
    report_.outcome.streams.emplace(name, outcome);
  }

  SyncReport report_;
};

TEST_F(RunReport, OfASyncThatWentWell) {
  EXPECT_EQ(format_run_report(report_),
            (std::vector<std::string>{
                "stream public.users: 1,234 records read (5.6 MB), 1,234 committed, complete",
                "STATE messages: 5 received, 5 emitted",
                "sync succeeded after 2.0 s: 1,234 records, 5.6 MB, 2.8 MB/s, at most 12.3 MB of memory for records"}));
}

TEST_F(RunReport, SaysWhereLoneSurrogatesWereReplaced) {
  report_.totals.streams[0].records_replaced = 1'200;
  auto const lines = format_run_report(report_);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[1],
            "stream public.users: in 1,200 records half of a surrogate pair (such as \\ud83d alone) was replaced by "
            "U+FFFD; their meta says in which fields");
}

TEST_F(RunReport, NamesTheStreamThatFailedAndWhy) {
  add(StreamDescriptor("orders"), 10, 900, 4, StreamOutcome(StreamEnd::failed, 10, transient_error("no connection")));
  report_.outcome.error = transient_error("no connection");
  auto const lines = format_run_report(report_);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[1], "stream orders: 10 records read (900 bytes), 4 committed, failed: no connection");
  EXPECT_EQ(lines[3].rfind("sync failed after 2.0 s: 1,244 records", 0), 0U) << lines[3];
}

TEST_F(RunReport, CountsWhatWasRejectedAndWhatFailed) {
  report_.totals.streams[0].records_rejected = 1'000;
  report_.totals.streams[0].records_failed = 34;
  auto const lines = format_run_report(report_, "/data/rejected.jsonl");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0],
            "stream public.users: 1,234 records read (5.6 MB), 1,234 committed, 1,000 rejected, 34 failed, complete");
  EXPECT_EQ(lines[1], "1,000 rejected records are in /data/rejected.jsonl");
}

TEST_F(RunReport, TellsHowTheLoadWasAdapted) {
  for (int i = 0; i < 21; ++i) {
    report_.load.add(LoadChange(std::chrono::milliseconds(1500), LoadKnob::concurrency, 4, 2,
                                "throttled (retry after 1.0 s) 3 times"));
  }
  auto const lines = format_run_report(report_);
  EXPECT_EQ(lines.at(1), "changes of concurrency and batch size: 21, the last 20 were");
  EXPECT_EQ(lines.at(2), "after 1.5 s: concurrency 4 → 2: throttled (retry after 1.0 s) 3 times");
  EXPECT_EQ(lines.at(21), lines.at(2));
  EXPECT_EQ(lines.size(), 24U);
}

TEST_F(RunReport, DoesNotNameAnUnusedRejectFile) {
  EXPECT_EQ(format_run_report(report_, "/data/rejected.jsonl"), format_run_report(report_));
}

TEST_F(RunReport, TasksThatStillRunAreAFailure) {
  report_.unjoined_tasks.push_back("process-records");
  EXPECT_EQ(format_run_report(report_).back().rfind("sync failed", 0), 0U);
}

TEST_F(RunReport, AStreamWithoutAnEndIsShown) {
  report_.outcome.streams.clear();
  EXPECT_EQ(format_run_report(report_).front(),
            "stream public.users: 1,234 records read (5.6 MB), 1,234 committed, not ended");
}

}  // namespace
}  // namespace landfall
