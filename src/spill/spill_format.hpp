#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/spill/spilled_batch.hpp>

namespace landfall {

// What lies on disk. All numbers are little-endian; all sizes are in bytes.
//
//   <directory>/landfall-spill-<16 hex digits>/   one for each store without resume; waste when its lock is free
//   <directory>/landfall-resume/                  the one with resume
//       lock                    held by the process that uses the folder; among others' files it says that it is ours
//       segment-<number>        a segment: SegmentHeader, then frames without a gap
//       segment-<number>.new    one that is being made; with resume only
//       acknowledged            with resume only, since version 2: see acknowledged_mark.hpp
//
//   SegmentHeader   0 magic "lfspill\n"   8 version (4)   12 zero (4)   16 number (8)   24 nonce (8)   32 checksum (8)
//   FrameHeader     0 kind (4)   4 stream index (4)   8 offset in the file (8)   16 batch id (8)   24 its part (8)
//                  32 first number (8)   40 record count (8)   48 table size (8)   56 content size (8)
//                  64 checksum of table and content (8)   72 synced end (8)   80 checksum of the header (8)
//   Frame           FrameHeader, table, content
//
// A frame is whole when its offset is where it lies and both checksums hold (XXH3, 64 bits). The checksum of the header
// is seeded with the nonce of its segment, a number drawn when the segment was made: what some other file left in the
// same place of the disk, or what looks like a frame inside of a record, never passes for one.
//
//   kind           table                                                 content
//   batch          data size (4), meta size (4), emitted at (8): each    `data` and `meta` of each record, one behind
//                  record                                                the other
//   snapshot       -                                                     Snapshot: see encode(Snapshot)
//   acknowledged   -                                                     stream index (8), position (8), for each
//   released       -                                                     segment (8), offset (8), for each batch
//
// Without resume there are only batches, and nothing is ever read again after a crash.
//
// With resume, the segment with the highest number tells everything: its first frame is a snapshot of what was true
// when it was made, the frames behind it tell what happened since, in that order. What follows from how it is written:
//
//   1. A segment gets its name only when header and snapshot are synced, and a frame only when its name is synced. So a
//      segment without a whole snapshot is no torn one but a damaged one.
//   2. Frames are appended in order and synced before anybody is told. So what was told lies before the first frame
//   that
//      is not whole; all behind that was told to nobody. After a failed sync nothing is appended to that segment.
//      A frame that is not whole although a later one says that it was synced is not torn but damaged.
//   3. A segment is removed when a later one exists and each of its batches was released, with the release synced. So a
//      batch that is listed and not released is there, or somebody else has removed it.
//   4. A release says that the destination has the batch. When it is lost, the batch comes again, under the same id.
//   5. A start cuts all batches at the acknowledged positions in the snapshot that it begins with: the source sends
//      again what lies behind them, under the same numbers. Later acknowledgements are about those, not about the cut.

constexpr std::uint32_t spill_format_version = 2;
constexpr std::uint32_t version_with_mark = 2;  ///< from here on what was acknowledged is known beside the segment
constexpr std::size_t segment_header_bytes = 40;
constexpr std::size_t frame_header_bytes = 88;
constexpr std::size_t table_entry_bytes = 16;  ///< of one record

enum class FrameKind : std::uint32_t { batch = 1, snapshot = 2, acknowledged = 3, released = 4 };

/// Names one segment file, and what was drawn for it.
struct SegmentHeader {
  SegmentHeader() = default;
  SegmentHeader(std::uint64_t segment_number, std::uint64_t segment_nonce)
      : number(segment_number), nonce(segment_nonce) {}
  std::uint64_t number = 0;
  std::uint64_t nonce = 0;
  std::uint32_t version = spill_format_version;
  friend bool operator==(SegmentHeader const&, SegmentHeader const&) = default;
};

struct FrameHeader {
  FrameHeader() = default;
  FrameKind kind = FrameKind::batch;
  std::uint32_t stream_index = 0;  ///< of a batch, as all up to record_count
  std::uint64_t offset = 0;
  BatchId batch;
  RecordNumber first_number = 0;
  std::uint64_t record_count = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t content_bytes = 0;
  std::uint64_t body_checksum = 0;  ///< of table and content
  std::uint64_t synced_end = 0;     ///< up to here the file was synced when this frame was written

