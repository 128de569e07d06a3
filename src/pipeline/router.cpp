#include "pipeline/router.hpp"

#include <functional>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

StreamDescriptor descriptor_of(StreamName const& name) {
  std::optional<std::string> name_space;
  if (name.name_space) name_space.emplace(*name.name_space);
  return StreamDescriptor(std::string(name.name), std::move(name_space));
}

StreamName name_of(StreamDescriptor const& descriptor) {
  StreamName name;
  name.name = descriptor.name;
  if (descriptor.name_space) name.name_space = *descriptor.name_space;
  return name;
}

std::string in_stream(StreamDescriptor const& stream) { return "stream " + to_string(stream); }

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

RecordSlice slice_of(ParsedMessage const& message) {
  RecordSlice slice;
  slice.data = message.data.data();
  slice.data_size = static_cast<std::uint32_t>(message.data.size());
  slice.meta = message.meta.empty() ? nullptr : message.meta.data();
  slice.meta_size = static_cast<std::uint32_t>(message.meta.size());
  slice.emitted_at_ms = message.emitted_at_ms;
  return slice;
}

}  // namespace

std::size_t Router::NameHash::operator()(StreamName const& name) const noexcept {
  std::hash<std::string_view> const hash;
  return name.name_space ? hash(name.name) * 31 + hash(*name.name_space) + 1 : hash(name.name);
}

Router::Router(StreamQueues& queues, CheckpointQueue& checkpoints, Clock const& clock, Validation validation,
               InputProgress& progress)
    : checkpoint_queue_(checkpoints), clock_(clock), progress_(progress), parser_(validation) {
  LANDFALL_ASSERT(progress.streams.size() == queues.all().size());
  streams_.reserve(queues.all().size());
  for (auto const& queue : queues.all()) {
    by_name_.emplace(name_of(queue->stream->descriptor), streams_.size());
    streams_.emplace_back(*queue);
  }
}

void Router::route(InputLines const& lines) {
  line_number_ = lines.first_line - 1;
  try {
    route_lines(lines.text);
  } catch (...) {
    forward(lines);  // what stood before the bad line is loaded and acknowledged
    throw;
  }
  forward(lines);
}

void Router::route_lines(std::string_view text) {
  while (!text.empty()) {
    std::size_t const end = text.find('\n');
    bool const is_cut = end == std::string_view::npos;
    std::string_view const line = text.substr(0, end);
    text.remove_prefix(is_cut ? text.size() : end + 1);
    ++line_number_;
    if (!is_blank(line)) route_line(line, is_cut);
  }
}

void Router::route_line(std::string_view line, bool is_cut) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  ParsedMessage const* message = nullptr;
  try {
    message = &parser_.parse(line);
  } catch (Error& error) {
    throw broken_line(std::move(error), line, is_cut);
  }
  try {
    handle(*message, line);
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
  if (message.has_file_reference) {
    Error error = config_error("files are not supported, but the record refers to one");
    error.add_context(in_stream(stream->queue->stream->descriptor));
    throw error;
  }
  if (stream->ended) {
    Error error = system_error("a record came after the COMPLETE status");
    error.add_context(in_stream(stream->queue->stream->descriptor));
    throw error;
  }
  LANDFALL_ASSERT(message.data.size() <= UINT32_MAX);
  LANDFALL_ASSERT(message.meta.size() <= UINT32_MAX);
  slices_.push_back(slice_of(message));
  stream_of_.push_back(static_cast<std::uint32_t>(last_found_));
  if (stream->block_records++ == 0) with_records_.push_back(last_found_);
  stream->block_bytes += message.data.size() + message.meta.size();
  ++stream->read.records;
  stream->read.bytes += line.size();
}

void Router::handle_state() {
  StateMessage state = parser_.take_state();
  std::vector<StreamPosition> positions = positions_of(state);
  checkpoints_.emplace_back(std::move(state), std::move(positions), clock_.now());
}

