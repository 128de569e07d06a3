#include "spill/spill_recovery.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

Error damaged(std::string const& path, std::string_view what) {
  return system_error(
      "spill: {} is damaged ({}), and with it acknowledged records may be lost: run a full refresh of its streams, "
      "then "
      "remove the folder",
      path, what);
}

/// Reads a segment from its beginning, frame by frame.
class SegmentReader {
 public:
  SegmentReader(SpillFile& file, SegmentHeader segment)
      : file_(file), segment_(segment), size_(file.blocking_size()), offset_(segment_header_bytes) {}

  struct WholeFrame {
    WholeFrame() = default;
    FrameHeader header;
    std::string content;  ///< not of a batch
  };

  /// Empty at the first frame that is not whole.
  std::optional<WholeFrame> blocking_next() {
    WholeFrame frame;
    auto const bytes = blocking_read(offset_, frame_header_bytes);
    auto const header = decode_frame_header(bytes, segment_, offset_);
    if (!header || !fits(*header)) return std::nullopt;
    frame.header = *header;
    auto const body = offset_ + frame_header_bytes;
    if (header->kind == FrameKind::batch) {
      if (blocking_checksum(body, header->table_bytes + header->content_bytes) != header->body_checksum)
        return std::nullopt;
    } else {
      frame.content = blocking_read(body, static_cast<std::size_t>(header->content_bytes));
      Checksum checksum;
      checksum.add(frame.content);
      if (checksum.value() != header->body_checksum) return std::nullopt;
    }
    offset_ += header->frame_bytes();
    return frame;
  }

  /// A frame further behind says that the one which blocking_next() did not find whole was synced.
  bool blocking_is_damaged() {
    constexpr std::size_t part_bytes = 1 << 20;
    for (std::uint64_t begin = offset_; begin < size_; begin += part_bytes) {
      auto const part = blocking_read(begin, part_bytes + frame_header_bytes);
      for (std::size_t i = 0; i < part_bytes && i + frame_header_bytes <= part.size(); ++i) {
        auto const bytes = std::string_view(part).substr(i, frame_header_bytes);
        auto const header = decode_frame_header(bytes, segment_, begin + i);
        if (header && header->synced_end > offset_) return true;
      }
    }
    return false;
  }

 private:
  bool fits(FrameHeader const& header) const {
    auto const rest = size_ - std::min(size_, offset_ + frame_header_bytes);
    return header.table_bytes <= rest && header.content_bytes <= rest - header.table_bytes;
  }

  std::string blocking_read(std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    bytes.resize(file_.blocking_read(offset, bytes));
    return bytes;
  }

  // In parts: a batch may be larger than what should be held here.
  std::uint64_t blocking_checksum(std::uint64_t offset, std::uint64_t size) {
    constexpr std::uint64_t part_bytes = 1 << 20;
    Checksum checksum;
    while (size > 0) {
      auto const part = blocking_read(offset, static_cast<std::size_t>(std::min(size, part_bytes)));
      if (part.empty()) break;
      checksum.add(part);
      offset += part.size();
      size -= part.size();
    }
    return checksum.value();
  }

  SpillFile& file_;
  SegmentHeader segment_;
  std::uint64_t size_;
  std::uint64_t offset_;
};

std::optional<SegmentHeader> blocking_read_header(SpillFile& file) {
  std::string bytes(segment_header_bytes, '\0');
  bytes.resize(file.blocking_read(0, bytes));
  return decode_segment_header(bytes);
}

Snapshot blocking_read_segment(SpillStorage& storage, std::string const& folder, std::uint64_t number) {
  auto const path = storage.path_of(folder, segment_name(number));
  auto const file = storage.blocking_open(folder, segment_name(number));
  auto const header = file ? blocking_read_header(*file) : std::nullopt;
  if (!header || header->number != number) throw damaged(path, "no header");
  SegmentReader reader(*file, *header);
  auto const first = reader.blocking_next();
  auto state = first && first->header.kind == FrameKind::snapshot ? decode_snapshot(first->content) : std::nullopt;
  if (!state) throw damaged(path, "no snapshot");
  while (auto const frame = reader.blocking_next()) {
    if (!apply(frame->header, frame->content, *header, *state)) throw damaged(path, "a frame without meaning");
  }
  if (reader.blocking_is_damaged()) throw damaged(path, "a frame that was synced is not whole");
  return std::move(*state);
}

/// Nothing is reserved or read for what cannot be true.
bool fits_into(SpilledBatch const& batch, std::uint64_t file_bytes) {
  if (batch.record_count == 0 || batch.record_count > batch.frame_records) return false;
  if (batch.place.offset > file_bytes || batch.bytes > file_bytes) return false;
  if (batch.frame_records > file_bytes / table_entry_bytes) return false;
  return batch.frame_bytes() <= file_bytes - batch.place.offset;
}

