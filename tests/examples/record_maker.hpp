#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>

/// Makes records of one stream, as the library hands them to a loader. Outlives its batches.
class RecordMaker {
 public:
  explicit RecordMaker(landfall::DestinationStream stream)
      : stream_(std::make_shared<landfall::DestinationStream const>(std::move(stream))) {}

  void add(std::string data, std::int64_t emitted_at_ms = 0, std::string meta = "") {
    landfall::RecordSlice slice;
    auto const& kept_data = texts_.emplace_back(std::move(data));
    slice.data = kept_data.data();
    slice.data_size = static_cast<std::uint32_t>(kept_data.size());
    if (!meta.empty()) {
      auto const& kept_meta = texts_.emplace_back(std::move(meta));
      slice.meta = kept_meta.data();
      slice.meta_size = static_cast<std::uint32_t>(kept_meta.size());
    }
    slice.emitted_at_ms = emitted_at_ms;
    bytes_ += slice.data_size + slice.meta_size;
    slices_.push_back(slice);
  }

  /// All records added since the last batch; at least one.
  landfall::RecordBatch batch() {
    auto block = std::make_shared<landfall::RecordBlock>();
    block->slices = std::exchange(slices_, {});
    landfall::RecordRun run;
    run.end = static_cast<std::uint32_t>(block->slices.size());
    run.first_number = next_number_;
    run.bytes = std::exchange(bytes_, 0);
    run.block = std::move(block);
    next_number_ += run.size();
    landfall::RecordBatch batch(stream_, landfall::BatchId(next_batch_++));
    batch.append(std::move(run));
    return batch;
  }

  landfall::RecordBatch batch_of(std::vector<std::string> const& rows) {
    for (auto const& row : rows) add(row);
    return batch();
  }

  landfall::DestinationStream const& stream() const { return *stream_; }

 private:
  std::shared_ptr<landfall::DestinationStream const> stream_;
  std::deque<std::string> texts_;
  std::vector<landfall::RecordSlice> slices_;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t next_batch_ = 1;
};
