#include "spill/batch_reader.hpp"

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

/// What is wrong with a batch, as the error that says so.
class Unreadable {
 public:
  Unreadable(std::string path, SpilledBatch const& batch, bool with_resume)
      : path_(std::move(path)), batch_(batch), with_resume_(with_resume) {}

  Error operator()(std::string_view what) const {
    auto const damage = fmt::format(
        "spill: {} is damaged at offset {} ({}): batch {} of stream {}, records {} to {}, cannot be read back", path_,
        batch_.place.offset, what, to_string(batch_.id), to_string(batch_.stream->descriptor), batch_.first_number,
        batch_.end_number());
    if (!with_resume_) {
      return system_error("{}: look for a fault of the disk, and start the sync again", damage);
    }
    return config_error(
        "{}: look for a fault of the disk; run a full refresh of this stream, with spill.discard_damaged: true, which "
        "gives up what is damaged and loads the rest",
        damage);
  }

 private:
  std::string path_;
  SpilledBatch const& batch_;
  bool with_resume_;
};

}  // namespace

bool is_frame_of(FrameHeader const& header, SpilledBatch const& batch) {
  return header.kind == FrameKind::batch && header.stream_index == batch.stream_index && header.batch == batch.id &&
         header.first_number == batch.first_number && header.record_count == batch.frame_records &&
         header.table_bytes == batch.frame_records * table_entry_bytes && header.content_bytes == batch.bytes;
}

RecordBatch blocking_read_batch(SpillStorage& storage, std::string const& folder, SegmentHeader const& segment,
                                SpilledBatch const& batch, Reservation memory, bool with_resume) {
  LANDFALL_ASSERT(batch.stream != nullptr);
  LANDFALL_ASSERT(batch.record_count > 0);
  LANDFALL_ASSERT(batch.record_count <= batch.frame_records);
  auto const name = segment_name(batch.place.segment);
  Unreadable const unreadable(storage.path_of(folder, name), batch, with_resume);
  auto const file = storage.blocking_open(folder, name);
  if (!file) throw unreadable("the file is missing");

  auto const size = static_cast<std::size_t>(batch.bytes);
  auto const block = std::make_shared<Block>(size, std::move(memory));
  std::string head(static_cast<std::size_t>(batch.frame_bytes() - batch.bytes), '\0');
  bool const has_head = file->blocking_read(batch.place.offset, head) == head.size();
  bool const has_all =
      has_head && file->blocking_read(batch.place.offset + head.size(), std::span(block->data(), size)) == size;
  if (!has_all) throw unreadable("it is too short");

  std::string_view const bytes = head;
  auto const header = decode_frame_header(bytes.substr(0, frame_header_bytes), segment, batch.place.offset);
  if (!header) throw unreadable("the header's checksum is wrong");
  if (!is_frame_of(*header, batch)) throw unreadable("another frame lies there");
  auto const table = bytes.substr(frame_header_bytes);
  std::string_view const content(block->data(), size);
  Checksum checksum;
  checksum.add(table);
  checksum.add(content);
  if (checksum.value() != header->body_checksum) throw unreadable("the checksum is wrong");
  auto slices = decode_table(table, content);
  if (!slices) throw unreadable("the table of records does not fit");

  auto records = std::make_shared<RecordBlock>();
  records->block = block;
  records->slices = std::move(*slices);
  RecordRun run;
  run.end = static_cast<std::uint32_t>(batch.record_count);
  run.first_number = batch.first_number;
  for (std::uint32_t i = 0; i < run.end; ++i) {
    run.bytes += std::uint64_t{records->slices[i].data_size} + records->slices[i].meta_size;
  }
  run.block = std::move(records);
  RecordBatch result(batch.stream, batch.id);
  result.append(std::move(run));
  return result;
}

}  // namespace landfall
