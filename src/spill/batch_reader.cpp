#include "spill/batch_reader.hpp"

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

Error unreadable(std::string const& path, SpilledBatch const& batch, std::string_view what) {
  return system_error(
      "spill: {} is damaged at offset {} ({}): batch {} of stream {}, records {} to {}, cannot be read back: look for "
      "a fault of the disk, and start the sync again; where they were acknowledged (resume), refresh the stream and "
      "remove the folder",
      path, batch.place.offset, what, to_string(batch.id), to_string(batch.stream->descriptor), batch.first_number,
      batch.end_number());
}

bool is_frame_of(FrameHeader const& header, SpilledBatch const& batch) {
  return header.kind == FrameKind::batch && header.stream_index == batch.stream_index && header.batch == batch.id &&
         header.first_number == batch.first_number && header.record_count == batch.frame_records &&
         header.table_bytes == batch.frame_records * table_entry_bytes && header.content_bytes == batch.bytes;
}

}  // namespace

RecordBatch blocking_read_batch(SpillStorage& storage, std::string const& folder, SegmentHeader const& segment,
                                SpilledBatch const& batch, Reservation memory) {
  LANDFALL_ASSERT(batch.stream != nullptr);
  LANDFALL_ASSERT(batch.record_count > 0);
  LANDFALL_ASSERT(batch.record_count <= batch.frame_records);
  auto const name = segment_name(batch.place.segment);
  auto const path = storage.path_of(folder, name);
  auto const file = storage.blocking_open(folder, name);
  if (!file) throw unreadable(path, batch, "the file is missing");

  auto const size = static_cast<std::size_t>(batch.bytes);
  auto const block = std::make_shared<Block>(size, std::move(memory));
  std::string head(static_cast<std::size_t>(batch.frame_bytes() - batch.bytes), '\0');
  bool const has_head = file->blocking_read(batch.place.offset, head) == head.size();
  bool const has_all =
      has_head && file->blocking_read(batch.place.offset + head.size(), std::span(block->data(), size)) == size;
  if (!has_all) throw unreadable(path, batch, "it is too short");

  std::string_view const bytes = head;
  auto const header = decode_frame_header(bytes.substr(0, frame_header_bytes), segment, batch.place.offset);
  if (!header) throw unreadable(path, batch, "the header's checksum is wrong");
  if (!is_frame_of(*header, batch)) throw unreadable(path, batch, "another frame lies there");
  auto const table = bytes.substr(frame_header_bytes);
  std::string_view const content(block->data(), size);
  Checksum checksum;
  checksum.add(table);
  checksum.add(content);
  if (checksum.value() != header->body_checksum) throw unreadable(path, batch, "the checksum is wrong");
  auto slices = decode_table(table, content);
  if (!slices) throw unreadable(path, batch, "the table of records does not fit");

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
