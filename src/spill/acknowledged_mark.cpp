#include "spill/acknowledged_mark.hpp"

#include <array>
#include <utility>

#include <landfall/runtime/assert.hpp>

#include "spill/encoding.hpp"

namespace landfall {

namespace {

using namespace encoding;

constexpr std::string_view magic = "lfmark1\n";
constexpr std::size_t most_name_bytes = 200;
constexpr std::size_t checksum_bytes = sizeof(std::uint64_t);
constexpr std::size_t slot_count = 2;

std::string encode(AcknowledgedMark::Batch const& batch) {
  std::string bytes;
  for (std::uint64_t const number :
       {batch.id.value, batch.id.part, std::uint64_t{batch.stream_index}, batch.first_number, batch.record_count}) {
    put(bytes, number);
  }
  put_text(bytes, std::string_view(batch.stream).substr(0, most_name_bytes));
  return bytes;
}

AcknowledgedMark::Batch take_batch(ByteReader& reader) {
  AcknowledgedMark::Batch batch;
  batch.id.value = reader.number();
  batch.id.part = reader.number();
  batch.stream_index = static_cast<std::size_t>(reader.number());
  batch.first_number = reader.number();
  batch.record_count = reader.number();
  batch.stream = std::string(reader.text(reader.number()));
  return batch;
}

/// What of the slot is not padding; empty when its checksum is wrong.
std::optional<DecodedMark> take_mark(ByteReader& reader, std::string_view slot) {
  DecodedMark decoded;
  decoded.sequence = reader.number();
  auto& mark = decoded.mark;
  for (auto* const number : {&mark.segment, &mark.nonce, &mark.end, &mark.last_frame, &mark.last_frame_checksum,
                             &mark.batch_count, &mark.record_count}) {
    *number = reader.number();
  }
  auto const listed = reader.number();
  for (std::uint64_t i = 0; reader.may_have(listed - i, 1) && i < listed; ++i)
    mark.batches.push_back(take_batch(reader));
  auto const hashed = slot.substr(0, slot.size() - reader.rest().size());
  auto const checksum = reader.number();
  if (reader.failed() || checksum != hash(hashed)) return std::nullopt;
  return decoded;
}

}  // namespace

std::string encode(AcknowledgedMark const& mark, std::uint64_t sequence) {
  std::string batches;
  std::uint64_t listed = 0;
  constexpr std::size_t head_bytes = 10 * sizeof(std::uint64_t);
  for (auto const& batch : mark.batches) {
    auto const bytes = encode(batch);
    if (head_bytes + batches.size() + bytes.size() + checksum_bytes > mark_slot_bytes) break;
    batches += bytes;
    ++listed;
  }
  std::string slot(magic);
  for (std::uint64_t const number : {sequence, mark.segment, mark.nonce, mark.end, mark.last_frame,
                                     mark.last_frame_checksum, mark.batch_count, mark.record_count, listed}) {
    put(slot, number);
  }
  LANDFALL_ASSERT(slot.size() == head_bytes);
  slot += batches;
  put(slot, hash(slot));
  return slot;
}

std::optional<DecodedMark> decode_mark(std::string_view slot) {
  if (!slot.starts_with(magic)) return std::nullopt;
  ByteReader reader(slot.substr(magic.size()));
  return take_mark(reader, slot);
}

void AcknowledgedFile::blocking_write(AcknowledgedMark const& mark) {
  if (!file_) {
    try {
      return blocking_make(mark);
    } catch (DiskFullError const&) {
      if (!blocking_adopt()) throw;
    }
  }
  auto const sequence = sequence_ + 1;
  auto const slot = encode(mark, sequence);
  std::array<std::string_view, 1> const pieces{slot};
  file_->blocking_write(sequence % slot_count * mark_slot_bytes, pieces);
  try {
    file_->blocking_sync();
  } catch (...) {
    file_.reset();  // what the system made of the bytes is unknown, and it says so only once
    sync_has_failed_ = true;
    throw;
  }
  sequence_ = sequence;
  segment_ = mark.segment;
}

// With both slots at once: the later marks need no more room on the disk.
void AcknowledgedFile::blocking_make(AcknowledgedMark const& mark) {
  std::string const unnamed(new_name);
  auto slots = encode(mark, 0);
  slots.resize(slot_count * mark_slot_bytes, '\0');
  storage_.blocking_remove(folder_, unnamed);
  auto file = storage_.blocking_create(folder_, unnamed);
  if (!file) {
    throw transient_error("spill: {} cannot be made: somebody has removed the folder while it was in use",
                          storage_.path_of(folder_, unnamed));
  }
  std::array<std::string_view, 1> const pieces{slots};
  file->blocking_write(0, pieces);
  file->blocking_sync();
  storage_.blocking_rename(folder_, unnamed, std::string(name));
  storage_.blocking_sync_folder(folder_);
  file_ = std::move(file);
  sequence_ = 0;
  segment_ = mark.segment;
}

// The file of an earlier process has the room that a new one does not get.
bool AcknowledgedFile::blocking_adopt() {
  storage_.blocking_remove(folder_, std::string(new_name));
  auto const found = blocking_read(storage_, folder_);
  if (!found.mark || sync_has_failed_) return false;
  file_ = storage_.blocking_open(folder_, std::string(name));
  sequence_ = found.sequence;
  return file_ != nullptr;
}

AcknowledgedFile::Found AcknowledgedFile::blocking_read(SpillStorage& storage, std::string const& folder) {
  Found found;
  auto const file = storage.blocking_open(folder, std::string(name));
  if (!file) return found;
  found.exists = true;
  for (std::size_t i = 0; i < slot_count; ++i) {
    std::string slot(mark_slot_bytes, '\0');
    slot.resize(file->blocking_read(i * mark_slot_bytes, slot));
    auto decoded = decode_mark(slot);
    if (!decoded || (found.mark && decoded->sequence < found.sequence)) continue;
    found.sequence = decoded->sequence;
    found.mark = std::move(decoded->mark);
  }
  return found;
}

}  // namespace landfall
