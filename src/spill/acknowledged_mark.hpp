#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/spill/spill_storage.hpp>

namespace landfall {

// What was acknowledged is known beside the segments, too: a segment that lost its end looks like one that was never
// longer, and a folder that lost its newest segment like one that never had it.
//
//   <directory>/landfall-resume/acknowledged       two slots of mark_slot_bytes
//   <directory>/landfall-resume/acknowledged.new   one that is being made
//
//   Slot   0 magic "lfmark1\n"   8 sequence (8)   16 segment (8)   24 its nonce (8)   32 end (8)   40 last frame (8)
//         48 checksum of its header (8)   56 batches (8)   64 records (8)   72 listed batches (8)
//         80 of each listed batch: id (8), its part (8), stream index (8), first number (8), record count (8),
//            size of the stream's name (8), the name
//            then checksum of all before it (8)
//
// The slot with the higher sequence counts; the other one is written next. So a write that is torn leaves the last
// mark. A mark is synced before anybody is told what it says, and after the frames that it is about. What follows:
//
//   1. What lies before `end` of `segment` was whole once. If it is not now, it was damaged, not torn.
//   2. A segment with a higher number was made by who knew all of it: its snapshot tells it.
//   3. The file is there before the first segment is, and until the last one is gone for good.

constexpr std::size_t mark_slot_bytes = 4096;

/// Where the acknowledged frames of a folder end, and which acknowledged records waited there.
struct AcknowledgedMark {
  AcknowledgedMark() = default;

  struct Batch {
    Batch() = default;
    BatchId id;
    std::size_t stream_index = 0;  ///< in the catalog
    RecordNumber first_number = 0;
    std::uint64_t record_count = 0;  ///< acknowledged ones
    std::string stream;              ///< its name, for messages; a long one is cut
    RecordNumber end_number() const noexcept { return first_number + record_count; }
  };

  std::uint64_t segment = 0;  ///< 0: nothing that is acknowledged waits in any
  std::uint64_t nonce = 0;
  std::uint64_t end = 0;                  ///< length of the segment up to its last acknowledged frame, with that one
  std::uint64_t last_frame = 0;           ///< where that one begins
  std::uint64_t last_frame_checksum = 0;  ///< of its header
  std::uint64_t batch_count = 0;          ///< with acknowledged records, not released
  std::uint64_t record_count = 0;         ///< acknowledged ones of these
  std::vector<Batch> batches;             ///< of these the newest, as many as fit; the newest one first
};

std::string encode(AcknowledgedMark const& mark, std::uint64_t sequence);  ///< at most mark_slot_bytes

struct DecodedMark {
  DecodedMark() = default;
  std::uint64_t sequence = 0;
  AcknowledgedMark mark;
};
std::optional<DecodedMark> decode_mark(std::string_view slot);

/// The file of a folder that holds the mark.
///
/// Threads:  one at a time; every function may block.
/// Lifetime: the storage outlives it.
class AcknowledgedFile {
 public:
  static constexpr std::string_view name = "acknowledged";
  static constexpr std::string_view new_name = "acknowledged.new";

  AcknowledgedFile(SpillStorage& storage, std::string folder) : storage_(storage), folder_(std::move(folder)) {}

  /// Durable when it returns. After an error the mark is either this one or the last.
  void blocking_write(AcknowledgedMark const& mark);

  /// Of the last mark that blocking_write() has written.
  std::uint64_t segment() const noexcept { return segment_; }

  struct Found {
    Found() = default;
    bool exists = false;
    std::uint64_t sequence = 0;
    std::optional<AcknowledgedMark> mark;  ///< empty when the file is not as it was written
  };
  static Found blocking_read(SpillStorage& storage, std::string const& folder);

 private:
  void blocking_make(AcknowledgedMark const& mark);
  bool blocking_adopt();

  SpillStorage& storage_;
  std::string folder_;
  std::unique_ptr<SpillFile> file_;  // null: the next mark needs a new one
  std::uint64_t sequence_ = 0;
  std::uint64_t segment_ = 0;
  bool sync_has_failed_ = false;
};

}  // namespace landfall
