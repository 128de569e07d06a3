#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <xxhash.h>

#include "input.hpp"
#include "row_files.hpp"
#include "system.hpp"

namespace landfall::limits {

/// Records on their way over the disk: batches of 4 MiB, each written as one frame, read back, and checked.
class SpillFile {
 public:
  static constexpr std::size_t batch_bytes = 4 << 20;

  SpillFile(std::string const& folder, bool sync_each_frame)
      : file_(folder + "/spilled", O_RDWR | O_CREAT | O_TRUNC), sync_(sync_each_frame) {}

  /// `on_record(data)` for each record of `batch`, as it came back from the file.
  template <class OnRecord>
  void pass(std::string_view batch, OnRecord const& on_record) {
    FrameHead const head{batch.size(), XXH3_64bits(batch.data(), batch.size())};
    file_.write({reinterpret_cast<char const*>(&head), sizeof head});
    file_.write(batch);
    if (sync_) file_.sync_data();

    FrameHead head_back{};
    file_.read_at({reinterpret_cast<char*>(&head_back), sizeof head_back}, offset_);
    frame_.resize(head_back.bytes);
    file_.read_at(frame_, offset_ + sizeof head_back);
    offset_ += sizeof head_back + frame_.size();
    if (XXH3_64bits(frame_.data(), frame_.size()) != head_back.hash) throw std::runtime_error("a broken frame");
    for (std::size_t at = 0; at < frame_.size();) {
      RecordHead record;
      std::memcpy(&record, frame_.data() + at, sizeof record);
      on_record(std::string_view(frame_.data() + at + sizeof record, record.data_bytes));
      at += sizeof record + record.data_bytes;
    }
  }

  /// Puts a record behind those of a batch.
  static void append(std::string& batch, Record const& record) {
    RecordHead const head{record.emitted_at_ms, record.data.size()};
    batch.append(reinterpret_cast<char const*>(&head), sizeof head);
    batch += record.data;
  }

 private:
  struct FrameHead {
    std::uint64_t bytes;
    std::uint64_t hash;
  };
  struct RecordHead {
    std::int64_t emitted_at_ms;
    std::uint64_t data_bytes;
  };

  File file_;
  bool sync_;
  std::string frame_;
  std::size_t offset_ = 0;  // of the next frame
};

/// Stdin to row files, each batch by way of the spill file.
inline void spill(RowFiles& files, std::string const& folder, bool sync_each_frame) {
  struct Batch {
    explicit Batch(RowFile& row_file) : rows(row_file) { records.reserve(SpillFile::batch_bytes + (64 << 10)); }
    RowFile& rows;
    std::string records;
  };
  ByStream<Batch> batches;
  SpillFile spill_file(folder, sync_each_frame);
  auto const pass = [&](Batch& batch) {
    spill_file.pass(batch.records, [&](std::string_view data) {
      batch.rows.row() += data;
      batch.rows.end_row();
    });
    batch.records.clear();
  };
  auto const make = [&](std::string_view stream) { return std::make_unique<Batch>(files.find(stream)); };
  for_each_record([&](Record const& record) {
    Batch& batch = batches.find(record.stream, make);
    SpillFile::append(batch.records, record);
    if (batch.records.size() >= SpillFile::batch_bytes) pass(batch);
  });
  batches.for_each(pass);
}

}  // namespace landfall::limits
