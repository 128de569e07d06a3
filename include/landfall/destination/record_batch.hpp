#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/block.hpp>

namespace landfall {

/// The place of a record in its stream: 0 for the first one read, in the order read.
using RecordNumber = std::uint64_t;

/// Identifies a batch within a sync: the same over retries. With spill.resume, over all processes: then ids are times
/// of day in microseconds; without, each process counts from 1.
struct BatchId {
  constexpr BatchId() = default;
  constexpr explicit BatchId(std::uint64_t batch_number, std::uint64_t batch_part = 0)
      : value(batch_number), part(batch_part) {}

  /// The ids of its halves, for a batch that is offered in parts: the same ones each time.
  constexpr BatchId first_half() const noexcept { return BatchId(value, 2 * part + 1); }
  constexpr BatchId second_half() const noexcept { return BatchId(value, 2 * part + 2); }

  static constexpr std::uint64_t first_over_processes = std::uint64_t{1} << 40;  // twelve days after the epoch
  constexpr bool is_unique_over_processes() const noexcept { return value >= first_over_processes; }

  std::uint64_t value = 0;
  std::uint64_t part = 0;  ///< 0: the whole batch
  friend auto operator<=>(BatchId const&, BatchId const&) = default;
};

/// "7", or "7.2" for a part.
std::string to_string(BatchId const& id);

/// Where a record lies in its block. Sizes in bytes. Of an unreadable record data_size is 0, which no other record has,
/// and `meta` is why it is that, a line end, and its line.
struct RecordSlice {
  char const* data = nullptr;  ///< the `data` object, from { to }
  char const* meta = nullptr;  ///< the `meta` object, or null
  std::uint32_t data_size = 0;
  std::uint32_t meta_size = 0;
  std::int64_t emitted_at_ms = 0;  ///< since the epoch
};

/// The records of one input block, grouped by stream; shared by the batches they end up in.
struct RecordBlock {
  std::shared_ptr<Block> block;
  std::vector<RecordSlice> slices;
  std::vector<std::unique_ptr<char[]>> texts;  ///< what of the slices does not lie in the block, which accounts for it
};

/// Neighbours of one stream in one block.
struct RecordRun {
  std::shared_ptr<RecordBlock const> block;
  std::uint32_t begin = 0;  ///< indexes into block->slices
  std::uint32_t end = 0;
  RecordNumber first_number = 0;  ///< of slices[begin]
  std::uint64_t bytes = 0;        ///< of the `data` and `meta` of all

  std::uint32_t size() const noexcept { return end - begin; }

  /// Becomes one run with `next`, where they lie together: true then.
  bool join(RecordRun const& next) noexcept;
};

/// One record, valid while its RecordBatch lives. Cheap to copy.
class Record {
 public:
  Record(RecordSlice const& slice, RecordNumber number) noexcept : slice_(&slice), number_(number) {}

  /// The record's own JSON object, exactly as it came, but for lone surrogates (\ud83d without its other half): they
  /// are \ufffd, and meta() says so. At least Block::padding bytes behind it may be read.
  std::string_view data() const noexcept { return {slice_->data, slice_->data_size}; }

  /// The `meta` object as it came, with an entry in its `changes` for each top-level member of data() in which a lone
  /// surrogate was replaced; empty when there is none.
  std::string_view meta() const noexcept { return {slice_->meta, slice_->meta_size}; }

  /// When the source read it (becomes _airbyte_extracted_at).
  std::chrono::sys_time<std::chrono::milliseconds> emitted_at() const noexcept {
    return std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(slice_->emitted_at_ms));
  }

  RecordNumber number() const noexcept { return number_; }

  /// It is a line that begins as a record and could not be read as one; see line(). A RejectSink sees such records, no
  /// loader does.
  bool is_unreadable() const noexcept { return slice_->data_size == 0 && slice_->meta_size > 0; }

  /// Of an unreadable record: why, and the line as it came.
  std::string_view why_unreadable() const noexcept { return text().substr(0, text().find('\n')); }
  std::string_view line() const noexcept { return text().substr(text().find('\n') + 1); }

 private:
  std::string_view text() const noexcept { return {slice_->meta, slice_->meta_size}; }