// What lies in an older segment was synced long ago; its content is checked when it is loaded.
void blocking_check_presence(SpillStorage& storage, std::string const& folder, Snapshot const& state) {
  std::map<std::uint64_t, std::uint64_t> sizes;  // of segments
  for (auto const& [batch, nonce] : state.batches) {
    auto const number = batch.place.segment;
    auto const path = storage.path_of(folder, segment_name(number));
    if (!sizes.contains(number)) {
      auto const file = storage.blocking_open(folder, segment_name(number));
      if (!file) throw damaged(path, "it is missing");
      sizes[number] = file->blocking_size();
    }
    if (!fits_into(batch, sizes[number])) throw damaged(path, "it is too short");
  }
}

void check_numbers(Snapshot const& state, std::string const& path) {
  std::vector<std::map<RecordNumber, RecordNumber>> records(state.streams.size());
  for (auto const& [batch, nonce] : state.batches) {
    auto& of_stream = records[batch.stream_index];
    auto const next = of_stream.upper_bound(batch.first_number);
    bool const meets_next = next != of_stream.end() && next->first < batch.end_number();
    bool const meets_previous = next != of_stream.begin() && std::prev(next)->second > batch.first_number;
    if (meets_next || meets_previous) throw damaged(path, "two batches hold the same records");
    of_stream[batch.first_number] = batch.end_number();
  }
}

void add_batch(FrameHeader const& header, SegmentHeader const& segment, Snapshot& state) {
  Snapshot::PendingBatch pending;
  pending.segment_nonce = segment.nonce;
  pending.batch.stream_index = header.stream_index;
  pending.batch.id = header.batch;
  pending.batch.first_number = header.first_number;
  pending.batch.record_count = header.record_count;
  pending.batch.frame_records = header.record_count;
  pending.batch.bytes = header.content_bytes;
  pending.batch.place = SpillPlace(segment.number, header.offset);
  state.batches.push_back(std::move(pending));
  state.next_batch_id = std::max(state.next_batch_id, header.batch.value + 1);
}

}  // namespace

bool apply(FrameHeader const& header, std::string_view content, SegmentHeader const& segment, Snapshot& state) {
  if (header.kind == FrameKind::batch) {
    bool const has_whole_table =
        header.table_bytes % table_entry_bytes == 0 && header.table_bytes / table_entry_bytes == header.record_count;
    bool const has_records = header.record_count > 0 && has_whole_table;
    if (header.stream_index >= state.streams.size() || !has_records) return false;
    add_batch(header, segment, state);
    return true;
  }
  auto const pairs = decode_pairs(content);
  if (!pairs) return false;
  if (header.kind == FrameKind::acknowledged) {
    for (auto const& [stream, position] : *pairs) {
      if (stream >= state.streams.size()) return false;
      auto& acknowledged = state.streams[static_cast<std::size_t>(stream)].position;
      acknowledged = std::max(acknowledged, position);
    }
    return true;
  }
  if (header.kind == FrameKind::released) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> const released(pairs->begin(), pairs->end());
    std::erase_if(state.batches, [&](Snapshot::PendingBatch const& pending) {
      return released.contains({pending.batch.place.segment, pending.batch.place.offset});
    });
    return true;
  }
  return false;
}

void cut_at_positions(Snapshot& state) {
  std::map<BatchId, Snapshot::PendingBatch> by_id;  // a batch whose write failed may have been written again
  for (auto& pending : state.batches) by_id[pending.batch.id] = std::move(pending);
  state.batches.clear();
  for (auto& [id, pending] : by_id) {
    auto const position = state.streams[pending.batch.stream_index].position;
    if (pending.batch.first_number >= position) continue;
    pending.batch.record_count = std::min(pending.batch.record_count, position - pending.batch.first_number);
    state.batches.push_back(std::move(pending));
  }
  std::sort(state.batches.begin(), state.batches.end(),
            [](auto const& a, auto const& b) { return a.batch.place < b.batch.place; });
}

std::optional<FoundSpill> blocking_recover(SpillStorage& storage, SpillFolder const& folder) {
  auto const content = folder.blocking_content();
  if (content.segments.empty()) return std::nullopt;
  FoundSpill found;
  found.last_number = content.segments.back();
  found.state = blocking_read_segment(storage, folder.name(), found.last_number);
  cut_at_positions(found.state);
  blocking_check_presence(storage, folder.name(), found.state);
  check_numbers(found.state, storage.path_of(folder.name(), segment_name(found.last_number)));
  return found;
}

}  // namespace landfall
