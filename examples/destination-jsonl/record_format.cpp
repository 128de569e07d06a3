#include "record_format.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/utc_text.hpp>

namespace jsonl {
namespace {

constexpr std::string_view raw_id_key = R"({"_airbyte_raw_id":")";

constexpr auto hex_pairs = [] {
  std::array<std::array<char, 2>, 256> pairs{};
  constexpr std::string_view digits = "0123456789abcdef";
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {digits[i >> 4], digits[i & 15]};
  return pairs;
}();

/// The bytes from `first` down to `last` (7 is the most significant) of `value`.
char* write_bytes(char* out, std::uint64_t value, int first, int last) noexcept {
  for (int i = first; i >= last; --i) {
    std::memcpy(out, hex_pairs[(value >> (8 * i)) & 0xff].data(), 2);
    out += 2;
  }
  return out;
}

std::uint64_t next_random(std::uint64_t& state) noexcept {  // splitmix64
  std::uint64_t mixed = (state += 0x9e3779b97f4a7c15);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

/// Walks over valid JSON; on broken JSON it stops somewhere within it.
class Scanner {
 public:
  explicit Scanner(std::string_view json) : json_(json) {}

  bool take(char expected) noexcept {
    skip_space();
    if (at_ >= json_.size() || json_[at_] != expected) return false;
    ++at_;
    return true;
  }

  /// A whole value, with its quotes or brackets.
  std::string_view value() noexcept {
    skip_space();
    std::size_t const begin = at_;
    int depth = 0;
    while (at_ < json_.size()) {
      char const c = json_[at_];
      if (c == '"') {
        skip_string();
        if (depth == 0) break;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ':')) break;
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) break;
    }
    return json_.substr(begin, at_ - begin);
  }

 private:
  void skip_space() noexcept {
    while (at_ < json_.size() && std::string_view(" \t\r\n").find(json_[at_]) != std::string_view::npos) ++at_;
  }

  void skip_string() noexcept {
    for (++at_; at_ < json_.size() && json_[at_] != '"'; ++at_) {
      if (json_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, json_.size());
  }

  std::string_view json_;
  std::size_t at_ = 0;
};

bool is_changes(std::string_view key) {
  if (key == R"("changes")") return true;
  if (key.find('\\') == std::string_view::npos) return false;
  boost::system::error_code error;
  auto const unescaped = boost::json::parse(key, error);
  return !error && unescaped.is_string() && unescaped.get_string() == "changes";
}

std::string number_or_null(std::optional<std::int64_t> const& number) {
  return number ? fmt::format("{}", *number) : "null";
}

}  // namespace

RowBuffer::RowBuffer(std::size_t capacity, Drain drain)
    : capacity_(capacity), bytes_(std::make_unique_for_overwrite<char[]>(capacity)), drain_(std::move(drain)) {}

void RowBuffer::append_large(std::string_view piece) {
  flush();
  if (piece.size() > capacity_) return drain_(piece);
  append(piece);
}

void RowBuffer::flush() {
  if (size_ == 0) return;
  drain_({bytes_.get(), std::exchange(size_, 0)});
}

void RawIds::set_time(Milliseconds now) noexcept {
  auto const now_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.time_since_epoch().count()));
  if (now_ms <= time_ms_) return;
  time_ms_ = now_ms;
  counter_ = 0;
}

void RawIds::write_next(char* text) noexcept {
  std::uint64_t const counter = counter_;
  std::uint64_t const high = (time_ms_ << 16) | 0x7000 | (counter >> 20);
  std::uint64_t const low = (std::uint64_t{2} << 62) | ((counter & 0xfffff) << 42) | (next_random(random_) >> 22);
  if (++counter_ == 0) ++time_ms_;
  text = write_bytes(text, high, 7, 4);
  *text++ = '-';
  text = write_bytes(text, high, 3, 2);
  *text++ = '-';
  text = write_bytes(text, high, 1, 0);
  *text++ = '-';
  text = write_bytes(text, low, 7, 6);
  *text++ = '-';
  write_bytes(text, low, 5, 0);
}

std::string_view changes_of(std::string_view meta) {
  std::string_view changes = "[]";
  if (meta.empty()) return changes;
  Scanner scanner(meta);
  if (!scanner.take('{')) return changes;
  do {
    auto const key = scanner.value();
    if (!scanner.take(':')) break;
    auto const value = scanner.value();
    if (value.starts_with('[') && value.ends_with(']') && is_changes(key)) changes = value;
  } while (scanner.take(','));
  return changes;
}

RecordFormatter::RecordFormatter(RecordFormat format, landfall::DestinationStream const& stream, std::uint64_t seed)
    : format_(format), raw_ids_(seed) {
  before_time_ = fmt::format(R"({}{}","_airbyte_extracted_at":")", raw_id_key, std::string(RawIds::text_size, '0'));
  after_time_ = fmt::format(R"(","_airbyte_meta":{{"sync_id":{},"changes":)", number_or_null(stream.sync_id));
  tail_ = fmt::format(R"(}},"_airbyte_generation_id":{},"_airbyte_data":)", number_or_null(stream.generation_id));
}

void RecordFormatter::write(landfall::RecordBatch const& records, Milliseconds now, RowBuffer& out) {
  raw_ids_.set_time(now);
  for (auto const& record : records) {
    if (format_ == RecordFormat::airbyte) write_airbyte(record, out);
    out.append(record.data());
    out.append(format_ == RecordFormat::airbyte ? "}\n" : "\n");
  }
}

void RecordFormatter::write_airbyte(landfall::Record const& record, RowBuffer& out) {
  set_time(record.emitted_at().time_since_epoch().count());
  raw_ids_.write_next(head_.data() + raw_id_key.size());
  out.append(head_);
  out.append(changes_of(record.meta()));
  out.append(tail_);
}

void RecordFormatter::set_time(std::int64_t since_epoch_ms) {
  landfall::UtcText const time(since_epoch_ms);
  bool const is_usual = time.text().size() == landfall::UtcText::usual_size;
  if (is_usual && has_usual_time_) {
    std::memcpy(head_.data() + before_time_.size(), time.text().data(), landfall::UtcText::usual_size);
    return;
  }
  head_ = fmt::format("{}{}{}", before_time_, time.text(), after_time_);
  has_usual_time_ = is_usual;
}

}  // namespace jsonl