std::vector<StreamPosition> Router::positions_of(StateMessage const& state) {
  std::vector<StreamPosition> positions;
  if (state.kind == StateKind::stream) {
    if (!state.stream) throw system_error("a STREAM state names no stream");
    Stream* const stream = find(name_of(*state.stream));
    if (stream == nullptr) throw unknown_stream(ErrorClass::system, "a STATE", name_of(*state.stream));
    stream->state_behind = stream->read.records;
    positions.emplace_back(*state.stream, stream->read);
    return positions;
  }
  positions.reserve(streams_.size());
  for (Stream& stream : streams_) {
    stream.state_behind = stream.read.records;
    positions.emplace_back(stream.queue->stream->descriptor, stream.read);
  }
  return positions;
}

void Router::handle_status(ParsedMessage const& message, StreamStatus status) {
  Stream* const stream = find(message.stream);
  if (stream == nullptr) throw unknown_stream(ErrorClass::system, "a status", message.stream);
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
  return EndOfStream(status, stream.read.records, state_is_last, input_complete);
}

Router::Stream* Router::find(StreamName const& name) {
  // Neighbours are mostly of one stream.
  if (last_found_ < streams_.size()) {
    StreamDescriptor const& last = streams_[last_found_].queue->stream->descriptor;
    if (name_of(last) == name) return &streams_[last_found_];
  }
  auto const found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  last_found_ = found->second;
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

Error Router::broken_line(Error error, std::string_view line, bool is_cut) const {
  if (is_cut) error = system_error("input ended in the middle of line {}", line_number_);
  if (auto const stream = guess_stream(line)) error.add_context(in_stream(*stream));
  if (!is_cut) error.add_context(fmt::format("line {}", line_number_));
  return error;
}

void Router::forward(InputLines const& lines) {
  if (!slices_.empty()) forward_records(lines.block);
  for (Checkpoint& checkpoint : checkpoints_) {
    std::uint64_t const bytes = checkpoint.state.size_bytes();
    checkpoint_queue_.push_now(std::move(checkpoint), bytes);
  }
  for (auto const& [stream, end] : ends_) forward_end(stream, end);
  progress_.lines += lines.line_count;
  progress_.bytes += lines.text.size();
  progress_.states += checkpoints_.size();
  progress_.ignored_messages += std::exchange(ignored_in_block_, 0);
  checkpoints_.clear();
  ends_.clear();
}

// One vector for the block, grouped by stream, and one run of it for each stream.
void Router::forward_records(std::shared_ptr<Block> const& block) {
  auto records = std::make_shared<RecordBlock>();
  records->block = block;
  records->slices.resize(slices_.size());
  block->account(sizeof(RecordBlock) + slices_.size() * sizeof(RecordSlice));
  std::uint32_t index = 0;
  for (std::size_t const i : with_records_) {
    streams_[i].next_index = index;
    index += streams_[i].block_records;
  }
  LANDFALL_ASSERT(index == slices_.size());
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    records->slices[streams_[stream_of_[i]].next_index++] = slices_[i];
  }
  for (std::size_t const i : with_records_) {
    Stream& stream = streams_[i];
    RecordRun run;
    run.block = records;
    run.begin = stream.next_index - stream.block_records;
    run.end = stream.next_index;
    run.first_number = stream.read.records - stream.block_records;
    run.bytes = stream.block_bytes;
    stream.queue->queued_until = stream.read.records;
    stream.queue->accumulated_bytes += run.bytes;
    stream.queue->queue.push_now(std::move(run), stream.block_bytes);
    progress_.streams[i].records = stream.read.records;
    progress_.streams[i].bytes = stream.read.bytes;
    stream.block_records = 0;
    stream.block_bytes = 0;
  }
  slices_.clear();
  stream_of_.clear();
  with_records_.clear();
}

void Router::forward_end(std::size_t stream, EndOfStream const& end) {
  StreamQueue& queue = *streams_[stream].queue;
  queue.queue.push_now(end, sizeof(EndOfStream));
  queue.queue.close();
  progress_.streams[stream].ended = true;
}

void Router::end_of_input(bool input_complete) {
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    Stream& stream = streams_[i];
    if (stream.ended) continue;
    stream.ended = true;
    StreamStatus const status = stream.incomplete ? StreamStatus::incomplete : StreamStatus::missing;
    forward_end(i, end_of(stream, status, input_complete));
  }
}

}  // namespace landfall
