#include "table/moments.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

constexpr unsigned longest_fraction = 9;

struct Date {
  std::int64_t year = 0;  ///< 0 is 1 BC
  int month = 0;
  int day = 0;
};

struct Time {
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::string_view fraction;  ///< digits
};

struct Offset {
  enum class Form { none, utc, hours };
  Form form = Form::none;
  char sign = '+';
  int hour = 0;
  int minute = 0;
};

// ---- reading; each function is false where it is no such thing ----

bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }

/// The text that has not been read.
class Rest {
 public:
  explicit Rest(std::string_view text) noexcept : at_(text.data()), end_(text.data() + text.size()) {}

  bool empty() const noexcept { return at_ == end_; }
  bool begins_with_digit() const noexcept { return at_ != end_ && is_digit(*at_); }

  /// The next byte, if it is one of these; otherwise '\0'.
  char take_one_of(std::string_view bytes) noexcept {
    if (at_ == end_ || bytes.find(*at_) == std::string_view::npos) return '\0';
    return *at_++;
  }

  bool take(char byte) noexcept {
    if (at_ == end_ || *at_ != byte) return false;
    ++at_;
    return true;
  }

  bool take(std::string_view text) noexcept {
    if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, text.size()) != text) return false;
    at_ += text.size();
    return true;
  }

  std::string_view take_digits() noexcept {
    char const* const begin = at_;
    while (begins_with_digit()) ++at_;
    return std::string_view(begin, static_cast<std::size_t>(at_ - begin));
  }

  bool take_two_digits(int& number) noexcept {
    if (end_ - at_ < 2 || !is_digit(at_[0]) || !is_digit(at_[1])) return false;
    number = (at_[0] - '0') * 10 + (at_[1] - '0');
    at_ += 2;
    return true;
  }

  bool take_one_or_two_digits(int& number) noexcept {
    if (take_two_digits(number)) return true;
    if (!begins_with_digit()) return false;
    number = *at_++ - '0';
    return true;
  }

 private:
  char const* at_;
  char const* end_;
};

