#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>

namespace jsonl {

/// What a line of a file holds.
enum class RecordFormat {
  airbyte,  ///< the record as _airbyte_data, and the four columns about it
  data,     ///< the record's own JSON, byte for byte
};

using Milliseconds = std::chrono::sys_time<std::chrono::milliseconds>;

/// Gathers small pieces and hands them on in large ones; a piece larger than itself goes through uncopied.
class RowBuffer {
 public:
  using Drain = std::function<void(std::string_view bytes)>;

  RowBuffer(std::size_t capacity, Drain drain);

  void append(std::string_view piece) {
    if (piece.size() > capacity_ - size_) return append_large(piece);
    std::memcpy(bytes_.get() + size_, piece.data(), piece.size());
    size_ += piece.size();
  }

  /// What is left. Must be called at the end: the destructor throws it away.
  void flush();

 private:
  void append_large(std::string_view piece);

  std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  Drain drain_;
};

/// Makes UUIDs of version 7 (RFC 9562): each one greater than the one before, as text and as number.
///
/// Layout: 48 bits of milliseconds, 32 bits of a counter within the millisecond, 42 random bits.
class RawIds {
 public:
  static constexpr std::size_t text_size = 36;

  explicit RawIds(std::uint64_t seed) noexcept : random_(seed) {}

  /// Ids made from here on carry this time, unless earlier ones carry a later one.
  void set_time(Milliseconds now) noexcept;

  /// Writes text_size characters.
  void write_next(char* text) noexcept;

 private:
  std::uint64_t random_;
  std::uint64_t time_ms_ = 0;
  std::uint32_t counter_ = 0;
};

/// The array `changes` of a record's `meta`; "[]" when there is none. `meta` is empty or valid JSON.
std::string_view changes_of(std::string_view meta);

/// Turns records of one stream into lines. No memory per record, unless its year is beyond 0 to 9999.
///
/// Threads: one at a time.
class RecordFormatter {
 public:
  /// `seed`: of the random part of _airbyte_raw_id.
  RecordFormatter(RecordFormat format, landfall::DestinationStream const& stream, std::uint64_t seed);

  void write(landfall::RecordBatch const& records, Milliseconds now, RowBuffer& out);

 private:
  void write_airbyte(landfall::Record const& record, RowBuffer& out);
  void set_time(std::int64_t since_epoch_ms);

  RecordFormat format_;
  RawIds raw_ids_;
  std::string head_;             ///< up to `changes`; its id and its time are written over for each record
  std::string tail_;             ///< from behind `changes` to the data
  bool has_usual_time_ = false;  ///< the time in head_ has the usual number of digits
  std::string before_time_, after_time_;
};

}  // namespace jsonl
