#include "connector/progress_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connector/human_units.hpp"
#include "connector/terminal_text.hpp"

namespace landfall {

namespace {

constexpr std::size_t longest_stream_name = 24;

// Columns that a character with this first byte takes: two for what may be wide, so that a line never wraps.
std::size_t columns_of(char first_byte) {
  auto const byte = static_cast<unsigned char>(first_byte);
  if (byte >= 0xE0) return 2;
  return byte >= 0x80 && byte < 0xC0 ? 0 : 1;  // 0: inside a character
}

std::size_t columns(std::string_view text) {
  std::size_t sum = 0;
  for (char const c : text) sum += columns_of(c);
  return sum;
}

// The part of `text` that fits into `width` columns, cut between characters.
std::string_view prefix_of_columns(std::string_view text, std::size_t width) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    used += columns_of(text[i]);
    if (used > width) return text.substr(0, i);
  }
  return text;
}

std::string shorten(std::string text, std::size_t width) {
  if (columns(text) <= width) return text;
  constexpr std::string_view mark = "...";
  if (width <= mark.size()) return std::string(prefix_of_columns(text, width));
  return std::string(prefix_of_columns(text, width - mark.size())).append(mark);
}

struct Total {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

Total total(SyncProgress const& progress) {
  Total sum;
  for (auto const& stream : progress.streams) {
    sum.records += stream.records_read;
    sum.bytes += stream.bytes_read;
  }
  return sum;
}

std::uint64_t difference(std::uint64_t now, std::uint64_t before) { return now > before ? now - before : 0; }

// Positions of the streams that have records, the most active first.
std::vector<std::size_t> streams_by_activity(SyncProgress const& now, SyncProgress const& before) {
  std::vector<std::pair<std::uint64_t, std::size_t>> moved;
  for (std::size_t i = 0; i < now.streams.size(); ++i) {
    auto const& stream = now.streams[i];
    if (stream.records_read == 0) continue;
    auto const earlier = i < before.streams.size() ? before.streams[i].records_read : 0;
    moved.emplace_back(difference(stream.records_read, earlier), i);
  }
  std::ranges::sort(
      moved, [](auto const& a, auto const& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::vector<std::size_t> order;
  for (auto const& [records, index] : moved) order.push_back(index);
  return order;
}

// ": users 1.2M, orders 3.4k, +2 more", in at most `width` columns; empty when not even one stream fits.
std::string format_streams(SyncProgress const& now, SyncProgress const& before, std::size_t width) {
  auto const order = streams_by_activity(now, before);
  std::string best;
  std::string shown;
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto const& stream = now.streams[order[i]];
    shown += fmt::format("{}{} {}", i == 0 ? ": " : ", ",
                         shorten(terminal_text(to_string(stream.stream)), longest_stream_name),
                         short_count(stream.records_read));
    if (columns(shown) > width) break;
    auto const left = order.size() - i - 1;
    auto with_rest = left == 0 ? shown : fmt::format("{}, +{} more", shown, left);
    if (columns(with_rest) <= width) best = std::move(with_rest);
  }
  return best;
}

std::size_t terminal_width(int fd) {
  constexpr std::size_t usual_width = 80;
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_width;
  return size.ws_col;
}

void write_once(int fd, std::string_view text) {
  // Only decoration: what the terminal does not take is left out.
  [[maybe_unused]] auto const written = ::write(fd, text.data(), text.size());
}

}  // namespace

std::string format_progress(SyncProgress const& now, SyncProgress const& before, std::size_t width) {
  auto const sum = total(now);
  auto const rate = megabytes_per_second(difference(sum.bytes, total(before).bytes), now.elapsed - before.elapsed);
  auto line = fmt::format("{} records, {:.1f} MB/s", exact_count(sum.records), rate);
  auto const tail =
      fmt::format(", memory {}, STATE {} of {}", byte_size(now.memory_bytes), now.states_emitted, now.states_received);
  auto const used = columns(line) + columns(tail);
  if (used < width) line += format_streams(now, before, width - used);
  return shorten(line + tail, width);
}

void ProgressLine::show(SyncProgress const& now) {
  std::lock_guard const lock(mutex_);
  if (ended_) return;
  // One column is left free: some terminals wrap when the last one is used.
  auto const line = format_progress(now, before_, terminal_width(fd_) - 1);
  write_once(fd_, fmt::format("\r{}\x1b[K\r", line));
  before_ = now;
  shown_ = true;
}

void ProgressLine::clear() {
  std::lock_guard const lock(mutex_);
  ended_ = true;
  if (shown_) write_once(fd_, "\r\x1b[K");
}

}  // namespace landfall