bool is_leap(std::int64_t year) noexcept { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_of(std::int64_t year, int month) noexcept {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool take_date(Rest& rest, Date& date) noexcept {
  constexpr std::string_view separators = "-/. ";
  constexpr std::size_t longest_year = 9;
  char const sign = rest.take_one_of("-+");
  std::string_view const year = rest.take_digits();
  if (year.empty() || year.size() > longest_year) return false;
  for (char const digit : year) date.year = date.year * 10 + (digit - '0');
  if (sign == '-') date.year = -date.year;

  // 1/2/24 may be anything; 2024/1/2 is clear.
  bool const is_clear = year.size() >= 4;
  auto const take_part = [&](int& part) {
    if (rest.take_one_of(separators) == '\0') return false;
    return is_clear ? rest.take_one_or_two_digits(part) : rest.take_two_digits(part);
  };
  return take_part(date.month) && take_part(date.day);
}

bool take_time(Rest& rest, Time& time) noexcept {
  if (!rest.take_two_digits(time.hour) || !rest.take(':') || !rest.take_two_digits(time.minute)) return false;
  if (!rest.take(':')) return true;
  if (!rest.take_two_digits(time.second)) return false;
  if (!rest.take('.')) return true;
  time.fraction = rest.take_digits();
  return !time.fraction.empty();
}

/// False only for one that is begun and not ended.
bool take_offset(Rest& rest, Offset& offset) noexcept {
  if (rest.take_one_of("Zz") != '\0') {
    offset.form = Offset::Form::utc;
    return true;
  }
  char const sign = rest.take_one_of("+-");
  if (sign == '\0') return true;
  offset.form = Offset::Form::hours;
  offset.sign = sign;
  if (!rest.take_two_digits(offset.hour)) return false;
  bool const has_colon = rest.take(':');
  if (!has_colon && !rest.begins_with_digit()) return true;
  return rest.take_two_digits(offset.minute);
}

/// A year before 1 that is written with BC: 44 BC is the year -43.
bool take_end_of_date(Rest& rest, Date& date) noexcept {
  if (rest.take(" BC")) {
    if (date.year < 1) return false;
    date.year = 1 - date.year;
  }
  if (!rest.empty()) return false;
  return date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= days_of(date.year, date.month);
}

bool settle_time(Time& time) noexcept {
  if (time.second == 60) time.second = 59;
  return time.hour <= 23 && time.minute <= 59 && time.second <= 59;
}

bool is_offset(Offset const& offset) noexcept {
  constexpr int largest_hour = 15;  // no zone was ever further away, and PostgreSQL takes no more
  return offset.hour <= largest_hour && offset.minute <= 59;
}

bool is_end_of_day(Time const& time) noexcept {
  return time.hour == 24 && time.minute == 0 && time.second == 0 &&
         time.fraction.find_first_not_of('0') == std::string_view::npos;
}

void go_to_next_day(Date& date) noexcept {
  if (++date.day <= days_of(date.year, date.month)) return;
  date.day = 1;
  if (++date.month <= 12) return;
  date.month = 1;
  ++date.year;
}

// ---- writing ----

char* write_two_digits(int number, char* out) noexcept {
  *out++ = static_cast<char>('0' + number / 10);
  *out++ = static_cast<char>('0' + number % 10);
  return out;
}

char* write_year(std::int64_t year, char* out) noexcept {
  auto const number = static_cast<int>(year < 1 ? 1 - year : year);
  if (number <= 9999) return write_two_digits(number % 100, write_two_digits(number / 100, out));
  constexpr std::ptrdiff_t most_digits = 10;
  return std::to_chars(out, out + most_digits, number).ptr;
}

char* write_date(Date const& date, char* out) noexcept {
  out = write_year(date.year, out);
  *out++ = '-';
  out = write_two_digits(date.month, out);
  *out++ = '-';
  return write_two_digits(date.day, out);
}

char* write_time(Time const& time, char* out) noexcept {
  out = write_two_digits(time.hour, out);
  *out++ = ':';
  out = write_two_digits(time.minute, out);
  *out++ = ':';
  out = write_two_digits(time.second, out);
  if (time.fraction.empty()) return out;
  *out++ = '.';
  std::memcpy(out, time.fraction.data(), time.fraction.size());
  return out + time.fraction.size();
}

char* write_offset(Offset const& offset, char* out) noexcept {
  if (offset.form != Offset::Form::hours) {
    *out++ = 'Z';
    return out;
  }
  *out++ = offset.sign;
  out = write_two_digits(offset.hour, out);
  *out++ = ':';
  return write_two_digits(offset.minute, out);
}

char* write_era(Date const& date, char* out) noexcept {
  if (date.year >= 1) return out;
  std::memcpy(out, " BC", 3);
  return out + 3;
}

constexpr std::size_t longest_moment = 48;  // 10 digits of a year, -MM-DD, T, hh:mm:ss, 10 of a fraction, +hh:mm, BC

/// The moment that was written from `begin` to `end`, or the part of `text` that is written like it.
void set_moment(std::string_view text, char const* begin, char const* end, TextArena& arena, Cell& cell) {
  std::string_view written(begin, static_cast<std::size_t>(end - begin));
  std::size_t spare = longest_moment - written.size();
  if (text.substr(0, written.size()) == written) {
    written = text.substr(0, written.size());
    spare = longest_moment;
  }
  arena.give_back(spare);
  cell.kind = Cell::Kind::moment;
  cell.text = written;
}

// ---- both ----

bool is_within(Date const& date, ValueLimits const& limits) noexcept {
  return date.year >= limits.first_year && date.year <= limits.last_year;
}

/// Cuts off what the store does not keep of a second.
Fit cut_fraction(Time& time, ValueLimits const& limits) noexcept {
  std::size_t const kept = std::min(limits.fraction_digits, longest_fraction);
  if (time.fraction.size() <= kept) return Fit::whole;
  bool const is_all = time.fraction.find_first_not_of('0', kept) == std::string_view::npos;
  time.fraction = time.fraction.substr(0, kept);
  return is_all ? Fit::whole : Fit::cut;
}

struct Timestamp {
  Date date;
  bool has_time = false;
  Time time;
  Offset offset;
};

/// What stands between the date of a timestamp and its end.
bool take_time_of_timestamp(Rest& rest, Timestamp& timestamp) noexcept {
  Rest const after_date = rest;
  if (rest.take_one_of("Tt ") == '\0') return true;
  timestamp.has_time = rest.begins_with_digit();
  if (timestamp.has_time) return take_time(rest, timestamp.time) && take_offset(rest, timestamp.offset);
  rest = after_date;  // the space before BC
  return true;
}

/// A timestamp as it is written, or a date alone: 24:00:00 is still that of the day before.
bool read_whole_timestamp(std::string_view text, Timestamp& timestamp) noexcept {
  Rest rest(text);
  if (!take_date(rest, timestamp.date) || !take_time_of_timestamp(rest, timestamp)) return false;
  if (!take_end_of_date(rest, timestamp.date)) return false;
  return (is_end_of_day(timestamp.time) || settle_time(timestamp.time)) && is_offset(timestamp.offset);
}

Fit read_date(std::string_view text, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  Timestamp timestamp;
  if (!read_whole_timestamp(text, timestamp)) return Fit::no_such_value;
  if (!is_within(timestamp.date, limits)) return Fit::too_large;
  char* const begin = arena.take(longest_moment);
  set_moment(text, begin, write_era(timestamp.date, write_date(timestamp.date, begin)), arena, cell);
  return Fit::whole;
}

/// A time alone, or that of a timestamp.
bool read_whole_time(std::string_view text, Time& time, Offset& offset) noexcept {
  Rest rest(text);
  if (take_time(rest, time)) {
    return take_offset(rest, offset) && rest.empty() && settle_time(time) && is_offset(offset);
  }
  Timestamp timestamp;
  if (!read_whole_timestamp(text, timestamp) || !timestamp.has_time) return false;
  time = timestamp.time;
  offset = timestamp.offset;
  if (is_end_of_day(time)) time.hour = 0;
  return true;
}

Fit read_time(std::string_view text, bool has_zone, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  Time time;
  Offset offset;
  if (!read_whole_time(text, time, offset)) return Fit::no_such_value;
  Fit const fit = cut_fraction(time, limits);
  char* const begin = arena.take(longest_moment);
  char* end = write_time(time, begin);
  if (has_zone) end = write_offset(offset, end);
  set_moment(text, begin, end, arena, cell);
  return fit;
}

Fit read_timestamp(std::string_view text, bool has_zone, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  Timestamp timestamp;
  if (!read_whole_timestamp(text, timestamp)) return Fit::no_such_value;
  auto& [date, has_time, time, offset] = timestamp;
  if (is_end_of_day(time)) {
    time.hour = 0;
    go_to_next_day(date);
  }
  if (!is_within(date, limits)) return Fit::too_large;
  Fit const fit = cut_fraction(time, limits);

  char* const begin = arena.take(longest_moment);
  char* end = write_date(date, begin);
  *end++ = 'T';
  end = write_time(time, end);
  if (has_zone) end = write_offset(offset, end);
  set_moment(text, begin, write_era(date, end), arena, cell);
  return fit;
}

}  // namespace

Fit read_moment(ColumnType type, std::string_view text, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  switch (type) {
    case ColumnType::date:
      return read_date(text, limits, arena, cell);
    case ColumnType::time:
      return read_time(text, false, limits, arena, cell);
    case ColumnType::time_with_timezone:
      return read_time(text, true, limits, arena, cell);
    case ColumnType::timestamp:
      return read_timestamp(text, false, limits, arena, cell);
    case ColumnType::timestamp_with_timezone:
      return read_timestamp(text, true, limits, arena, cell);
    case ColumnType::text:
    case ColumnType::boolean:
    case ColumnType::integer:
    case ColumnType::number:
    case ColumnType::json:
      break;
  }
  LANDFALL_ASSERT(false);
  return Fit::no_such_value;
}

}  // namespace landfall
