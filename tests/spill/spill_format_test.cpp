#include "spill/spill_format.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "spill/spill_fixture.hpp"

namespace landfall {
namespace {

SegmentHeader const segment(7, 0x1234567890abcdef);
constexpr std::uint64_t offset = 4096;

std::string bytes_of(Frame& frame) {
  frame.seal(segment, offset, 1234);
  std::vector<std::string_view> pieces;
  frame.add_pieces_to(pieces);
  std::string bytes;
  for (auto const piece : pieces) bytes += piece;
  return bytes;
}

/// The records of a frame as the reader finds them; empty when it is not whole.
std::optional<Texts> decode(std::string_view bytes, SegmentHeader const& its_segment = segment,
                            std::uint64_t its_offset = offset) {
  auto const header = decode_frame_header(bytes.substr(0, frame_header_bytes), its_segment, its_offset);
  if (!header || header->frame_bytes() != bytes.size()) return std::nullopt;
  auto const body = bytes.substr(frame_header_bytes);
  Checksum checksum;
  checksum.add(body);
  if (checksum.value() != header->body_checksum) return std::nullopt;
  auto const slices = decode_table(body.substr(0, header->table_bytes), body.substr(header->table_bytes));
  if (!slices) return std::nullopt;
  Texts texts;
  for (auto const& slice : *slices) {
    texts.emplace_back(slice.data, slice.data_size);
    texts.emplace_back(slice.meta == nullptr ? std::string_view() : std::string_view(slice.meta, slice.meta_size));
  }
  return texts;
}

class SpillFormatTest : public ::testing::Test {
 protected:
  DestinationCatalog catalog = catalog_of({"users"});
  RecordBatch batch =
      batch_of(catalog.streams()[0], BatchId(9, 2), 100, {"{\"a\":1}", "{}", "{\"b\":22}"}, "{\"m\":0}");
};

TEST_F(SpillFormatTest, ABatchComesBackAsItWas) {
  auto frame = batch_frame(batch, 3);
  auto const bytes = bytes_of(frame);
  EXPECT_EQ(bytes.size(), frame.bytes());
  EXPECT_EQ(decode(bytes), (Texts{"{\"a\":1}", "{\"m\":0}", "{}", "{\"m\":0}", "{\"b\":22}", "{\"m\":0}"}));
  auto const header = decode_frame_header(std::string_view(bytes).substr(0, frame_header_bytes), segment, offset);
  ASSERT_TRUE(header);
  EXPECT_EQ(*header, frame.header);
  EXPECT_EQ(header->batch, BatchId(9, 2));
  EXPECT_EQ(header->stream_index, 3u);
  EXPECT_EQ(header->first_number, 100u);
  EXPECT_EQ(header->record_count, 3u);
}

TEST_F(SpillFormatTest, TimesOfEmissionComeBackAlsoFromBeforeTheEpoch) {
  std::string const content = "{}{}";
  std::string table(2 * table_entry_bytes, '\0');
  table[0] = table[table_entry_bytes] = 2;
  for (std::size_t i = 8; i < 16; ++i) table[i] = static_cast<char>(0xff);
  auto const slices = decode_table(table, content);
  ASSERT_TRUE(slices);
  EXPECT_EQ((*slices)[0].emitted_at_ms, -1);
  EXPECT_EQ((*slices)[1].emitted_at_ms, 0);
  EXPECT_EQ((*slices)[1].meta, nullptr);
}

TEST_F(SpillFormatTest, AnyByteThatIsNotAsWrittenIsNoticed) {
  auto frame = batch_frame(batch, 0);
  auto const bytes = bytes_of(frame);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    SCOPED_TRACE(::testing::Message() << "byte " << i);
    for (int const bit : {0, 7}) {
      auto changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_EQ(decode(changed), std::nullopt);
    }
  }
}

TEST_F(SpillFormatTest, AFrameOfAnyShorterLengthIsNoticed) {
  auto frame = batch_frame(batch, 0);
  auto const bytes = bytes_of(frame);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(decode(std::string_view(bytes).substr(0, size)), std::nullopt) << size;
  }
}

TEST_F(SpillFormatTest, AFrameOfAnotherSegmentOrPlaceIsNone) {
  auto frame = batch_frame(batch, 0);
  auto const bytes = bytes_of(frame);
  EXPECT_EQ(decode(bytes, SegmentHeader(7, segment.nonce + 1)), std::nullopt);
  EXPECT_EQ(decode(bytes, segment, offset + 1), std::nullopt);
}

