#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <landfall/pipeline/large_record.hpp>
#include <landfall/protocol/byte_source.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/block.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/memory_budget.hpp>

namespace landfall {

/// Neighbouring whole lines of the input. Block::padding bytes behind them are readable and are not written any more.
struct InputLines {
  InputLines() = default;

  std::shared_ptr<Block> block;  ///< where they lie; several InputLines may share one
  std::string_view text;         ///< not empty; each line ends with '\n', only the last one of the input may not
};

/// Cuts the input into whole lines, in blocks that are shared instead of copied.
///
/// Memory:    a block is reserved before it is filled and filled before the next is reserved, however little a read
///            brings: what is held stays in proportion to what was read. Only the partial line between two blocks is
///            not accounted for while the next block waits for memory; so a reader that waits holds nothing that
///            others wait for.
/// Beginning: a byte order mark of UTF-8 is left out.
/// Latency:   lines are handed out after the read that brought them, never kept for a block to fill. Meanwhile the
///            source may read what comes next, where there is memory for it without waiting.
/// Threads:   one caller at a time.
/// Lifetime:  source and budget outlive it. When it goes, the source does not read for it any more.
class LineReader {
 public:
  /// `block_bytes`: of a usual block; a longer line gets a larger one, doubled until it fits. After two long lines in a
  /// row a third one is expected: its block is made as large at once.
  /// `longest_line_bytes`: without the line end; a longer line is an error.
  LineReader(ByteSource& source, MemoryBudget& budget, std::uint64_t block_bytes, std::uint64_t longest_line_bytes);

  /// Called when it waits for memory, with how many bytes it needs, so that others free some.
  void on_pressure(std::function<void(std::uint64_t)> callback) { on_pressure_ = std::move(callback); }

  /// Called once for each line that needs a block larger than the whole budget, when the block was granted.
  void on_large_record(std::function<void(LargeRecord const&)> callback) { on_large_record_ = std::move(callback); }

  /// The next lines; nothing at the end of the input.
  /// Errors: what the source throws; Error(config) for an input that is compressed, or no UTF-8; Error(system) about
  /// the line that is too long, after all lines before it were
  ///         handed out: it is the next one. After an error of its own it gives the same one again.
  awaitable<std::optional<InputLines>> next();

  std::uint64_t bytes_read() const noexcept { return bytes_read_; }

 private:
  struct StopReadingAhead {
    void operator()(ByteSource* source) const noexcept { source->stop_reading_ahead(); }
  };

  bool needs_block() const noexcept { return block_ == nullptr || end_ == block_->capacity(); }
  awaitable<void> change_block();
  bool change_block_at_once();
  void leave_block();
  std::uint64_t bytes_of_next_block() const;
  void use_block(Reservation reservation);
  void read_ahead();
  std::size_t next_capacity() const;
  std::size_t next_read_bytes() const;
  std::size_t expected_line_bytes() const;
  void note_length(std::string_view text);
  std::optional<InputLines> take_lines(std::size_t end);
  std::optional<InputLines> take_last_line();
  std::size_t end_of_accepted(std::size_t end);
  void keep_partial_line(std::size_t begin);
  void refuse_line(std::string_view line);
  void check_beginning(bool is_all);
  void skip_byte_order_mark(std::string_view& text) noexcept;
  void tell_large_record();

  ByteSource& source_;
  MemoryBudget& budget_;
  std::size_t block_bytes_;
  std::size_t longest_line_bytes_;
  std::function<void(std::uint64_t)> on_pressure_;
  std::function<void(LargeRecord const&)> on_large_record_;

  std::shared_ptr<Block> block_;  // being filled; what lies before begin_ was handed out
  std::size_t begin_ = 0;         // of what was read and not handed out: the beginning of a line
  std::size_t end_ = 0;
  std::string partial_line_;          // while there is no block
  std::size_t last_long_line_ = 0;    // its length, or that of a line and a few short ones; 0: it was not long
  std::size_t second_last_line_ = 0;  // the same of the one before
  std::uint64_t bytes_read_ = 0;
  bool ended_ = false;
  bool is_text_ = false;       // its beginning was looked at
  bool has_begun_ = false;     // lines were handed out
  bool line_is_told_ = false;  // by on_large_record_
  std::optional<Error> failure_;
  std::unique_ptr<ByteSource, StopReadingAhead> reading_ahead_;  // to block_, which is still there when this goes
};

}  // namespace landfall
