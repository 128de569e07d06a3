#include "spill/segment_log.hpp"

#include <string_view>
#include <utility>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

std::string unnamed_segment(std::uint64_t number) { return segment_name(number) + ".new"; }

/// Seals the frames to lie from `offset` on; returns where they end.
std::uint64_t seal_all(std::vector<Frame*> const& frames, SegmentHeader const& segment, std::uint64_t offset,
                       std::uint64_t synced_end) {
  for (Frame* const frame : frames) {
    frame->seal(segment, offset, synced_end);
    offset += frame->bytes();
  }
  return offset;
}

std::vector<std::string_view> pieces_of(std::vector<Frame*> const& frames) {
  std::vector<std::string_view> pieces;
  for (Frame const* const frame : frames) frame->add_pieces_to(pieces);
  return pieces;
}

}  // namespace

void SegmentLog::blocking_turn_over(std::vector<Frame*> const& first_frames) {
  SegmentHeader const header(next_number_++, random_.next());
  bool const named_later = durability_ == Durability::recoverable;
  std::unique_ptr<SpillFile> file;
  try {
    file =
        storage_.blocking_create(folder_, named_later ? unnamed_segment(header.number) : segment_name(header.number));
    if (!file) {
      throw transient_error(
          "spill: no file can be made in {}: somebody has removed the folder, or put something there, while it was in "
          "use",
          storage_.path_of(folder_));
    }
    blocking_begin(*file, header, first_frames);
  } catch (...) {
    blocking_take_back(header.number);
    throw;
  }
  file_ = std::move(file);
  segment_ = header;
  name_is_synced_ = named_later;
}

void SegmentLog::blocking_begin(SpillFile& file, SegmentHeader const& header, std::vector<Frame*> const& frames) {
  auto const end = seal_all(frames, header, segment_header_bytes, 0);
  auto const header_bytes = encode(header);
  auto pieces = pieces_of(frames);
  pieces.insert(pieces.begin(), header_bytes);
  file.blocking_write(0, pieces);
  if (durability_ == Durability::recoverable) {
    file.blocking_sync();
    storage_.blocking_rename(folder_, unnamed_segment(header.number), segment_name(header.number));
    storage_.blocking_sync_folder(folder_);
  }
  first_frame_ = end;
  end_ = end;
  note_last(frames);
  synced_end_ = durability_ == Durability::recoverable ? end : 0;
}

// A later segment that comes back after a crash would hide what is appended to the last one from now on.
void SegmentLog::blocking_take_back(std::uint64_t number) noexcept {
  try {
    storage_.blocking_remove(folder_, unnamed_segment(number));
    storage_.blocking_remove(folder_, segment_name(number));
    if (durability_ == Durability::recoverable) storage_.blocking_sync_folder(folder_);
  } catch (...) {  // whoever called us reports the first failure; the next frames go to a segment that hides both
    close_segment();
  }
}

void SegmentLog::blocking_append(std::vector<Frame*> const& frames) {
  LANDFALL_ASSERT(is_open());
  auto const end = seal_all(frames, segment_, end_, synced_end_);
  try {
    file_->blocking_write(end_, pieces_of(frames));
  } catch (...) {
    blocking_cut_off();
    throw;
  }
  if (durability_ != Durability::none) {
    try {
      file_->blocking_sync();
      if (!name_is_synced_) storage_.blocking_sync_folder(folder_);
      name_is_synced_ = true;
    } catch (...) {
      close_segment();  // what the system made of the bytes is unknown, and it says so only once
      throw;
    }
    synced_end_ = end;
  }
  end_ = end;
  note_last(frames);
}

void SegmentLog::note_last(std::vector<Frame*> const& frames) noexcept {
  if (frames.empty()) return;
  last_frame_ = frames.back()->header.offset;
  last_frame_checksum_ = frames.back()->header_checksum();
}

// Gives the room of a torn frame back. If that fails, the next frames lie elsewhere.
void SegmentLog::blocking_cut_off() noexcept {
  try {
    file_->blocking_truncate(end_);
  } catch (...) {
    close_segment();
  }
}

}  // namespace landfall
