#include "spill/spill_recovery.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>

#include "spill/acknowledged_mark.hpp"
#include "spill/batch_reader.hpp"
#include "spill/encoding.hpp"
#include "spill/spill_damage.hpp"

namespace landfall {

namespace {

std::string blocking_read(SpillFile& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  bytes.resize(file.blocking_read(offset, bytes));
  return bytes;
}

// In parts: a batch may be larger than what should be held here.
std::uint64_t blocking_checksum(SpillFile& file, std::uint64_t offset, std::uint64_t size) {
  constexpr std::uint64_t part_bytes = 1 << 20;
  Checksum checksum;
  while (size > 0) {
    auto const part = blocking_read(file, offset, static_cast<std::size_t>(std::min(size, part_bytes)));
    if (part.empty()) break;
    checksum.add(part);
    offset += part.size();
    size -= part.size();
  }
  return checksum.value();
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
      if (blocking_checksum(file_, body, header->table_bytes + header->content_bytes) != header->body_checksum)
        return std::nullopt;
    } else {
      frame.content = blocking_read(body, static_cast<std::size_t>(header->content_bytes));
      Checksum checksum;
      checksum.add(frame.content);
      if (checksum.value() != header->body_checksum) return std::nullopt;
    }
    last_frame_ = offset_;
    last_frame_checksum_ = encoding::get_at<std::uint64_t>(bytes.data() + bytes.size() - sizeof(std::uint64_t));
    offset_ += header->frame_bytes();
    return frame;
  }

  /// Behind the last whole frame.
  std::uint64_t end() const noexcept { return offset_; }
  std::uint64_t size() const noexcept { return size_; }

  /// The last frame that blocking_next() has returned is the one that the mark tells.
  bool is_at(AcknowledgedMark const& mark) const noexcept {
    return offset_ == mark.end && last_frame_ == mark.last_frame && last_frame_checksum_ == mark.last_frame_checksum;
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
    return landfall::blocking_read(file_, offset, size);
  }

  SpillFile& file_;
  SegmentHeader segment_;
  std::uint64_t size_;
  std::uint64_t offset_;
  std::uint64_t last_frame_ = 0;
  std::uint64_t last_frame_checksum_ = 0;
};

/// Nothing is reserved or read for what cannot be true.
bool fits_into(SpilledBatch const& batch, std::uint64_t file_bytes) {
  if (batch.record_count == 0 || batch.record_count > batch.frame_records) return false;
  if (batch.place.offset > file_bytes || batch.bytes > file_bytes) return false;
  if (batch.frame_records > file_bytes / table_entry_bytes) return false;
  return batch.frame_bytes() <= file_bytes - batch.place.offset;
}

