#include "pipeline/router.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/whole_or_never.hpp>

#include "pipeline/rejector.hpp"
#include "pipeline/unreadable.hpp"
#include "protocol/lone_surrogates.hpp"

namespace landfall {

namespace {

std::string in_stream(StreamDescriptor const& stream) { return "stream " + to_string(stream); }

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

bool pays_to_copy(std::uint64_t record_bytes, std::uint64_t text_bytes, std::uint64_t block_bytes) {
  constexpr std::uint64_t least_share = 8;     // an eighth of what was read
  constexpr std::uint64_t smallest_text = 16;  // of a read that brought less than a sixteenth of a block, as of that
  return record_bytes * least_share < std::max(text_bytes, block_bytes / smallest_text);
}

Router::CopiedRecords::CopiedRecords(Block const& like, std::uint64_t usual_bytes, std::uint32_t least_records,
                                     std::uint64_t least_bytes) {
  constexpr std::uint32_t most_runs = 8;  // a stream that has little in a block will have little in the next ones
  std::uint64_t const of_run = least_bytes + Block::padding + least_records * sizeof(RecordSlice);
  std::uint64_t const of_all = Block::padding + sizeof(Block) + sizeof(RecordBlock);
  std::uint64_t const for_runs = usual_bytes - std::min(usual_bytes, of_all);
  std::uint64_t const runs = std::clamp<std::uint64_t>(for_runs / of_run, 1, most_runs);
  std::uint64_t const slice_count = least_records * runs;
  records = std::make_shared<RecordBlock>();
  records->slices.resize(slice_count);
  std::uint64_t const capacity = (least_bytes + Block::padding) * runs;
  records->block = like.sibling(capacity, sizeof(RecordBlock) + slice_count * sizeof(RecordSlice));
  records->block->set_lasting(true);
}

Router::CopiedRecords& Router::CopiedRecords::operator=(CopiedRecords&& other) noexcept {
  let_go();
  records = std::move(other.records);
  slices_used = other.slices_used;
  bytes_used = other.bytes_used;
  return *this;
}

Router::CopiedRecords::~CopiedRecords() { let_go(); }

void Router::CopiedRecords::let_go() noexcept {
  if (records) records->block->set_lasting(false);
}

bool Router::CopiedRecords::has_room(std::uint32_t more_records, std::uint64_t more_bytes) const noexcept {
  return records != nullptr && slices_used + more_records <= records->slices.size() &&
         bytes_used + more_bytes + Block::padding <= records->block->capacity();
}

// Behind the records of a run comes their padding: others may read it while the next ones are added.
void Router::CopiedRecords::end_run() noexcept { bytes_used += Block::padding; }

void Router::CopiedRecords::add(RecordSlice const& original) {
  RecordSlice& slice = records->slices[slices_used++] = original;
  slice.data = copy(original.data, original.data_size);
  if (slice.meta != nullptr) slice.meta = copy(original.meta, original.meta_size);
}

char const* Router::CopiedRecords::copy(char const* bytes, std::size_t size) {
  char* const room = records->block->data() + bytes_used;
  std::memcpy(room, bytes, size);
  bytes_used += size;
  return room;
}

std::size_t Router::NameHash::operator()(StreamName const& name) const noexcept {
  std::hash<std::string_view> const hash;
  return name.name_space ? hash(name.name) * 31 + hash(*name.name_space) + 1 : hash(name.name);
}

Router::Router(StreamQueues& queues, CheckpointQueue& checkpoints, Clock const& clock, Validation validation,
               InputProgress& progress, std::uint64_t room_bytes, bool rejects)
    : checkpoint_queue_(checkpoints),
      clock_(clock),
      progress_(progress),
      room_bytes_(room_bytes),
      rejects_(rejects),
      scanner_(validation),
      parser_(validation) {
  LANDFALL_ASSERT(progress.streams.size() == queues.all().size());
  streams_.reserve(queues.all().size());
  for (auto const& queue : queues.all()) {
    by_name_.emplace(name_of(queue->stream->descriptor), streams_.size());
    streams_.emplace_back(*queue);
  }
}

std::optional<std::size_t> Router::place_of(StreamName const& name) const {
  auto const found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

void Router::route(InputLines const& lines) {
  read_at_ = clock_.now();
  block_ = lines.block.get();
  std::uint64_t const lines_before = line_number_;
  try {
    route_lines(lines.text);
  } catch (...) {
    forward(lines, line_number_ - lines_before);  // what stood before the bad line is loaded and acknowledged
    throw;
  }
  forward(lines, line_number_ - lines_before);
}

void Router::route_lines(std::string_view text) {
  scanner_.begin(text);
  while (scanner_.next()) {
    ++line_number_;
    std::string_view line = scanner_.line();
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (ParsedMessage const* const record = scanner_.record()) {
      route_message(*record, line);
    } else if (!is_blank(line)) {
      if (ParsedMessage const* const message = parse(line)) route_message(*message, line);
    }
  }
}

// Null for a line that was rejected.
ParsedMessage const* Router::parse(std::string_view line) {
  try {
    if (Tokens const* const tokens = scanner_.tokens()) return &parser_.parse_checked(line, *tokens);
    return &parser_.parse(line);
  } catch (NotJson& error) {
    if (reject_broken_line(error, line)) return nullptr;
    throw broken_line(std::move(error), line);
  } catch (Error& error) {
    throw broken_line(std::move(error), line);
  }
}

// False when it may be more than one record, or another's.
bool Router::reject_broken_line(NotJson const& error, std::string_view line) {
  if (!rejects_ || scanner_.is_cut() || may_hold_second_message(line)) return false;
  auto const beginning = beginning_of_record(line);
  Stream* const stream = beginning ? find(*beginning) : nullptr;
  if (stream == nullptr || stream->ended) return false;
  add_unreadable(*stream, error.what(), line);
  return true;
}

// Null when nobody can say whose it is: a namespace may have stood behind the break.
Router::Stream* Router::find(BeginningOfRecord const& beginning) {
  if (beginning.knows_name_space) return find(StreamName{beginning.stream, beginning.name_space});
  auto const has_its_name = [&](Stream const& stream) {
    return stream.queue->stream->descriptor.name == beginning.stream;
  };
  if (std::ranges::count_if(streams_, has_its_name) != 1) return nullptr;
  auto const found = std::ranges::find_if(streams_, has_its_name);
  last_found_ = static_cast<std::size_t>(found - streams_.begin());
  return &*found;
}

void Router::route_message(ParsedMessage const& message, std::string_view line) {
  try {
    whole_or_never([&] { handle(message, line); });
  } catch (Error& error) {
    error.add_context(fmt::format("line {}", line_number_));
    throw;
  }
}

void Router::handle(ParsedMessage const& message, std::string_view line) {
  switch (message.kind) {
    case MessageKind::record:
      handle_record(message, line);
      return;
    case MessageKind::state:
      handle_state();
      return;
    case MessageKind::stream_complete:
      handle_status(message, StreamStatus::complete);
      return;
    case MessageKind::stream_incomplete:
      handle_status(message, StreamStatus::incomplete);
      return;
    case MessageKind::ignored:
      ++ignored_in_block_;
      return;
  }
}

void Router::handle_record(ParsedMessage const& message, std::string_view line) {
  Stream* const stream = find(message.stream);
  if (stream == nullptr) throw unknown_stream(ErrorClass::config, "a record", message.stream);
  if (message.has_file) {
    Error error =
        config_error("files are not supported, but the record refers to one: turn file transfer off at the source");
    error.add_context(in_stream(stream->queue->stream->descriptor));
    throw error;
  }
  if (stream->broken_off) return drain(*stream, line);
  if (stream->ended) {
    Error error = system_error("a record came after the COMPLETE status");
    error.add_context(in_stream(stream->queue->stream->descriptor));
    throw error;
  }
  if (message.is_too_deep) {
    return refuse_record(*stream, fmt::format("JSON nested deeper than {} levels", MessageParser::max_depth), line);
  }
  if (message.has_lone_surrogates && would_names_collide(message.data)) {
    return refuse_record(
        *stream, "the names of two members differ only in halves of surrogate pairs (such as \\ud83d alone)", line);
  }
  add(*stream, slice_of(message, line), line);
}

void Router::add(Stream& stream, RecordSlice const& slice, std::string_view line) {
  slices_.push_back(slice);
  stream_of_.push_back(static_cast<std::uint32_t>(last_found_));
  if (stream.block_records++ == 0) with_records_.push_back(last_found_);
  stream.block_bytes += std::uint64_t{slice.data_size} + slice.meta_size;
  ++stream.read.records;
  stream.read.bytes += line.size();
  note_moved(stream);
}

void Router::note_moved(Stream& stream) {
  if (!std::exchange(stream.has_moved, true)) moved_.push_back(last_found_);
}

void Router::refuse_record(Stream& stream, std::string_view reason, std::string_view line) {
  if (rejects_) return add_unreadable(stream, reason, line);
  break_off(stream, reason);
  drain(stream, line);
}

void Router::add_unreadable(Stream& stream, std::string_view reason, std::string_view line) {
  std::string const text = unreadable_text(fmt::format("line {}: {}", line_number_, reason), line);
  add(stream, unreadable_slice(keep_text(text)), line);
}

// What was read of it is loaded and acknowledged, the others go on.
void Router::break_off(Stream& stream, std::string_view reason) {
  Error error = cannot_be_loaded(stream.next_number(), stream.queue->stream->descriptor, reason);
  error.add_context(fmt::format("line {}", line_number_));
  StreamStatus const status = stream.incomplete ? StreamStatus::incomplete : StreamStatus::missing;
  EndOfStream end(status, stream.next_number(), false, false);
  end.failure = std::move(error);
  stream.ended = stream.broken_off = true;
  ends_.emplace_back(last_found_, std::move(end));
}

// STATEs behind such records stand behind the failure.
void Router::drain(Stream& stream, std::string_view line) {
  ++stream.drained.records;
  stream.drained.bytes += line.size();
  note_moved(stream);
  RecordCounts const counts = counts_of(stream);
  progress_.streams[last_found_].records = counts.records;
  progress_.streams[last_found_].bytes = counts.bytes;
}

RecordCounts Router::counts_of(Stream const& stream) noexcept {
  return RecordCounts(stream.read.records + stream.drained.records, stream.read.bytes + stream.drained.bytes);
}

RecordSlice Router::slice_of(ParsedMessage const& message, std::string_view line) {
  LANDFALL_ASSERT(message.data.size() <= UINT32_MAX);
  LANDFALL_ASSERT(message.meta.size() <= UINT32_MAX);
  RecordSlice slice;
  slice.data = message.data.data();
  slice.data_size = static_cast<std::uint32_t>(message.data.size());
  slice.meta = message.meta.empty() ? nullptr : message.meta.data();
  slice.meta_size = static_cast<std::uint32_t>(message.meta.size());
  slice.emitted_at_ms = message.emitted_at_ms;
  if (message.has_lone_surrogates) replace_lone_surrogates_in(slice, message, line);
  return slice;
}

void Router::replace_lone_surrogates_in(RecordSlice& slice, ParsedMessage const& message, std::string_view line) {
  std::vector<std::string> const fields = members_with_lone_surrogates(message.data);
  replace_lone_surrogates(block_->data() + (line.data() - block_->data()), line.size());
  if (fields.empty()) return;
  ++progress_.streams[last_found_].replaced;
  std::string_view const meta = keep_text(meta_with_replacements(message.meta, fields));
  LANDFALL_ASSERT(meta.size() <= UINT32_MAX);
  slice.meta = meta.data();
  slice.meta_size = static_cast<std::uint32_t>(meta.size());
}

// Until the block at hand is forwarded, and as long as its records where they stay in the block.
std::string_view Router::keep_text(std::string const& text) {
  block_->account(text.size() + sizeof(std::unique_ptr<char[]>));
  char* const kept = texts_.emplace_back(std::make_unique_for_overwrite<char[]>(text.size())).get();
  std::memcpy(kept, text.data(), text.size());
  return {kept, text.size()};
}

void Router::handle_state() {
  StateMessage state = parser_.take_state([this](StreamName const& name) { return place_of(name); });
  std::vector<StreamPosition> positions = positions_of(state);
  checkpoints_.emplace_back(std::move(state), std::move(positions), read_at_);
}

std::vector<StreamPosition> Router::positions_of(StateMessage const& state) {
  std::vector<StreamPosition> positions;
  if (state.kind == StateKind::stream) {
    Stream* const stream = find(name_of(*state.stream));
    if (stream == nullptr) throw unknown_stream(ErrorClass::system, "a STATE", name_of(*state.stream));
    stream->state_behind = stream->read.records;
    positions.emplace_back(last_found_, counts_of(*stream));
    return positions;
  }
  if (!std::exchange(every_position_is_known_, true)) {
    moved_.resize(streams_.size());
    std::iota(moved_.begin(), moved_.end(), std::size_t{0});
  }
  positions.reserve(moved_.size());
  for (std::size_t const i : moved_) {
    Stream& stream = streams_[i];
    stream.has_moved = false;
    stream.state_behind = stream.read.records;
    positions.emplace_back(i, counts_of(stream));
  }
  moved_.clear();
  return positions;
}

void Router::handle_status(ParsedMessage const& message, StreamStatus status) {
  Stream* const stream = find(message.stream);
  if (stream == nullptr) throw unknown_stream(ErrorClass::system, "a status", message.stream);
  if (stream->broken_off) return;
  if (status == StreamStatus::incomplete) {
    if (stream->ended) {
      // Old data may be gone by now: the least that can be done is not to call the sync a success.
      Error error = system_error("an INCOMPLETE status came after the COMPLETE status");
      error.add_context(in_stream(stream->queue->stream->descriptor));
      throw error;
    }
    stream->incomplete = true;
    return;
  }
  if (stream->ended || stream->incomplete) return;
  stream->ended = true;
  ends_.emplace_back(last_found_, end_of(*stream, StreamStatus::complete, true));
}

EndOfStream Router::end_of(Stream const& stream, StreamStatus status, bool input_complete) const {
  bool const state_is_last = stream.state_behind == stream.read.records;
  return EndOfStream(status, stream.next_number(), state_is_last, input_complete);
}

Router::Stream* Router::find(StreamName const& name) {
  // Neighbours are mostly of one stream.
  if (last_found_ < streams_.size()) {
    StreamDescriptor const& last = streams_[last_found_].queue->stream->descriptor;
    if (name_of(last) == name) return &streams_[last_found_];
  }
  auto const found = place_of(name);
  if (!found) return nullptr;
  last_found_ = *found;
  return &streams_[last_found_];
}

Error Router::unknown_stream(ErrorClass error_class, std::string_view what, StreamName const& name) const {
  constexpr std::size_t most_named = 5;
  std::string known;
  for (std::size_t i = 0; i < streams_.size() && i < most_named; ++i) {
    if (i > 0) known += ", ";
    known += to_string(streams_[i].queue->stream->descriptor);
  }
  if (streams_.size() > most_named) known += fmt::format(" and {} more", streams_.size() - most_named);
  return Error(error_class, fmt::format("{} came for stream {}, which is not in the catalog; it has: {}", what,
                                        to_string(descriptor_of(name)), known));
}

Error Router::broken_line(Error error, std::string_view line) const {
  if (scanner_.is_cut()) error = system_error("input ended in the middle of line {}", line_number_);
  if (auto const stream = guess_stream(line)) error.add_context(in_stream(*stream));
  if (!scanner_.is_cut()) error.add_context(fmt::format("line {}", line_number_));
  return error;
}

void Router::forward(InputLines const& lines, std::uint64_t line_count) {
  whole_or_never([&] { forward_all(lines, line_count); });
}

void Router::forward_all(InputLines const& lines, std::uint64_t line_count) {
  if (!slices_.empty()) forward_records(lines);
  forward_checkpoints(*lines.block);
  for (auto const& [stream, end] : ends_) forward_end(stream, end);
  progress_.lines += line_count;
  progress_.bytes += lines.text.size();
  progress_.states += checkpoints_.size();
  progress_.ignored_messages += std::exchange(ignored_in_block_, 0);
  checkpoints_.clear();
  ends_.clear();
}

// Whoever waits for them is woken once.
void Router::forward_checkpoints(Block const& block) {
  if (checkpoints_.empty()) return;
  for (Checkpoint& checkpoint : checkpoints_) {
    std::uint64_t const bytes = checkpoint.size_bytes();
    checkpoint.memory = block.reserve(bytes);
    checkpoint_queue_.push_quietly(std::move(checkpoint), bytes);
  }
  checkpoint_queue_.wake();
}

// One run for each stream. The slices are grouped by stream first: of each stream they lie together, in order.
void Router::forward_records(InputLines const& lines) {
  group_by_stream();
  std::shared_ptr<RecordBlock> shared;  // made for the first stream that keeps its records where they are
  for (std::size_t const i : with_records_) {
    Stream& stream = streams_[i];
    bool const copied = pays_to_copy(stream.block_bytes, lines.text.size(), lines.block->capacity());
    if (!copied && !shared) shared = share(lines.block);
    queue_run(i, copied ? copy_out(stream, *lines.block) : run_of(stream, shared));
    stream.block_records = 0;
    stream.block_bytes = 0;
  }
  slices_.clear();
  stream_of_.clear();
  with_records_.clear();
  texts_.clear();
}

void Router::group_by_stream() {
  std::uint32_t index = 0;
  for (std::size_t const i : with_records_) {
    streams_[i].next_index = index;
    index += streams_[i].block_records;
  }
  LANDFALL_ASSERT(index == slices_.size());
  grouped_.resize(slices_.size());
  for (std::size_t i = 0; i < slices_.size(); ++i) grouped_[streams_[stream_of_[i]].next_index++] = slices_[i];
}

std::shared_ptr<RecordBlock> Router::share(std::shared_ptr<Block> const& block) {
  auto records = std::make_shared<RecordBlock>();
  records->block = block;
  records->slices = grouped_;
  records->texts = std::move(texts_);
  block->account(sizeof(RecordBlock) + grouped_.size() * sizeof(RecordSlice));
  return records;
}

RecordRun Router::run_of(Stream const& stream, std::shared_ptr<RecordBlock const> records) {
  RecordRun run;
  run.block = std::move(records);
  run.begin = stream.next_index - stream.block_records;
  run.end = stream.next_index;
  run.first_number = stream.next_number() - stream.block_records;
  run.bytes = stream.block_bytes;
  return run;
}

// The same records, in memory of their own: behind those that were copied before, where there is room. Others may read
// those meanwhile.
RecordRun Router::copy_out(Stream& stream, Block const& block) {
  CopiedRecords& copied = stream.copied;
  if (!copied.has_room(stream.block_records, stream.block_bytes)) {
    std::uint64_t const usual_bytes = std::min<std::uint64_t>(64 << 10, room_bytes_ / streams_.size());
    copied = CopiedRecords(block, usual_bytes, stream.block_records, stream.block_bytes);
  }
  auto const first = grouped_.begin() + (stream.next_index - stream.block_records);
  RecordRun run = run_of(stream, copied.records);
  run.begin = copied.slices_used;
  for (auto slice = first; slice != first + stream.block_records; ++slice) copied.add(*slice);
  run.end = copied.slices_used;
  copied.end_run();
  if (copied.is_full()) copied = CopiedRecords();  // what has no room is not kept
  return run;
}

void Router::queue_run(std::size_t index, RecordRun run) {
  Stream const& stream = streams_[index];
  stream.queue->push(ReadRun(std::move(run), read_at_));
  RecordCounts const counts = counts_of(stream);
  progress_.streams[index].records = counts.records;
  progress_.streams[index].bytes = counts.bytes;
}

void Router::forward_end(std::size_t stream, EndOfStream const& end) {
  streams_[stream].copied = CopiedRecords();
  streams_[stream].queue->push_end(end);
  progress_.streams[stream].ended = true;
}

void Router::give_back_room() noexcept {
  for (Stream& stream : streams_) stream.copied = CopiedRecords();
}

void Router::end_of_input(bool input_complete) {
  whole_or_never([&] { end_all(input_complete); });
}

void Router::end_all(bool input_complete) {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[i];
    if (stream.ended) continue;
    stream.ended = true;
    StreamStatus const status = stream.incomplete ? StreamStatus::incomplete : StreamStatus::missing;
    forward_end(i, end_of(stream, status, input_complete));
  }
}

}  // namespace landfall
