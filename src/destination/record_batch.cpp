#include <landfall/destination/record_batch.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

/// The records of `run` from index `begin` to `end` of its block.
RecordRun part_of(RecordRun const& run, std::uint32_t begin, std::uint32_t end) {
  RecordRun part = run;
  part.begin = begin;
  part.end = end;
  part.first_number = run.first_number + (begin - run.begin);
  part.bytes = 0;
  for (std::uint32_t i = begin; i < end; ++i) {
    part.bytes += std::uint64_t{run.block->slices[i].data_size} + run.block->slices[i].meta_size;
  }
  return part;
}

}  // namespace

std::string to_string(BatchId const& id) {
  return id.part == 0 ? fmt::format("{}", id.value) : fmt::format("{}.{}", id.value, id.part);
}

bool RecordRun::join(RecordRun const& next) noexcept {
  bool const goes_on = block == next.block && end == next.begin && first_number + size() == next.first_number;
  if (!goes_on) return false;
  end = next.end;
  bytes += next.bytes;
  return true;
}

RecordBatch::RecordBatch(std::shared_ptr<DestinationStream const> stream, BatchId id)
    : stream_(std::move(stream)), id_(id) {
  LANDFALL_ASSERT(stream_ != nullptr);
}

void RecordBatch::append(RecordRun run) {
  LANDFALL_ASSERT(empty() || run.first_number == end_number());
  add(std::move(run));
}

void RecordBatch::add(RecordRun run) {
  LANDFALL_ASSERT(run.block != nullptr);
  LANDFALL_ASSERT(run.begin < run.end);
  LANDFALL_ASSERT(run.end <= run.block->slices.size());
  LANDFALL_ASSERT(empty() || run.first_number >= end_number());
  size_ += run.size();
  bytes_ += run.bytes;
  if (runs_.empty() || !runs_.back().join(run)) runs_.push_back(std::move(run));
}

RecordBatch RecordBatch::without(std::vector<RecordNumber> const& numbers) const {
  std::vector<RecordNumber> left_out = numbers;
  std::sort(left_out.begin(), left_out.end());
  RecordBatch rest(stream_, id_);
  rest.kept_ = kept_;
  for (RecordRun const& run : runs_) {
    std::uint32_t begin = run.begin;
    auto number = std::lower_bound(left_out.begin(), left_out.end(), run.first_number);
    for (; number != left_out.end() && *number < run.first_number + run.size(); ++number) {
      auto const at = run.begin + static_cast<std::uint32_t>(*number - run.first_number);
      if (at > begin) rest.add(part_of(run, begin, at));
      begin = std::max(begin, at + 1);
    }
    if (begin == run.begin) {
      rest.add(run);
    } else if (begin < run.end) {
      rest.add(part_of(run, begin, run.end));
    }
  }
  if (rest.empty()) rest.kept_.reset();
  return rest;
}

std::pair<RecordBatch, RecordBatch> RecordBatch::halves() const {
  LANDFALL_ASSERT(size_ >= 2);
  std::pair<RecordBatch, RecordBatch> halves(RecordBatch(stream_, id_.first_half()),
                                             RecordBatch(stream_, id_.second_half()));
  halves.first.kept_ = halves.second.kept_ = kept_;
  std::size_t missing = size_ / 2;
  for (RecordRun const& run : runs_) {
    auto const taken = static_cast<std::uint32_t>(std::min<std::size_t>(missing, run.size()));
    missing -= taken;
    if (taken == run.size()) {
      halves.first.add(run);
    } else if (taken == 0) {
      halves.second.add(run);
    } else {
      halves.first.add(part_of(run, run.begin, run.begin + taken));
      halves.second.add(part_of(run, run.begin + taken, run.end));
    }
  }
  LANDFALL_ASSERT(halves.first.size() + halves.second.size() == size_);
  return halves;
}

void RecordBatch::clear() noexcept {
  std::vector<RecordRun>().swap(runs_);  // gives the blocks and the table back, not only its content
  kept_.reset();
  size_ = 0;
  bytes_ = 0;
}

}  // namespace landfall