  RecordSlice const* slice_;
  RecordNumber number_;
};

/// Records of one stream, in the order read: the unit that moves. Without a gap, but for records that were rejected.
///
/// Lifetime: holds the input blocks its records lie in; they are freed with the last batch that needs them. Must be
/// gone
///           when the sync ends: nothing of it may stay in a Destination.
/// Threads:  a value; reading from several threads is fine.
class RecordBatch {
 public:
  class Iterator {
   public:
    using value_type = Record;
    using reference = Record;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;

    Iterator() = default;
    Record operator*() const noexcept {
      return Record(run_->block->slices[index_], run_->first_number + (index_ - run_->begin));
    }
    Iterator& operator++() noexcept {
      if (++index_ == run_->end) {
        ++run_;
        index_ = run_ == last_ ? 0 : run_->begin;
      }
      return *this;
    }
    Iterator operator++(int) noexcept {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(Iterator const& a, Iterator const& b) noexcept {
      return a.run_ == b.run_ && a.index_ == b.index_;
    }

   private:
    friend class RecordBatch;
    Iterator(RecordRun const* run, RecordRun const* last) noexcept
        : run_(run), last_(last), index_(run == last ? 0 : run->begin) {}
    RecordRun const* run_ = nullptr;
    RecordRun const* last_ = nullptr;
    std::uint32_t index_ = 0;
  };

  RecordBatch() = default;
  RecordBatch(RecordBatch const&) = default;
  RecordBatch& operator=(RecordBatch const&) = default;
  /// A batch that was moved from is empty, as after clear(): it still knows its stream.
  RecordBatch(RecordBatch&& other) noexcept
      : stream_(other.stream_),
        id_(other.id_),
        kept_(std::exchange(other.kept_, nullptr)),
        runs_(std::exchange(other.runs_, {})),
        size_(std::exchange(other.size_, 0)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  RecordBatch& operator=(RecordBatch&& other) noexcept {
    stream_ = other.stream_;
    id_ = other.id_;
    runs_ = std::exchange(other.runs_, {});  // first: as in the destructor, what is kept goes after the blocks
    kept_ = std::exchange(other.kept_, nullptr);
    size_ = std::exchange(other.size_, 0);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  RecordBatch(std::shared_ptr<DestinationStream const> stream, BatchId id);

  /// Appends what was read next. Asserts that no number is missing and that the run is not empty.
  void append(RecordRun run);

  /// Something that lives until the records of this batch, of its copies and of its parts are gone.
  void keep(std::shared_ptr<void const> thing) noexcept { kept_ = std::move(thing); }

  /// Forgets the records and frees their blocks; stream() and id() stay.
  void clear() noexcept;

  /// A batch of the same id without these records. Numbers that it does not hold change nothing.
  RecordBatch without(std::vector<RecordNumber> const& numbers) const;

  /// Its halves, with ids of their own. Asserts that it has two records or more.
  std::pair<RecordBatch, RecordBatch> halves() const;

  /// Asserts that there is one: not in a default constructed batch.
  DestinationStream const& stream() const noexcept {
    LANDFALL_ASSERT(stream_ != nullptr);
    return *stream_;
  }
  BatchId id() const noexcept { return id_; }

  /// Numbers of its records: first_number() <= number < end_number().
  RecordNumber first_number() const noexcept { return runs_.empty() ? 0 : runs_.front().first_number; }
  RecordNumber end_number() const noexcept {
    return runs_.empty() ? 0 : runs_.back().first_number + runs_.back().size();
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Of the `data` and `meta` of all records.
  std::uint64_t bytes() const noexcept { return bytes_; }

  Iterator begin() const noexcept { return Iterator(runs_.data(), runs_.data() + runs_.size()); }
  Iterator end() const noexcept { return Iterator(runs_.data() + runs_.size(), runs_.data() + runs_.size()); }

 private:
  void add(RecordRun run);

  std::shared_ptr<DestinationStream const> stream_;
  BatchId id_;
  std::shared_ptr<void const> kept_;  // before the blocks are freed it is still there
  std::vector<RecordRun> runs_;
  std::size_t size_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace landfall
