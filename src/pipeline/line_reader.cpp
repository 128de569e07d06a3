#include "pipeline/line_reader.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/assert.hpp>

#include "protocol/message_parser.hpp"

namespace landfall {

LineReader::LineReader(ByteSource& source, MemoryBudget& budget, std::uint64_t block_bytes,
                       std::uint64_t longest_line_bytes)
    : source_(source), budget_(budget), block_bytes_(block_bytes), longest_line_bytes_(longest_line_bytes) {
  LANDFALL_ASSERT(block_bytes_ > 0);
  LANDFALL_ASSERT(longest_line_bytes_ > 0);
}

awaitable<std::optional<InputLines>> LineReader::next() {
  for (;;) {
    if (failure_) throw Error(*failure_);
    if (ended_) co_return std::nullopt;
    if (block_ == nullptr || end_ == block_->capacity()) co_await change_block();

    std::span<char> const room(block_->data() + end_, block_->capacity() - end_);
    std::size_t const count = co_await source_.read(room);
    LANDFALL_ASSERT(count <= room.size());
    if (count == 0) co_return take_last_line();

    std::size_t const fresh = end_;  // before it there is no line end
    bytes_read_ += count;
    end_ += count;
    std::size_t const line_end = std::string_view(block_->data() + fresh, count).rfind('\n');
    if (line_end != std::string_view::npos) {
      std::optional<InputLines> lines = take_lines(fresh + line_end + 1);
      if (lines) co_return lines;
    } else if (end_ - begin_ > longest_line_bytes_) {
      refuse_line(std::string_view(block_->data() + begin_, end_ - begin_));
    }
  }
}

awaitable<void> LineReader::change_block() {
  if (block_ != nullptr) {
    partial_line_.assign(block_->data() + begin_, end_ - begin_);
    block_.reset();
  }
  std::size_t const capacity = next_capacity();
  std::uint64_t const bytes = capacity + Block::padding + sizeof(Block);
  Reservation reservation = co_await budget_.reserve(bytes, on_pressure_);

  block_ = std::make_shared<Block>(capacity, std::move(reservation));
  std::memcpy(block_->data(), partial_line_.data(), partial_line_.size());
  begin_ = 0;
  end_ = partial_line_.size();
  partial_line_ = std::string();  // a long one gives its memory back
  LANDFALL_ASSERT(end_ < block_->capacity());
}

std::size_t LineReader::next_capacity() const {
  std::size_t const with_its_end = longest_line_bytes_ + 1;
  return std::max(block_bytes_, std::min(2 * partial_line_.size(), with_its_end));
}

std::optional<InputLines> LineReader::take_lines(std::size_t end) {
  InputLines lines;
  lines.block = block_;
  std::size_t const accepted_end = end_of_accepted(end);
  lines.text = std::string_view(block_->data() + begin_, accepted_end - begin_);
  if (failure_) {
    block_.reset();
  } else {
    keep_partial_line(end);
  }
  if (lines.text.empty()) return std::nullopt;
  return lines;
}

std::optional<InputLines> LineReader::take_last_line() {
  ended_ = true;
  InputLines lines;
  lines.block = std::exchange(block_, nullptr);
  lines.text = std::string_view(lines.block->data() + begin_, end_ - begin_);
  if (lines.text.empty()) return std::nullopt;
  return lines;
}

// The end of those that are not too long: whether a line is accepted depends on nothing but the line.
std::size_t LineReader::end_of_accepted(std::size_t end) {
  if (end - begin_ <= longest_line_bytes_) return end;  // of nearly every text
  std::size_t begin = begin_;
  while (begin < end) {
    char const* const start = block_->data() + begin;
    auto const* const line_end = static_cast<char const*>(std::memchr(start, '\n', end - begin));
    LANDFALL_ASSERT(line_end != nullptr);
    auto const length = static_cast<std::size_t>(line_end - start);
    if (length > longest_line_bytes_) {
      refuse_line(std::string_view(start, length));
      break;
    }
    begin += length + 1;
  }
  return begin;
}

// What comes next goes on behind the lines that are handed out: behind their padding, which others may read.
void LineReader::keep_partial_line(std::size_t begin) {
  std::size_t const size = end_ - begin;
  std::size_t const new_begin = begin + Block::padding;
  std::size_t const least_room = block_->capacity() / 8;  // a read should bring something
  if (new_begin + size + least_room <= block_->capacity()) {
    std::memmove(block_->data() + new_begin, block_->data() + begin, size);
    begin_ = new_begin;
    end_ = new_begin + size;
  } else {
    partial_line_.assign(block_->data() + begin, size);
    block_.reset();
  }
}

void LineReader::refuse_line(std::string_view line) {
  failure_ = system_error("a line longer than {} bytes, the longest that is allowed (longest_line_bytes)",
                          longest_line_bytes_);
  if (auto const stream = guess_stream(line)) failure_->add_context("stream " + to_string(*stream));
}

}  // namespace landfall
