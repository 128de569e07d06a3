#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <landfall/destination/record_batch.hpp>

namespace landfall {

/// A record of a test: its data, and when it was extracted.
struct SentRecord {
  std::string data;
  std::int64_t extracted_at_ms = 1;
};

/// The records, numbered from `first`, as they come from the reader.
inline RecordBatch batch_of(std::vector<SentRecord> const& sent, std::shared_ptr<DestinationStream const> stream,
                            BatchId id, RecordNumber first = 0) {
  std::string text;
  for (SentRecord const& one : sent) text += one.data;
  auto const block = std::make_shared<Block>(std::max<std::size_t>(text.size(), 1), Reservation());
  std::ranges::copy(text, block->data());
  auto const records = std::make_shared<RecordBlock>();
  records->block = block;
  RecordRun run;
  char const* at = block->data();
  for (SentRecord const& one : sent) {
    RecordSlice slice;
    slice.data = at;
    slice.data_size = static_cast<std::uint32_t>(one.data.size());
    slice.emitted_at_ms = one.extracted_at_ms;
    records->slices.push_back(slice);
    at += one.data.size();
    run.bytes += one.data.size();
  }
  run.block = records;
  run.end = static_cast<std::uint32_t>(sent.size());
  run.first_number = first;
  RecordBatch batch(std::move(stream), id);
  batch.append(std::move(run));
  return batch;
}

}  // namespace landfall
