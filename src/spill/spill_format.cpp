#include "spill/spill_format.hpp"

#define XXH_INLINE_ALL  // small pieces: a call for each would cost more than the hash
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

#include "spill/encoding.hpp"

namespace landfall {

std::uint64_t encoding::hash(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

namespace {

using namespace encoding;

constexpr std::string_view magic = "lfspill\n";
constexpr std::string_view segment_prefix = "segment-";
constexpr std::size_t segment_checksum_at = 32;
constexpr std::size_t frame_checksum_at = 80;

void put_batch(std::string& bytes, Snapshot::PendingBatch const& pending) {
  SpilledBatch const& batch = pending.batch;
  for (std::uint64_t const number :
       {batch.place.segment, pending.segment_nonce, batch.place.offset, std::uint64_t{batch.stream_index},
        batch.id.value, batch.id.part, batch.first_number, batch.record_count, batch.frame_records, batch.bytes}) {
    put(bytes, number);
  }
}
constexpr std::size_t pending_batch_bytes = 10 * sizeof(std::uint64_t);

Snapshot::PendingBatch take_batch(ByteReader& reader) {
  Snapshot::PendingBatch pending;
  SpilledBatch& batch = pending.batch;
  batch.place.segment = reader.number();
  pending.segment_nonce = reader.number();
  batch.place.offset = reader.number();
  batch.stream_index = static_cast<std::size_t>(reader.number());
  batch.id.value = reader.number();
  batch.id.part = reader.number();
  batch.first_number = reader.number();
  batch.record_count = reader.number();
  batch.frame_records = reader.number();
  batch.bytes = reader.number();
  return pending;
}

void add_slice(std::vector<std::string_view>& slices, std::string_view slice) {
  if (slice.empty()) return;
  if (!slices.empty() && slices.back().data() + slices.back().size() == slice.data()) {
    slices.back() = std::string_view(slices.back().data(), slices.back().size() + slice.size());
  } else {
    slices.push_back(slice);
  }
}

}  // namespace

struct Checksum::State {
  XXH3_state_t xxh3;
};

Checksum::Checksum() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }
Checksum::~Checksum() = default;
void Checksum::add(std::string_view bytes) { XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size()); }
std::uint64_t Checksum::value() const { return XXH3_64bits_digest(&state_->xxh3); }

void Frame::seal(SegmentHeader const& segment, std::uint64_t offset, std::uint64_t synced_end) {
  header.offset = offset;
  header.synced_end = synced_end;
  char* const to = header_bytes.data();
  put_at(to, static_cast<std::uint32_t>(header.kind));
  put_at(to + 4, header.stream_index);
  put_at(to + 8, header.offset);
  put_at(to + 16, header.batch.value);
  put_at(to + 24, header.batch.part);
  put_at(to + 32, header.first_number);
  put_at(to + 40, header.record_count);
  put_at(to + 48, header.table_bytes);
  put_at(to + 56, header.content_bytes);
  put_at(to + 64, header.body_checksum);
  put_at(to + 72, header.synced_end);
  put_at(to + frame_checksum_at, hash({to, frame_checksum_at}, segment.nonce));
}

std::uint64_t Frame::header_checksum() const { return get_at<std::uint64_t>(header_bytes.data() + frame_checksum_at); }

void Frame::add_pieces_to(std::vector<std::string_view>& pieces) const {
  pieces.emplace_back(header_bytes.data(), header_bytes.size());
  if (!table.empty()) pieces.push_back(table);
  if (!control_content.empty()) pieces.push_back(control_content);
  pieces.insert(pieces.end(), slices.begin(), slices.end());
}

