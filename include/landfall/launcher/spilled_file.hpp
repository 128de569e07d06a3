#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <landfall/destination/record_batch.hpp>
#include <landfall/spill/spilled_records.hpp>
#include <landfall/state/stream_manager.hpp>

namespace landfall {

/// A closed batch that waits for its turn: in memory, or on disk. Move-only.
class WaitingBatch {
 public:
  WaitingBatch() = default;
  /// `spilled`, when it is set: where the records are; `records` is empty then.
  explicit WaitingBatch(RecordBatch records, std::unique_ptr<SpilledRecords> spilled = nullptr)
      : records_(std::move(records)), spilled_(std::move(spilled)) {}

  bool on_disk() const noexcept { return spilled_ != nullptr; }
  bool empty() const noexcept { return !on_disk() && records_.empty(); }
  RecordNumber end_number() const noexcept {
    return on_disk() ? spilled_->batch().end_number() : records_.end_number();
  }
  RecordNumber first_number() const noexcept {
    return on_disk() ? spilled_->batch().first_number : records_.first_number();
  }
  std::uint64_t bytes() const noexcept { return on_disk() ? spilled_->batch().bytes : records_.bytes(); }

  /// Null: they are in memory.
  SpilledRecords* spilled() const noexcept { return spilled_.get(); }

  RecordBatch take_records() noexcept { return std::move(records_); }
  std::unique_ptr<SpilledRecords> take_spilled() noexcept { return std::move(spilled_); }

 private:
  RecordBatch records_;
  std::unique_ptr<SpilledRecords> spilled_;
};

/// What a SpillToDiskTask has accumulated.
struct SpilledFile {
  SpilledFile() = default;
  explicit SpilledFile(RecordBatch batch, std::optional<EndOfStream> end_of_stream = std::nullopt)
      : records(std::move(batch)), end(end_of_stream) {}

  WaitingBatch records;            ///< may be empty at the end of the stream
  std::optional<EndOfStream> end;  ///< set in the last one of a stream
};

}  // namespace landfall