TEST_F(SpillFormatTest, NeighboursInMemoryAreWrittenAsOnePiece) {
  EXPECT_EQ(batch_frame(batch, 0).slices.size(), 3u);  // data and meta touch, records do not
  auto frame = batch_frame(batch, 0);
  auto const bytes = bytes_of(frame);
  std::string content = bytes.substr(frame_header_bytes + 3 * table_entry_bytes);
  auto records = std::make_shared<RecordBlock>();
  records->slices = *decode_table(frame.table, content);
  RecordRun run;
  run.end = 3;
  run.bytes = content.size();
  run.block = records;
  RecordBatch again(catalog.streams()[0], BatchId(1));
  again.append(run);
  EXPECT_EQ(batch_frame(again, 0).slices.size(), 1u);
}

TEST_F(SpillFormatTest, ATableThatDoesNotFitItsContentIsRefused) {
  auto const frame = batch_frame(batch, 0);
  std::string content;
  for (auto const slice : frame.slices) content += slice;
  EXPECT_TRUE(decode_table(frame.table, content));
  EXPECT_FALSE(decode_table(frame.table, content + "x"));
  EXPECT_FALSE(decode_table(frame.table, std::string_view(content).substr(1)));
  EXPECT_FALSE(decode_table(std::string_view(frame.table).substr(1), content));
}

TEST(SegmentHeader, ComesBackAndNoOtherBytesPass) {
  auto const bytes = encode(segment);
  EXPECT_EQ(decode_segment_header(bytes), segment);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(decode_segment_header(changed), std::nullopt) << i;
    EXPECT_EQ(decode_segment_header(std::string_view(bytes).substr(0, i)), std::nullopt) << i;
  }
}

Snapshot some_snapshot() {
  Snapshot snapshot;
  snapshot.catalog_fingerprint = 11;
  snapshot.next_batch_id = 22;
  snapshot.streams.emplace_back(StreamDescriptor("users"), 5);
  snapshot.streams.emplace_back(StreamDescriptor("orders", ""), 6);
  Snapshot::PendingBatch pending;
  pending.segment_nonce = 33;
  pending.batch.stream_index = 1;
  pending.batch.id = BatchId(8, 1);
  pending.batch.first_number = 4;
  pending.batch.record_count = 2;
  pending.batch.frame_records = 3;
  pending.batch.bytes = 99;
  pending.batch.place = SpillPlace(6, 40);
  snapshot.batches.push_back(pending);
  return snapshot;
}

TEST(SnapshotFormat, ComesBackAsItWas) {
  auto const decoded = decode_snapshot(encode(some_snapshot()));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->catalog_fingerprint, 11u);
  EXPECT_EQ(decoded->next_batch_id, 22u);
  EXPECT_EQ(decoded->streams, some_snapshot().streams);
  EXPECT_EQ(encode(*decoded), encode(some_snapshot()));
}

TEST(SnapshotFormat, OfAnyOtherLengthIsRefused) {
  auto const bytes = encode(some_snapshot());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_snapshot(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_snapshot(bytes + "x"));
}

TEST(SnapshotFormat, NumbersThatPromiseMoreThanThereIsAreRefused) {
  auto const bytes = encode(some_snapshot());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(0xff);
    (void)decode_snapshot(changed);  // any answer, but at once and without reading beyond the end
  }
}

TEST(NumberPairs, ComeBackAndHalfOnesAreRefused) {
  NumberPairs const pairs = {{1, 2}, {UINT64_MAX, 0}};
  EXPECT_EQ(decode_pairs(encode(pairs)), pairs);
  EXPECT_EQ(decode_pairs(encode(pairs).substr(1)), std::nullopt);
}

TEST(SegmentName, SaysTheNumberAndNothingElsePasses) {
  EXPECT_EQ(segment_name(7), "segment-00000007");
  for (std::uint64_t const number : {0ull, 7ull, 123456789012ull}) {
    EXPECT_EQ(number_of_segment(segment_name(number)), number);
  }
  for (auto const* const name : {"segment-7", "segment-0000000x", "segment-", "lock", "segment-00000007.new", ""}) {
    EXPECT_EQ(number_of_segment(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace landfall