Frame batch_frame(RecordBatch const& batch, std::size_t stream_index) {
  LANDFALL_ASSERT(!batch.empty());
  LANDFALL_ASSERT(batch.end_number() - batch.first_number() == batch.size());
  Frame frame;
  frame.header.stream_index = static_cast<std::uint32_t>(stream_index);
  frame.header.batch = batch.id();
  frame.header.first_number = batch.first_number();
  frame.header.record_count = batch.size();
  frame.table.resize(batch.size() * table_entry_bytes);
  frame.slices.reserve(batch.size());
  char* entry = frame.table.data();
  for (Record const record : batch) {
    put_at(entry, static_cast<std::uint32_t>(record.data().size()));
    put_at(entry + 4, static_cast<std::uint32_t>(record.meta().size()));
    put_at(entry + 8, static_cast<std::uint64_t>(record.emitted_at().time_since_epoch().count()));
    entry += table_entry_bytes;
    add_slice(frame.slices, record.data());
    add_slice(frame.slices, record.meta());
  }
  Checksum checksum;
  checksum.add(frame.table);
  for (auto const slice : frame.slices) checksum.add(slice);
  frame.header.table_bytes = frame.table.size();
  frame.header.content_bytes = batch.bytes();
  frame.header.body_checksum = checksum.value();
  return frame;
}

Frame control_frame(FrameKind kind, std::string content) {
  LANDFALL_ASSERT(kind != FrameKind::batch);
  Frame frame;
  frame.header.kind = kind;
  frame.header.content_bytes = content.size();
  frame.header.body_checksum = hash(content);
  frame.control_content = std::move(content);
  return frame;
}

std::string encode(SegmentHeader const& header) {
  std::string bytes(magic);
  put(bytes, header.version);
  put(bytes, std::uint32_t{0});
  put(bytes, header.number);
  put(bytes, header.nonce);
  put(bytes, hash(bytes));
  LANDFALL_ASSERT(bytes.size() == segment_header_bytes);
  return bytes;
}

std::optional<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() != segment_header_bytes || !bytes.starts_with(magic)) return std::nullopt;
  auto const version = get_at<std::uint32_t>(bytes.data() + 8);
  if (version == 0 || version > spill_format_version) return std::nullopt;
  auto const checksum = get_at<std::uint64_t>(bytes.data() + segment_checksum_at);
  if (checksum != hash(bytes.substr(0, segment_checksum_at))) return std::nullopt;
  SegmentHeader header(get_at<std::uint64_t>(bytes.data() + 16), get_at<std::uint64_t>(bytes.data() + 24));
  header.version = version;
  return header;
}

std::optional<FrameHeader> decode_frame_header(std::string_view bytes, SegmentHeader const& segment,
                                               std::uint64_t offset) {
  if (bytes.size() != frame_header_bytes) return std::nullopt;
  char const* const from = bytes.data();
  if (get_at<std::uint64_t>(from + 8) != offset) return std::nullopt;
  auto const checksum = get_at<std::uint64_t>(from + frame_checksum_at);
  if (checksum != hash(bytes.substr(0, frame_checksum_at), segment.nonce)) return std::nullopt;
  FrameHeader header;
  header.kind = static_cast<FrameKind>(get_at<std::uint32_t>(from));
  header.stream_index = get_at<std::uint32_t>(from + 4);
  header.offset = offset;
  header.batch = BatchId(get_at<std::uint64_t>(from + 16), get_at<std::uint64_t>(from + 24));
  header.first_number = get_at<std::uint64_t>(from + 32);
  header.record_count = get_at<std::uint64_t>(from + 40);
  header.table_bytes = get_at<std::uint64_t>(from + 48);
  header.content_bytes = get_at<std::uint64_t>(from + 56);
  header.body_checksum = get_at<std::uint64_t>(from + 64);
  header.synced_end = get_at<std::uint64_t>(from + 72);
  return header;
}

std::optional<std::vector<RecordSlice>> decode_table(std::string_view table, std::string_view content) {
  if (table.size() % table_entry_bytes != 0) return std::nullopt;
  std::vector<RecordSlice> slices(table.size() / table_entry_bytes);
  ByteReader reader(content);
  char const* entry = table.data();
  for (RecordSlice& slice : slices) {
    slice.data_size = get_at<std::uint32_t>(entry);
    slice.meta_size = get_at<std::uint32_t>(entry + 4);
    slice.emitted_at_ms = static_cast<std::int64_t>(get_at<std::uint64_t>(entry + 8));
    slice.data = reader.text(slice.data_size).data();
    if (slice.meta_size > 0) slice.meta = reader.text(slice.meta_size).data();
    entry += table_entry_bytes;
  }
  if (!reader.whole()) return std::nullopt;
  return slices;
}

