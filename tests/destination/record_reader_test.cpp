#include <landfall/destination/record_reader.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

static_assert(Block::padding >= simdjson::SIMDJSON_PADDING);

/// Records that lie in one block, as they come from the reader.
RecordBatch batch_of(std::vector<std::string_view> const& records) {
  std::size_t size = 0;
  for (auto const& record : records) size += record.size();
  auto shared = std::make_shared<RecordBlock>();
  shared->block = std::make_shared<Block>(size, Reservation());
  char* place = shared->block->data();
  for (auto const& record : records) {
    std::memcpy(place, record.data(), record.size());
    RecordSlice slice;
    slice.data = place;
    slice.data_size = static_cast<std::uint32_t>(record.size());
    shared->slices.push_back(slice);
    place += record.size();
  }
  auto stream = std::make_shared<DestinationStream>();
  stream->descriptor = StreamDescriptor("users");
  RecordBatch batch(std::move(stream), BatchId(1));
  RecordRun run;
  run.block = std::move(shared);
  run.end = static_cast<std::uint32_t>(records.size());
  run.bytes = size;
  batch.append(std::move(run));
  return batch;
}

TEST(RecordReader, GivesTypedAccessToEveryRecordOfABatchInAnyOrderOfFields) {
  auto const batch = batch_of({R"({"id":1,"name":"A\u00e9"})", R"({"name":"B","id":2})"});
  RecordReader reader;
  std::vector<std::int64_t> ids;
  std::vector<std::string> names;
  for (Record const record : batch) {
    auto object = reader.read(record);
    ids.push_back(object["id"].get_int64());
    names.emplace_back(std::string_view(object["name"]));
  }
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(names, (std::vector<std::string>{"A\xc3\xa9", "B"}));
}

TEST(RecordReader, WhatIsNoObjectIsAnErrorThatNamesTheRecord) {
  auto const batch = batch_of({R"({"id":1})", R"([1])"});
  RecordReader reader;
  auto record = batch.begin();
  ++record;
  try {
    reader.read(*record);
    FAIL();
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("record 1"), std::string::npos);
  }
}

}  // namespace
}  // namespace landfall
