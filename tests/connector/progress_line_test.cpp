#include "connector/progress_line.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace landfall {
namespace {

class FormatProgress : public testing::Test {
 protected:
  FormatProgress() {
    now_.elapsed = std::chrono::seconds(12);
    now_.memory_bytes = 4'200'000;
    now_.states_received = 5;
    now_.states_emitted = 3;
    before_.elapsed = std::chrono::seconds(10);
  }

  void add(std::string name, std::uint64_t records, std::uint64_t bytes, std::uint64_t records_before = 0,
           std::uint64_t bytes_before = 0) {
    SyncProgress::Stream stream;
    stream.stream = StreamDescriptor(std::move(name));
    stream.records_read = records_before;
    stream.bytes_read = bytes_before;
    before_.streams.push_back(stream);
    stream.records_read = records;
    stream.bytes_read = bytes;
    now_.streams.push_back(stream);
  }

  SyncProgress now_;
  SyncProgress before_;
};

TEST_F(FormatProgress, TellsRecordsRateStreamsMemoryAndStates) {
  add("users", 1'234'567, 30'000'000, 1'200'000, 10'000'000);
  add("orders", 3'400, 5'000'000);
  EXPECT_EQ(format_progress(now_, before_, 120),
            "1,237,967 records, 12.5 MB/s: users 1.2M, orders 3.4k, memory 4.2 MB, STATE 3 of 5");
}

TEST_F(FormatProgress, TheMostActiveStreamsComeFirstAndTheRestIsCounted) {
  add("quiet", 9'000'000, 0, 9'000'000);
  add("busy", 500, 0);
  add("middle", 300, 0);
  add("empty", 0, 0);
  EXPECT_EQ(format_progress(now_, before_, 79),
            "9,000,800 records, 0.0 MB/s: busy 500, +2 more, memory 4.2 MB, STATE 3 of 5");
}

TEST_F(FormatProgress, LongNamesAreShortened) {
  add("a_stream_with_a_very_long_name_indeed", 7, 0);
  EXPECT_NE(format_progress(now_, before_, 120).find(": a_stream_with_a_very_... 7, "), std::string::npos);
}

TEST_F(FormatProgress, WithoutTimeThereIsNoRate) {
  add("users", 1, 1'000'000);
  before_.elapsed = now_.elapsed;
  EXPECT_EQ(format_progress(now_, before_, 60), "1 records, 0.0 MB/s: users 1, memory 4.2 MB, STATE 3 of 5");
}

TEST_F(FormatProgress, IsNeverWiderThanAllowed) {
  for (int i = 0; i < 30; ++i) add("stream_" + std::to_string(i), 1'000U << i, 1'000'000);
  for (std::size_t width = 0; width <= 300; ++width) {
    EXPECT_LE(format_progress(now_, before_, width).size(), width);
  }
}

TEST_F(FormatProgress, IsCutBetweenCharacters) {
  for (int i = 0; i < 3; ++i) add("größe_日本語_größe_日本語_größe", 1'000, 1'000'000);
  for (std::size_t width = 0; width <= 200; ++width) {
    auto const line = format_progress(now_, before_, width);
    EXPECT_EQ(line.find("\xc3."), std::string::npos) << line;
    EXPECT_EQ(line.find("\xe6."), std::string::npos) << line;
    EXPECT_LE(line.size(), width * 3);
  }
}

}  // namespace
}  // namespace landfall
