#include <landfall/destination/record_batch.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

constexpr std::string_view texts[] = {"{\"a\":0}", "{\"a\":1}", "{\"a\":22}", "{\"a\":3}", "{\"a\":4}", "{\"a\":555}"};
constexpr std::size_t text_count = std::size(texts);
constexpr std::string_view meta = "{\"changes\":[]}";

std::shared_ptr<DestinationStream const> users() {
  auto stream = std::make_shared<DestinationStream>();
  stream->descriptor = StreamDescriptor("users");
  return stream;
}

RecordSlice slice(std::string_view data, std::int64_t emitted_at_ms = 0, std::string_view its_meta = {}) {
  RecordSlice result;
  result.data = data.data();
  result.data_size = static_cast<std::uint32_t>(data.size());
  result.meta = its_meta.data();
  result.meta_size = static_cast<std::uint32_t>(its_meta.size());
  result.emitted_at_ms = emitted_at_ms;
  return result;
}

/// Records `begin` to `end` of `texts` in a block of their own, behind a slice of some other stream.
RecordRun run_of(std::size_t begin, std::size_t end, RecordNumber first_number) {
  auto block = std::make_shared<RecordBlock>();
  block->slices.push_back(slice("{\"other\":true}"));
  RecordRun run;
  for (std::size_t i = begin; i < end; ++i) {
    block->slices.push_back(slice(texts[i], static_cast<std::int64_t>(1000 + i)));
    run.bytes += texts[i].size();
  }
  run.begin = 1;
  run.end = static_cast<std::uint32_t>(block->slices.size());
  run.first_number = first_number;
  run.block = std::move(block);
  return run;
}

std::vector<std::string> data_of(RecordBatch const& batch) {
  std::vector<std::string> all;
  for (Record const record : batch) all.emplace_back(record.data());
  return all;
}

TEST(RecordBatch, WithoutARunHasNothing) {
  RecordBatch const batch(users(), BatchId(7));
  EXPECT_EQ(batch.id(), BatchId(7));
  EXPECT_EQ(batch.stream().descriptor.name, "users");
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_EQ(batch.bytes(), 0u);
  EXPECT_EQ(batch.first_number(), 0u);
  EXPECT_EQ(batch.end_number(), 0u);
  EXPECT_TRUE(batch.begin() == batch.end());
}

TEST(RecordBatch, SaysOfARecordWhatTheInputSaid) {
  auto block = std::make_shared<RecordBlock>();
  block->slices = {slice("{}", 1'700'000'000'123, meta), slice("{\"b\":1}")};
  RecordRun run;
  run.block = block;
  run.end = 2;
  run.first_number = 40;
  RecordBatch batch(users(), BatchId(1));
  batch.append(run);

  auto at = batch.begin();
  EXPECT_EQ((*at).data(), "{}");
  EXPECT_EQ((*at).meta(), meta);
  EXPECT_EQ((*at).emitted_at().time_since_epoch().count(), 1'700'000'000'123);
  EXPECT_EQ((*at++).number(), 40u);
  EXPECT_EQ((*at).data(), "{\"b\":1}");
  EXPECT_EQ((*at).meta(), "");
  EXPECT_EQ((*at).number(), 41u);
  EXPECT_TRUE(++at == batch.end());
}

// Each of the 32 ways to cut six records into runs.
TEST(RecordBatch, TheCutsBetweenRunsCannotBeSeen) {
  std::vector<std::string> const expected(std::begin(texts), std::end(texts));
  std::uint64_t bytes = 0;
  for (std::string_view const text : texts) bytes += text.size();

  for (unsigned cuts = 0; cuts < 1u << (text_count - 1); ++cuts) {
    SCOPED_TRACE(cuts);
    RecordBatch batch(users(), BatchId(1));
    std::size_t begin = 0;
    for (std::size_t end = 1; end <= text_count; ++end) {
      if (end < text_count && (cuts >> (end - 1) & 1) == 0) continue;
      batch.append(run_of(begin, end, 100 + begin));
      begin = end;
    }
    EXPECT_EQ(batch.size(), text_count);
    EXPECT_EQ(batch.bytes(), bytes);
    EXPECT_EQ(batch.first_number(), 100u);
    EXPECT_EQ(batch.end_number(), 106u);
    EXPECT_EQ(data_of(batch), expected);
    RecordNumber number = 100;
    for (Record const record : batch) {
      EXPECT_EQ(record.emitted_at().time_since_epoch().count(), static_cast<std::int64_t>(1000 + number - 100));
      EXPECT_EQ(record.number(), number++);
    }
    EXPECT_EQ(number, batch.end_number());
  }
}

TEST(RecordBatch, HoldsItsBlocksAsLongAsItLives) {
  RecordRun run = run_of(0, 2, 0);
  std::weak_ptr<RecordBlock const> const block = run.block;
  {
    RecordBatch batch(users(), BatchId(1));
    batch.append(std::move(run));
    RecordBatch const moved = std::move(batch);
    EXPECT_FALSE(block.expired());
    EXPECT_EQ(data_of(moved).size(), 2u);
  }
  EXPECT_TRUE(block.expired());
}