/// The records that are in two batches, if any are.
bool holds_records_twice(Snapshot const& state) {
  std::vector<std::map<RecordNumber, RecordNumber>> records(state.streams.size());
  for (auto const& [batch, nonce] : state.batches) {
    auto& of_stream = records[batch.stream_index];
    auto const next = of_stream.upper_bound(batch.first_number);
    bool const meets_next = next != of_stream.end() && next->first < batch.end_number();
    bool const meets_previous = next != of_stream.begin() && std::prev(next)->second > batch.first_number;
    if (meets_next || meets_previous) return true;
    of_stream[batch.first_number] = batch.end_number();
  }
  return false;
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

namespace {

/// One look at a folder, from its newest segment on. Goes on behind the first damage, to tell what is lost with it.
class Recovery {
 public:
  Recovery(SpillStorage& storage, SpillFolder const& folder, OnDamage on_damage)
      : storage_(storage),
        folder_(folder.name()),
        on_damage_(on_damage),
        segments_(folder.blocking_content().segments),
        acknowledged_(AcknowledgedFile::blocking_read(storage, folder.name())) {
    if (acknowledged_.mark) mark_ = *acknowledged_.mark;
  }

  std::optional<FoundSpill> blocking_run() {
    if (segments_.empty() && !acknowledged_.exists) return std::nullopt;
    if (segments_.empty() && acknowledged_.mark && mark_.segment == 0) return std::nullopt;
    if (acknowledged_.exists && !acknowledged_.mark) {
      note_damage(storage_.path_of(folder_, AcknowledgedFile::name), "it is not as it was written");
      loss_is_known_ = false;
    }
    found_.last_number = std::max(mark_.segment, segments_.empty() ? 0 : segments_.back());
    if (segments_.empty() || mark_.segment > segments_.back()) {
      give_up(path_of_segment(found_.last_number), "it is missing");
    } else {
      blocking_read_newest();
    }
    cut_at_positions(found_.state);
    blocking_check_batches();
    finish();
    return std::move(found_);
  }

 private:
  std::string path_of_segment(std::uint64_t number) const { return storage_.path_of(folder_, segment_name(number)); }

  void note_damage(std::string path, std::string what) {
    if (!damage_) damage_.emplace(std::move(path), std::move(what));
  }

  /// Nothing of it can be believed.
  void give_up(std::string path, std::string what) {
    note_damage(std::move(path), std::move(what));
    found_.state = Snapshot();
    if (mark_.segment == 0) loss_is_known_ = false;
  }

  void blocking_read_newest() {
    auto const path = path_of_segment(found_.last_number);
    auto const file = storage_.blocking_open(folder_, segment_name(found_.last_number));
    auto const header = file ? decode_segment_header(blocking_read(*file, 0, segment_header_bytes)) : std::nullopt;
    if (!header || header->number != found_.last_number) return give_up(path, "no header");
    if (!acknowledged_.exists && header->version >= version_with_mark) {
      note_damage(storage_.path_of(folder_, AcknowledgedFile::name), "it is missing");
      loss_is_known_ = false;
    }
    bool const is_marked = mark_.segment == header->number;
    if (is_marked && mark_.nonce != header->nonce)
      return give_up(path, "it is another file than the one that was made");
    SegmentReader reader(*file, *header);
    auto const first = reader.blocking_next();
    auto state = first && first->header.kind == FrameKind::snapshot ? decode_snapshot(first->content, header->version)
                                                                    : std::nullopt;
    if (!state) return give_up(path, "no snapshot");
    found_.state = std::move(*state);
    blocking_read_frames(reader, *header, is_marked);
  }

  void blocking_read_frames(SegmentReader& reader, SegmentHeader const& header, bool is_marked) {
    auto const path = path_of_segment(header.number);
    bool has_marked_frame = !is_marked || reader.is_at(mark_);
    while (auto const frame = reader.blocking_next()) {
      if (!apply(frame->header, frame->content, header, found_.state))
        return note_damage(path, "a frame without meaning");
      has_marked_frame = has_marked_frame || reader.is_at(mark_);
    }
    if (is_marked && reader.size() < mark_.end) {
      note_damage(path, fmt::format("it has {} bytes, and {} of it were acknowledged", reader.size(), mark_.end));
    } else if (reader.blocking_is_damaged()) {
      note_damage(path, "a frame that was synced is not whole");
    } else if (!has_marked_frame) {
      note_damage(path, fmt::format("it is not as it was written before offset {}", mark_.end));
    }
    if (is_marked && on_damage_ == OnDamage::discard) believe_positions_of_mark();
  }

  /// Where the frame is lost that acknowledged them, batches that are whole are loaded all the same.
  void believe_positions_of_mark() {
    for (auto const& batch : mark_.batches) {
      if (batch.stream_index >= found_.state.streams.size()) continue;
      auto& position = found_.state.streams[batch.stream_index].position;
      position = std::max(position, batch.end_number());
    }
  }

  // Their content is checked when they are loaded, unless that would be too late to leave them out.
  void blocking_check_batches() {
    std::erase_if(found_.state.batches,
                  [this](auto const& pending) { return is_lost(pending, blocking_look_at(pending, Depth::size)); });
    if (holds_records_twice(found_.state)) {
      give_up(path_of_segment(found_.last_number), "two batches hold the same records");
    }
    std::erase_if(found_.state.batches, [this](auto const& pending) {
      auto const depth = on_damage_ == OnDamage::discard ? Depth::content : Depth::header;
      return is_lost(pending, blocking_look_at(pending, depth));
    });
  }

  enum class Depth { size, header, content };

  /// What is wrong with it; null when nothing is.
  char const* blocking_look_at(Snapshot::PendingBatch const& pending, Depth depth) {
    SpilledBatch const& batch = pending.batch;
    auto const file = storage_.blocking_open(folder_, segment_name(batch.place.segment));
    if (!file) return "it is missing";
    if (!fits_into(batch, file->blocking_size())) return "it is too short";
    if (depth == Depth::size) return nullptr;
    SegmentHeader const segment(batch.place.segment, pending.segment_nonce);
    auto const offset = batch.place.offset;
    auto const header = decode_frame_header(blocking_read(*file, offset, frame_header_bytes), segment, offset);
    if (!header || !is_frame_of(*header, batch)) return "another batch, or none, is in its place";
    if (depth == Depth::header) return nullptr;
    auto const body_bytes = header->table_bytes + header->content_bytes;
    bool const is_whole = blocking_checksum(*file, offset + frame_header_bytes, body_bytes) == header->body_checksum;
    return is_whole ? nullptr : "the checksum of a batch is wrong";
  }

  bool is_lost(Snapshot::PendingBatch const& pending, char const* what) {
    if (what == nullptr) return false;
    note_damage(path_of_segment(pending.batch.place.segment), what);
    AcknowledgedMark::Batch lost;
    lost.id = pending.batch.id;
    lost.stream = to_string(found_.state.streams[pending.batch.stream_index].descriptor);
    lost.first_number = pending.batch.first_number;
    lost.record_count = pending.batch.record_count;
    lost_.push_back(std::move(lost));
    return true;
  }

  void finish() {
    if (!damage_) return;
    SpillLoss loss = lost_batches(mark_, found_.state);
    for (auto& batch : lost_) {
      bool const is_named =
          std::ranges::any_of(loss.batches, [&batch](auto const& named) { return named.id == batch.id; });
      if (is_named) continue;
      loss.more_records -= std::min(loss.more_records, batch.record_count);
      loss.more_batches -= std::min<std::uint64_t>(loss.more_batches, 1);
      loss.batches.push_back(std::move(batch));
    }
    loss.is_known = loss_is_known_;
    if (on_damage_ == OnDamage::refuse) throw damage_error(*damage_, loss);
    found_.discarded.push_back(discard_notice(*damage_, loss));
  }

  SpillStorage& storage_;
  std::string folder_;
  OnDamage on_damage_;
  std::vector<std::uint64_t> segments_;
  AcknowledgedFile::Found acknowledged_;
  AcknowledgedMark mark_;
  FoundSpill found_;
  std::optional<SpillDamage> damage_;
  bool loss_is_known_ = true;
  std::vector<AcknowledgedMark::Batch> lost_;  // that the segments tell, and that are not there
};

}  // namespace

std::optional<FoundSpill> blocking_recover(SpillStorage& storage, SpillFolder const& folder, OnDamage on_damage) {
  return Recovery(storage, folder, on_damage).blocking_run();
}

}  // namespace landfall
