// What a start makes of a segment that is not as it was written: torn, damaged, or another's.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "spill/spill_fixture.hpp"
#include "spill/spill_format.hpp"

namespace landfall {
namespace {

constexpr std::uint64_t read_bytes = 1 << 20;  // a start reads a segment in parts of this size

class DamagedSegmentTest : public SpillStoreTest {
 protected:
  /// A store in which everything stays in the first segment.
  SpillRecovery const& start() {
    auto settings = resume_settings();
    settings.segment_bytes = 16 * read_bytes;
    return open(settings).recovered();
  }
  void begin_anew() {
    kill();
    disk = std::make_shared<testing::SimulatedDisk>();
    start();
  }
  std::string error_of_start() {
    auto text = error_of([&] { start(); });
    kill();
    return text;
  }
  std::unique_ptr<SpillFile> segment() const { return disk->blocking_open(folder, segment_name(1)); }
  SegmentHeader header() const {
    std::string bytes(segment_header_bytes, '\0');
    segment()->blocking_read(0, bytes);
    return decode_segment_header(bytes).value();
  }
  void flip_byte(std::uint64_t offset) const {
    std::string byte(1, '\0');
    ASSERT_EQ(segment()->blocking_read(offset, byte), 1U);
    byte[0] = static_cast<char>(byte[0] ^ 1);
    std::vector<std::string_view> const pieces{byte};
    segment()->blocking_write(offset, pieces);
  }
  /// Behind all that is there, as written when the file was synced up to `synced_end`.
  void append(FrameKind kind, std::string content, std::uint64_t synced_end) const {
    Frame frame = control_frame(kind, std::move(content));
    frame.seal(header(), segment()->blocking_size(), synced_end);
    std::vector<std::string_view> pieces;
    frame.add_pieces_to(pieces);
    segment()->blocking_write(segment()->blocking_size(), pieces);
  }
  /// One with this number and this first frame, and nothing else.
  void make_segment(std::uint64_t number, FrameKind kind, std::string content) const {
    SegmentHeader const of_segment(number, 5);
    Frame frame = control_frame(kind, std::move(content));
    frame.seal(of_segment, segment_header_bytes, 0);
    std::string const head = encode(of_segment);
    std::vector<std::string_view> pieces{head};
    frame.add_pieces_to(pieces);
    disk->blocking_create(folder, segment_name(number))->blocking_write(0, pieces);
  }

  static constexpr auto folder = "landfall-resume";
  static constexpr auto was_synced = "a frame that was synced is not whole";
};

bool contains(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_F(DamagedSegmentTest, ALargeBatchComesAgainAsItWas) {
  std::string const text(3 * read_bytes + 7, 'x');
  start();
  auto const large = write(batch(0, 1, 0, {text}));
  write(batch(0, 2, 1, {"{}"}));
  acknowledge(0, 2);
  kill();
  auto const& recovered = start();
  ASSERT_EQ(recovered.batches.size(), 2U);
  EXPECT_EQ(read(recovered.batches[0]), Texts{text});

  begin_anew();
  write(batch(0, 1, 0, {text}));
  acknowledge(0, 1);
  kill();
  flip_byte(large.place.offset + 2 * read_bytes + 1);
  EXPECT_TRUE(contains(error_of_start(), was_synced)) << "a byte of its third part";
}

TEST_F(DamagedSegmentTest, AFrameFarBehindTellsThatTheDamagedOneWasSynced) {
  auto const before = static_cast<std::int64_t>(frame_header_bytes + table_entry_bytes);
  auto const frame = static_cast<std::int64_t>(frame_header_bytes);
  auto const part = static_cast<std::int64_t>(read_bytes);
  // Where the next header begins, seen from the end of the first part that is read.
  for (std::int64_t const from_end :
       {-frame - 1, -frame, -frame + 1, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, part - 1, part, part + 1}) {
    SCOPED_TRACE(from_end);
    begin_anew();
    auto const content = static_cast<std::size_t>(part + from_end - before);
    auto const damaged = write(batch(0, 1, 0, {std::string(content, 'x')}));
    acknowledge(0, 1);
    kill();
    flip_byte(damaged.place.offset + 200);
    EXPECT_TRUE(contains(error_of_start(), was_synced));
  }
}

TEST_F(DamagedSegmentTest, AHeaderAtTheVeryEndTellsItAsWell) {
  start();
  auto const damaged = write(batch(0, 1, 0, {"{}"}));
  auto const end = segment()->blocking_size();
  write(batch(0, 2, 1, {"{}"}));
  kill();
  flip_byte(damaged.place.offset + frame_header_bytes);
  segment()->blocking_truncate(end + frame_header_bytes);
  EXPECT_TRUE(contains(error_of_start(), was_synced));
}

TEST_F(DamagedSegmentTest, AFrameBehindATornOneTellsNothingWhenNobodyHadSyncedThatOne) {
  for (std::uint64_t const more_synced : {0, 1}) {
    SCOPED_TRACE(more_synced);
    begin_anew();
    write(batch(0, 1, 0, {"{}", "{}"}));
    acknowledge(0, 1);
    kill();
    auto const torn = segment()->blocking_size();
    append(FrameKind::acknowledged, encode(NumberPairs{{0, 2}}), torn);
    flip_byte(torn + frame_header_bytes);
    append(FrameKind::acknowledged, encode(NumberPairs{{0, 2}}), torn + more_synced);
    if (more_synced == 0) {
      EXPECT_EQ(start().positions[0], 1U);
    } else {
      EXPECT_TRUE(contains(error_of_start(), was_synced));
    }
  }
}

TEST_F(DamagedSegmentTest, ASegmentUnderAnotherNameIsNotTakenForThatOne) {
  start();
  write(batch(0, 1, 0, {"{}"}));
  acknowledge(0, 1);
  kill();
  disk->blocking_rename(folder, segment_name(1), segment_name(2));
  EXPECT_TRUE(contains(error_of_start(), "segment-00000002 is damaged (no header)"));
}

TEST_F(DamagedSegmentTest, ASegmentBeginsWithAWholeSnapshot) {
  Snapshot const snapshot;
  struct Row {
    char const* name;
    FrameKind kind;
    std::string content;
  };
  Row const rows[] = {
      {"another kind of frame that reads like one", FrameKind::acknowledged, encode(snapshot)},
      {"a snapshot that is cut", FrameKind::snapshot, encode(snapshot).substr(1)},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    begin_anew();
    kill();
    make_segment(9, row.kind, row.content);
    EXPECT_TRUE(contains(error_of_start(), "segment-00000009 is damaged (no snapshot)"));
  }
}

}  // namespace
}  // namespace landfall