std::string encode(Snapshot const& snapshot, std::uint32_t version) {
  std::string bytes;
  put(bytes, snapshot.catalog_fingerprint);
  put(bytes, snapshot.next_batch_id);
  put(bytes, std::uint64_t{snapshot.streams.size()});
  for (auto const& stream : snapshot.streams) {
    put(bytes, std::uint64_t{stream.descriptor.name_space.has_value()});
    put_text(bytes, stream.descriptor.name_space.value_or(""));
    put_text(bytes, stream.descriptor.name);
    put(bytes, stream.position);
    if (version == 1) continue;
    put(bytes, std::uint64_t{stream.generation.has_value()});
    put(bytes, static_cast<std::uint64_t>(stream.generation.value_or(0)));
  }
  put(bytes, std::uint64_t{snapshot.batches.size()});
  for (auto const& pending : snapshot.batches) put_batch(bytes, pending);
  return bytes;
}

std::optional<Snapshot> decode_snapshot(std::string_view content, std::uint32_t version) {
  constexpr std::size_t least_stream_bytes = 4 * sizeof(std::uint64_t);
  ByteReader reader(content);
  Snapshot snapshot;
  snapshot.catalog_fingerprint = reader.number();
  snapshot.next_batch_id = reader.number();
  auto const stream_count = reader.number();
  for (std::uint64_t i = 0; reader.may_have(stream_count - i, least_stream_bytes) && i < stream_count; ++i) {
    bool const has_namespace = reader.number() != 0;
    std::string name_space(reader.text(reader.number()));
    std::string name(reader.text(reader.number()));
    StreamDescriptor descriptor(std::move(name));
    if (has_namespace) descriptor.name_space = std::move(name_space);
    auto const position = reader.number();
    auto& stream = snapshot.streams.emplace_back(std::move(descriptor), position);
    if (version == 1) continue;
    bool const has_generation = reader.number() != 0;
    auto const generation = static_cast<std::int64_t>(reader.number());
    if (has_generation) stream.generation = generation;
  }
  auto const batch_count = reader.number();
  for (std::uint64_t i = 0; reader.may_have(batch_count - i, pending_batch_bytes) && i < batch_count; ++i) {
    snapshot.batches.push_back(take_batch(reader));
    if (snapshot.batches.back().batch.stream_index >= stream_count) return std::nullopt;
  }
  if (!reader.whole()) return std::nullopt;
  return snapshot;
}

std::string encode(NumberPairs const& pairs) {
  std::string bytes;
  for (auto const& [first, second] : pairs) {
    put(bytes, first);
    put(bytes, second);
  }
  return bytes;
}

std::optional<NumberPairs> decode_pairs(std::string_view content) {
  constexpr std::size_t pair_bytes = 2 * sizeof(std::uint64_t);
  if (content.size() % pair_bytes != 0) return std::nullopt;
  NumberPairs pairs;
  ByteReader reader(content);
  for (std::size_t i = 0; i < content.size() / pair_bytes; ++i) {
    auto const first = reader.number();
    pairs.emplace_back(first, reader.number());
  }
  return pairs;
}

std::string segment_name(std::uint64_t number) { return fmt::format("{}{:08}", segment_prefix, number); }

std::optional<std::uint64_t> number_of_segment(std::string_view name) {
  if (!name.starts_with(segment_prefix)) return std::nullopt;
  auto const digits = name.substr(segment_prefix.size());
  std::uint64_t number = 0;
  auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc() || end != digits.data() + digits.size() || segment_name(number) != name)
    return std::nullopt;
  return number;
}

}  // namespace landfall
