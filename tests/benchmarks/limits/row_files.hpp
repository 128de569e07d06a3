#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "system.hpp"

namespace landfall::limits {

/// One of something for each stream, found by name: at once when it is the stream of the last call.
template <class Value>
class ByStream {
 public:
  /// `make(name)` gives the std::unique_ptr<Value> of a new stream.
  template <class Make>
  Value& find(std::string_view name, Make const& make) {
    if (last_ != nullptr && name == last_name_) return *last_;
    auto found = values_.find(std::string(name));
    if (found == values_.end()) found = values_.emplace(name, make(name)).first;
    last_name_ = found->first;
    last_ = found->second.get();
    return *last_;
  }

  template <class Function>
  void for_each(Function const& function) {
    for (auto& [name, value] : values_) function(*value);
  }

 private:
  std::unordered_map<std::string, std::unique_ptr<Value>> values_;
  std::string_view last_name_;
  Value* last_ = nullptr;
};

/// The rows of one stream, written in pieces.
class RowFile {
 public:
  explicit RowFile(std::string const& path) : file_(path, O_WRONLY | O_CREAT | O_TRUNC) {
    rows_.reserve(piece_bytes + (64 << 10));
  }

  /// Where the next row is put together; ended by end_row().
  std::string& row() noexcept { return rows_; }

  void end_row() {
    rows_ += '\n';
    if (rows_.size() >= piece_bytes) flush();
  }

  void flush() {
    file_.write(rows_);
    rows_.clear();
  }

  void sync() { file_.sync_data(); }

 private:
  static constexpr std::size_t piece_bytes = 256 << 10;

  File file_;
  std::string rows_;
};

/// STREAM.jsonl for each stream, in one folder.
class RowFiles {
 public:
  explicit RowFiles(std::string folder) : folder_(std::move(folder)) { std::filesystem::create_directories(folder_); }

  RowFile& find(std::string_view stream) {
    return files_.find(stream, [this](std::string_view name) {
      return std::make_unique<RowFile>(folder_ + '/' + std::string(name) + ".jsonl");
    });
  }

  /// Writes what is left, and waits for the disk if `sync` says so.
  void finish(bool sync) {
    files_.for_each([sync](RowFile& file) {
      file.flush();
      if (sync) file.sync();
    });
  }

 private:
  std::string folder_;
  ByStream<RowFile> files_;
};

}  // namespace landfall::limits
