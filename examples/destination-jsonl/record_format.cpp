#include "record_format.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace jsonl {
namespace {

constexpr std::string_view raw_id_key = R"({"_airbyte_raw_id":")";
constexpr std::size_t plain_time_size = 24;  // of "2023-11-14T22:13:20.123Z"

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

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept { return a / b - (a % b < 0 ? 1 : 0); }

struct Date {
  std::int64_t year;
  int month;
  int day;
};

/// Of the Gregorian calendar, for any day (chrono's year ends at 32767). H. Hinnant, "chrono-compatible low-level date
/// algorithms".
Date date_of(std::int64_t days_since_epoch) noexcept {
  std::int64_t const days = days_since_epoch + 719468;  // since 0000-03-01
  std::int64_t const era = floor_div(days, 146097);
  std::int64_t const day_of_era = days - era * 146097;
  std::int64_t const year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  std::int64_t const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::int64_t const shifted_month = (5 * day_of_year + 2) / 153;  // March is 0
  auto const day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  auto const month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return Date{era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day};
}

struct Moment {
  Date date;
  int ms;  ///< of the day
};

Moment moment_of(std::int64_t since_epoch_ms) noexcept {
  constexpr std::int64_t day_ms = 86'400'000;
  std::int64_t const rest_ms = since_epoch_ms % day_ms;
  std::int64_t const of_day_ms = rest_ms < 0 ? rest_ms + day_ms : rest_ms;
  return Moment{date_of(floor_div(since_epoch_ms, day_ms)), static_cast<int>(of_day_ms)};
}

void write_digits(char* out, int number, int count) noexcept {
  for (int i = count - 1; i >= 0; --i, number /= 10) out[i] = static_cast<char>('0' + number % 10);
}

/// Writes plain_time_size characters, unless the year has not four digits.
bool write_plain_time(std::int64_t since_epoch_ms, char* out) noexcept {
  auto const [date, ms] = moment_of(since_epoch_ms);
  if (date.year < 0 || date.year > 9999) return false;
  std::memcpy(out, "0000-00-00T00:00:00.000Z", plain_time_size);
  write_digits(out, static_cast<int>(date.year), 4);
  write_digits(out + 5, date.month, 2);
  write_digits(out + 8, date.day, 2);
  write_digits(out + 11, ms / 3'600'000, 2);
  write_digits(out + 14, ms / 60'000 % 60, 2);
  write_digits(out + 17, ms / 1000 % 60, 2);
  write_digits(out + 20, ms % 1000, 3);
  return true;
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

std::string utc_text(std::int64_t since_epoch_ms) {
  std::string text(plain_time_size, ' ');
  if (write_plain_time(since_epoch_ms, text.data())) return text;
  auto const [date, ms] = moment_of(since_epoch_ms);
  return fmt::format("{:+07}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", date.year, date.month, date.day, ms / 3'600'000,
                     ms / 60'000 % 60, ms / 1000 % 60, ms % 1000);
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
  if (has_plain_time_ && write_plain_time(since_epoch_ms, head_.data() + before_time_.size())) return;
  auto const text = utc_text(since_epoch_ms);
  head_ = before_time_ + text + after_time_;
  has_plain_time_ = text.size() == plain_time_size;
}

}  // namespace jsonl
