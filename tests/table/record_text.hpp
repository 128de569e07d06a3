#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/block.hpp>

namespace landfall {

/// A record as it lies in a block, with nothing readable behind what a block promises. Must outlive what is read of it.
class RecordText {
 public:
  explicit RecordText(std::string_view data, std::string_view meta = "", RecordNumber number = 0)
      : block_(std::make_shared<Block>(data.size(), Reservation())),
        meta_(std::make_unique<char[]>(meta.size())),
        number_(number) {
    std::memcpy(block_->data(), data.data(), data.size());
    // What comes next in a block is the rest of the line; whatever it is, it must not matter.
    for (std::size_t i = 0; i < Block::padding; ++i) block_->data()[data.size() + i] = "\"}],1x\\{"[i % 8];
    if (!meta.empty()) std::memcpy(meta_.get(), meta.data(), meta.size());
    slice_.data = block_->data();
    slice_.data_size = static_cast<std::uint32_t>(data.size());
    slice_.meta = meta.empty() ? nullptr : meta_.get();
    slice_.meta_size = static_cast<std::uint32_t>(meta.size());
  }

  Record record() const noexcept { return Record(slice_, number_); }
  std::string_view data() const noexcept { return record().data(); }

 private:
  std::shared_ptr<Block> block_;
  std::unique_ptr<char[]> meta_;
  RecordSlice slice_;
  RecordNumber number_;
};

}  // namespace landfall
