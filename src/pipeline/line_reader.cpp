#include "pipeline/line_reader.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/assert.hpp>

#include "protocol/input_format.hpp"
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
    if (needs_block()) co_await change_block();

    std::span<char> const room(block_->data() + end_, next_read_bytes());
    static_cast<void>(reading_ahead_.release());  // the read ends it
    std::size_t const count = co_await source_.read(room);
    LANDFALL_ASSERT(count <= room.size());
    std::size_t const fresh = end_;  // before it there is no line end
    bytes_read_ += count;
    end_ += count;
    check_beginning(count == 0);
    if (count == 0) co_return take_last_line();

    std::size_t const line_end = std::string_view(block_->data() + fresh, count).rfind('\n');
    if (line_end != std::string_view::npos) {
      std::optional<InputLines> lines = take_lines(fresh + line_end + 1);
      if (!lines) continue;
      read_ahead();
      co_return lines;
    }
    if (end_ - begin_ > longest_line_bytes_) {
      refuse_line(std::string_view(block_->data() + begin_, end_ - begin_));
    }
  }
}

// While the lines at hand are looked at. Of long lines another block would take too much of the memory.
void LineReader::read_ahead() {
  if (failure_ || expected_line_bytes() > 0) return;
  if (needs_block() && !change_block_at_once()) return;
  source_.read_ahead(std::span<char>(block_->data() + end_, next_read_bytes()));
  reading_ahead_.reset(&source_);
}

awaitable<void> LineReader::change_block() {
  leave_block();
  std::uint64_t const bytes = bytes_of_next_block();
  std::function<void()> when_it_waits;
  if (on_pressure_) when_it_waits = [this, bytes] { on_pressure_(bytes); };
  use_block(co_await budget_.reserve(bytes, std::move(when_it_waits)));
}

bool LineReader::change_block_at_once() {
  leave_block();
  std::optional<Reservation> reservation = budget_.try_reserve(bytes_of_next_block());
  if (!reservation) return false;
  use_block(std::move(*reservation));
  return true;
}

void LineReader::leave_block() {
  if (block_ == nullptr) return;
  partial_line_.assign(block_->data() + begin_, end_ - begin_);
  block_.reset();
}

std::uint64_t LineReader::bytes_of_next_block() const { return next_capacity() + Block::padding + sizeof(Block); }

void LineReader::use_block(Reservation reservation) {
  if (reservation.bytes() > budget_.capacity_bytes()) tell_large_record();
  std::size_t const capacity = next_capacity();
  LANDFALL_ASSERT(reservation.bytes() == bytes_of_next_block());
  block_ = std::make_shared<Block>(capacity, std::move(reservation));
  std::memcpy(block_->data(), partial_line_.data(), partial_line_.size());
  begin_ = 0;
  end_ = partial_line_.size();
  partial_line_ = std::string();  // a long one gives its memory back
  LANDFALL_ASSERT(end_ < block_->capacity());
}

std::size_t LineReader::next_capacity() const {
  std::size_t const with_its_end = longest_line_bytes_ + 1;
  std::size_t const partial = partial_line_.size();
  std::size_t const expected = expected_line_bytes();
  std::size_t const somewhat_longer = expected + expected / 8;  // they differ a little
  std::size_t const wanted = partial < expected ? somewhat_longer : 2 * partial;
  return std::max(block_bytes_, std::min(wanted, with_its_end));
}

// An expected long line at once, as far as it is missing, and not much of the next one, which would have to be copied.
std::size_t LineReader::next_read_bytes() const {
  std::size_t const missing = expected_line_bytes() - std::min(expected_line_bytes(), end_ - begin_);
  return std::min(block_->capacity() - end_, std::max(block_bytes_, missing));
}

// 0: a usual one, or one that takes so much of the memory that it is not made before it is sure to be needed.
std::size_t LineReader::expected_line_bytes() const {
  if (last_long_line_ == 0 || second_last_line_ == 0) return 0;
  std::size_t const expected = std::max(last_long_line_, second_last_line_);
  return expected <= budget_.capacity_bytes() / 2 ? expected : 0;
}

// `text`: lines that came with one read.
void LineReader::note_length(std::string_view text) {
  bool const is_long = text.size() > block_bytes_ && text.substr(0, block_bytes_).find('\n') == std::string_view::npos;
  second_last_line_ = std::exchange(last_long_line_, is_long ? text.size() : 0);
}

std::optional<InputLines> LineReader::take_lines(std::size_t end) {
  line_is_told_ = false;
  InputLines lines;
  lines.block = block_;
  std::size_t const accepted_end = end_of_accepted(end);
  lines.text = std::string_view(block_->data() + begin_, accepted_end - begin_);
  note_length(lines.text);
  skip_byte_order_mark(lines.text);
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
  skip_byte_order_mark(lines.text);
  if (lines.text.empty()) return std::nullopt;
  return lines;
}

// Before anything of it is handed out: what is no text need not have lines. A short read does not decide: UTF-32 may
// begin like UTF-16.
void LineReader::check_beginning(bool is_all) {
  if (is_text_ || has_begun_) return;
  std::string_view const beginning(block_->data() + begin_, end_ - begin_);
  bool const is_handed_out = is_all || beginning.find('\n') != beginning.npos;
  if (beginning.size() < format_prefix_bytes && !is_handed_out) return;
  failure_ = foreign_format("the input", beginning);
  if (failure_) throw Error(*failure_);
  is_text_ = beginning.size() >= format_prefix_bytes;
}

void LineReader::skip_byte_order_mark(std::string_view& text) noexcept {
  if (!std::exchange(has_begun_, true)) text = without_byte_order_mark(text);
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
  if (new_begin + std::max(size + least_room, expected_line_bytes()) <= block_->capacity()) {
    std::memmove(block_->data() + new_begin, block_->data() + begin, size);
    begin_ = new_begin;
    end_ = new_begin + size;
  } else {
    partial_line_.assign(block_->data() + begin, size);
    block_.reset();
  }
}

void LineReader::tell_large_record() {
  if (!on_large_record_ || std::exchange(line_is_told_, true)) return;
  on_large_record_(LargeRecord(guess_stream(partial_line_), partial_line_.size(), budget_.capacity_bytes()));
}

void LineReader::refuse_line(std::string_view line) {
  failure_ = system_error("a line longer than {} bytes, the longest that is allowed (longest_line_bytes)",
                          longest_line_bytes_);
  if (auto const stream = guess_stream(line)) failure_->add_context("stream " + to_string(*stream));
}

}  // namespace landfall