  std::uint64_t frame_bytes() const noexcept { return frame_header_bytes + table_bytes + content_bytes; }
  friend bool operator==(FrameHeader const&, FrameHeader const&) = default;
};

using FrameHeaderBytes = std::array<char, frame_header_bytes>;

/// A frame to be written. Its records stay where they are.
struct Frame {
  Frame() = default;
  FrameHeader header;
  std::string table;
  std::string control_content;           ///< of a frame that is no batch
  std::vector<std::string_view> slices;  ///< of a batch: neighbours in memory are one
  FrameHeaderBytes header_bytes{};       ///< set by seal()

  std::uint64_t bytes() const noexcept { return header.frame_bytes(); }

  /// It will lie at `offset` of that segment, of which so much is synced now.
  void seal(SegmentHeader const& segment, std::uint64_t offset, std::uint64_t synced_end);

  /// Of a frame that was sealed: stands for all of it, and for its place.
  std::uint64_t header_checksum() const;

  /// Appends all that is to be written, in order.
  void add_pieces_to(std::vector<std::string_view>& pieces) const;
};

/// The frame of a batch, which must outlive it. Reads every byte, for the checksum.
Frame batch_frame(RecordBatch const& batch, std::size_t stream_index);
Frame control_frame(FrameKind kind, std::string content);

std::string encode(SegmentHeader const& header);
std::optional<SegmentHeader> decode_segment_header(std::string_view bytes);

/// Empty when these bytes are no header of a frame at `offset` of that segment.
std::optional<FrameHeader> decode_frame_header(std::string_view bytes, SegmentHeader const& segment,
                                               std::uint64_t offset);

/// XXH3 of pieces one behind the other.
class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(Checksum const&) = delete;
  Checksum& operator=(Checksum const&) = delete;
  void add(std::string_view bytes);
  std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The records of a batch, whose table and content were checked, as slices into `content`. Empty when the sizes in the
/// table are not those of the content.
std::optional<std::vector<RecordSlice>> decode_table(std::string_view table, std::string_view content);

/// What is true at the beginning of a segment.
struct Snapshot {
  Snapshot() = default;
  struct Stream {
    Stream() = default;
    Stream(StreamDescriptor name, RecordNumber acknowledged) : descriptor(std::move(name)), position(acknowledged) {}
    StreamDescriptor descriptor;
    RecordNumber position = 0;               ///< the records before it were acknowledged
    std::optional<std::int64_t> generation;  ///< empty also in version 1
    friend bool operator==(Stream const&, Stream const&) = default;
  };
  struct PendingBatch {
    PendingBatch() = default;
    SpilledBatch batch;               ///< without its stream
    std::uint64_t segment_nonce = 0;  ///< of the segment it lies in
  };
  std::uint64_t catalog_fingerprint = 0;
  std::uint64_t next_batch_id = 1;
  std::vector<Stream> streams;        ///< in catalog order
  std::vector<PendingBatch> batches;  ///< written and not released
};

std::string encode(Snapshot const& snapshot, std::uint32_t version = spill_format_version);
std::optional<Snapshot> decode_snapshot(std::string_view content, std::uint32_t version = spill_format_version);

/// Content of `acknowledged` and `released` frames: pairs of numbers.
using NumberPairs = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
std::string encode(NumberPairs const& pairs);
std::optional<NumberPairs> decode_pairs(std::string_view content);

/// "segment-00000007". Empty for a name that is none.
std::string segment_name(std::uint64_t number);
std::optional<std::uint64_t> number_of_segment(std::string_view name);

}  // namespace landfall