TEST(RecordBatch, ClearFreesTheRecordsAndKeepsWhatItIs) {
  RecordRun run = run_of(0, 2, 10);
  std::weak_ptr<RecordBlock const> const block = run.block;
  RecordBatch batch(users(), BatchId(3));
  batch.append(std::move(run));
  batch.clear();

  EXPECT_TRUE(block.expired());
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
  EXPECT_TRUE(batch.begin() == batch.end());
  EXPECT_EQ(batch.id(), BatchId(3));
  EXPECT_EQ(batch.stream().descriptor.name, "users");
}

struct BrokenRow {
  std::string_view name;
  RecordRun second;
  char const* broken_condition;
};

TEST(RecordBatchDeathTest, RefusesWhatDoesNotFollow) {
  RecordRun empty = run_of(0, 1, 2);
  empty.end = empty.begin;
  RecordRun beyond = run_of(0, 1, 2);
  ++beyond.end;
  RecordRun without_block = run_of(0, 1, 2);
  without_block.block = nullptr;
  BrokenRow const rows[] = {
      {"a number is missing", run_of(0, 1, 3), "end_number"},
      {"a number comes twice", run_of(0, 1, 1), "end_number"},
      {"no record", empty, "run.begin < run.end"},
      {"more than the block has", beyond, "slices.size"},
      {"no block", without_block, "run.block != nullptr"},
  };
  for (BrokenRow const& row : rows) {
    SCOPED_TRACE(row.name);
    RecordBatch batch(users(), BatchId(1));
    batch.append(run_of(0, 2, 0));
    EXPECT_DEATH(batch.append(row.second), row.broken_condition);
  }
}

TEST(RecordBatchDeathTest, ADefaultConstructedBatchHasNoStream) {
  EXPECT_DEATH(RecordBatch().stream(), "stream_ != nullptr");
}

TEST(RecordBatch, ABatchThatWasMovedFromIsEmptyAndKnowsItsStream) {
  RecordBatch batch(users(), BatchId(7));
  batch.append(run_of(0, 2, 0));
  RecordBatch const taken = std::move(batch);
  EXPECT_EQ(taken.size(), 2U);
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0U);
  EXPECT_EQ(batch.begin(), batch.end());
  EXPECT_EQ(batch.stream().descriptor, StreamDescriptor("users"));
  EXPECT_EQ(batch.id(), BatchId(7));
}

/// Records 10 to 15, in two runs.
RecordBatch six_records() {
  RecordBatch batch(users(), BatchId(7));
  batch.append(run_of(0, 4, 10));
  batch.append(run_of(4, 6, 14));
  return batch;
}

TEST(RecordBatch, WithoutAnySubsetTheRestIsThereInOrder) {
  RecordBatch const batch = six_records();
  for (unsigned subset = 0; subset < (1U << text_count); ++subset) {
    SCOPED_TRACE(subset);
    std::vector<RecordNumber> numbers;
    std::vector<std::string> expected;
    std::vector<RecordNumber> expected_numbers;
    std::uint64_t bytes = 0;
    for (std::size_t i = text_count; i-- > 0;) {
      if ((subset >> i) & 1U) numbers.push_back(10 + i);
    }
    for (std::size_t i = 0; i < text_count; ++i) {
      if ((subset >> i) & 1U) continue;
      expected.emplace_back(texts[i]);
      expected_numbers.push_back(10 + i);
      bytes += texts[i].size();
    }
    RecordBatch const rest = batch.without(numbers);
    EXPECT_EQ(data_of(rest), expected);
    std::vector<RecordNumber> rest_numbers;
    for (Record const record : rest) rest_numbers.push_back(record.number());
    EXPECT_EQ(rest_numbers, expected_numbers);
    EXPECT_EQ(rest.size(), expected.size());
    EXPECT_EQ(rest.bytes(), bytes);
    EXPECT_EQ(rest.id(), batch.id());
    if (expected.empty()) continue;
    EXPECT_EQ(rest.first_number(), expected_numbers.front());
    EXPECT_EQ(rest.end_number(), expected_numbers.back() + 1);
  }
  EXPECT_EQ(batch.without({3, 99}).size(), text_count) << "numbers it does not hold change nothing";
}

TEST(RecordBatch, HalvesAreAllOfItWithIdsOfTheirOwn) {
  for (RecordBatch const& batch : {six_records(), six_records().without({11, 14}), six_records().without({10})}) {
    auto const [first, second] = batch.halves();
    EXPECT_EQ(first.size(), batch.size() / 2);
    std::vector<std::string> both = data_of(first);
    for (std::string& data : data_of(second)) both.push_back(std::move(data));
    EXPECT_EQ(both, data_of(batch));
    EXPECT_EQ(first.bytes() + second.bytes(), batch.bytes());
    EXPECT_LT(first.end_number(), second.end_number());
    EXPECT_EQ(to_string(first.id()), "7.1");
    EXPECT_EQ(to_string(second.id()), "7.2");
    EXPECT_EQ(to_string(second.halves().first.id()), "7.5");
  }
}

}  // namespace
}  // namespace landfall
