#include "binary_values.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>

#include <landfall/runtime/assert.hpp>

namespace postgres {

namespace {

using landfall::ColumnType;
using namespace std::chrono_literals;

template <class Number>
void append_big_endian(std::string& bytes, Number number) {
  std::array<char, sizeof(Number)> text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = static_cast<char>(number >> (8 * (text.size() - 1 - i)));
  }
  bytes.append(text.data(), text.size());
}

template <class Number>
void append_value(std::string& bytes, Number number) {
  append_32(bytes, sizeof(Number));
  append_big_endian(bytes, number);
}

// ---- moments ----

constexpr auto epoch = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);
constexpr std::string_view before_christ = " BC";

/// Takes digits off the front.
std::int64_t take_number(std::string_view& text) {
  std::int64_t number = 0;
  std::size_t length = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9')
    number = number * 10 + (text[length++] - '0');
  LANDFALL_ASSERT(length > 0);
  text.remove_prefix(length);
  return number;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

/// YYYY-MM-DD as days since 2000. std::chrono's years end in 32767, the server's later: so 400 years, which all have
/// the same days, are counted off.
std::int64_t take_days(std::string_view& text, bool is_before_christ) {
  constexpr std::int64_t days_of_400_years = 146'097;
  std::int64_t year = take_number(text);
  take(text, '-');
  auto const month = static_cast<unsigned>(take_number(text));
  take(text, '-');
  auto const day = static_cast<unsigned>(take_number(text));
  if (is_before_christ) year = 1 - year;
  std::int64_t const cycles = year / 400;
  auto const in_cycle = std::chrono::year(static_cast<int>(year % 400));
  auto const days = std::chrono::sys_days(in_cycle / std::chrono::month(month) / std::chrono::day(day)) - epoch;
  return days.count() + cycles * days_of_400_years;
}

/// hh:mm:ss[.fraction] in microseconds, further digits rounded as the server rounds them.
std::int64_t take_microseconds(std::string_view& text) {
  std::chrono::microseconds time = std::chrono::hours(take_number(text));
  take(text, ':');
  time += std::chrono::minutes(take_number(text));
  take(text, ':');
  time += std::chrono::seconds(take_number(text));
  if (!take(text, '.')) return time.count();
  std::size_t const digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string_view fraction = text.substr(0, digits);
  text.remove_prefix(digits);
  std::int64_t nanoseconds = take_number(fraction);
  for (std::size_t i = digits; i < 9; ++i) nanoseconds *= 10;
  return time.count() + (nanoseconds + 500) / 1000;
}

/// Z or +hh:mm, in seconds to the east.
std::int64_t take_offset(std::string_view& text) {
  if (take(text, 'Z')) return 0;
  bool const is_west = take(text, '-');
  if (!is_west) take(text, '+');
  std::int64_t const hours = take_number(text);
  take(text, ':');
  std::int64_t const seconds = hours * 3600 + take_number(text) * 60;
  return is_west ? -seconds : seconds;
}

}  // namespace

std::string copy_header() {
  std::string bytes("PGCOPY\n\377\r\n\0", 11);
  append_32(bytes, 0);  // flags
  append_32(bytes, 0);  // no extension of the header
  return bytes;
}

std::string copy_end() {
  std::string bytes;
  append_16(bytes, 0xffff);
  return bytes;
}

void append_16(std::string& bytes, std::uint16_t number) { append_big_endian(bytes, number); }
void append_32(std::string& bytes, std::uint32_t number) { append_big_endian(bytes, number); }
void append_64(std::string& bytes, std::uint64_t number) { append_big_endian(bytes, number); }

void append_null(std::string& bytes) { append_32(bytes, std::numeric_limits<std::uint32_t>::max()); }

void append_text(std::string& bytes, std::string_view text) {
  append_32(bytes, static_cast<std::uint32_t>(text.size()));
  bytes += text;
}

void append_json(std::string& bytes, std::string_view json) {
  constexpr char version_of_jsonb = 1;
  append_32(bytes, static_cast<std::uint32_t>(json.size() + 1));
  bytes += version_of_jsonb;
  bytes += json;
}

void append_boolean(std::string& bytes, bool value) { append_value(bytes, static_cast<std::uint8_t>(value ? 1 : 0)); }

void append_uuid(std::string& bytes, std::string_view text) {
  boost::uuids::uuid const id = boost::uuids::string_generator()(text.begin(), text.end());
  append_text(bytes, std::string_view(reinterpret_cast<char const*>(id.begin()), id.size()));
}

void append_integer(std::string& bytes, std::int64_t number) {
  append_value(bytes, static_cast<std::uint64_t>(number));
}

// Groups of four digits, counted from the point; none of zeros alone at either end.
void append_number(std::string& bytes, std::string_view decimal) {
  constexpr std::uint16_t plus = 0x0000;
  constexpr std::uint16_t minus = 0x4000;
  constexpr std::int64_t group_size = 4;
  bool const is_negative = take(decimal, '-');
  std::size_t const point = std::min(decimal.find('.'), decimal.size());
  std::string_view const whole = decimal.substr(0, point);
  std::string_view const fraction = decimal.substr(std::min(point + 1, decimal.size()));
  auto const digit_at = [&](std::int64_t place) {  // 0: the first behind the point, -1: the one before it
    std::int64_t const whole_place = static_cast<std::int64_t>(whole.size()) + place;
    if (place >= 0)
      return place < static_cast<std::int64_t>(fraction.size()) ? fraction[static_cast<std::size_t>(place)] - '0' : 0;
    return whole_place >= 0 ? whole[static_cast<std::size_t>(whole_place)] - '0' : 0;
  };
  auto const group_at = [&](std::int64_t group) {
    int value = 0;
    for (std::int64_t i = 0; i < group_size; ++i) value = value * 10 + digit_at(group * group_size + i);
    return static_cast<std::uint16_t>(value);
  };
  auto const groups_in = [](std::size_t digits) {
    return (static_cast<std::int64_t>(digits) + group_size - 1) / group_size;
  };
  std::int64_t first = -groups_in(whole.size());
  std::int64_t end = groups_in(fraction.size());
  while (first < end && group_at(first) == 0) ++first;
  while (end > first && group_at(end - 1) == 0) --end;
  bool const is_zero = first == end;

  auto const count = static_cast<std::uint16_t>(end - first);
  append_32(bytes, static_cast<std::uint32_t>(8 + 2 * (end - first)));
  append_16(bytes, count);
  append_16(bytes, static_cast<std::uint16_t>(is_zero ? 0 : -first - 1));  // the power of 10000 of the first group
  append_16(bytes, is_negative && !is_zero ? minus : plus);
  append_16(bytes, static_cast<std::uint16_t>(fraction.size()));
  for (std::int64_t group = first; group < end; ++group) append_16(bytes, group_at(group));
}

void append_milliseconds(std::string& bytes, std::int64_t since_1970) {
  constexpr std::int64_t first = -210'866'803'200'000;  // the server's MIN_TIMESTAMP and END_TIMESTAMP
  constexpr std::int64_t end = 9'224'318'016'000'000;
  constexpr std::int64_t between = std::chrono::milliseconds(epoch.time_since_epoch()).count();
  if (since_1970 < first) return append_integer(bytes, std::numeric_limits<std::int64_t>::min());
  if (since_1970 >= end) return append_integer(bytes, std::numeric_limits<std::int64_t>::max());
  append_integer(bytes, (since_1970 - between) * 1000);
}

void append_moment(std::string& bytes, ColumnType type, std::string_view moment) {
  constexpr std::int64_t microseconds_of_day = 86'400'000'000;
  bool const is_before_christ = moment.ends_with(before_christ);
  if (is_before_christ) moment.remove_suffix(before_christ.size());
  bool const has_date = type != ColumnType::time && type != ColumnType::time_with_timezone;
  bool const has_offset = type == ColumnType::time_with_timezone || type == ColumnType::timestamp_with_timezone;
  std::int64_t const days = has_date ? take_days(moment, is_before_christ) : 0;
  if (type == ColumnType::date) return append_value(bytes, static_cast<std::uint32_t>(days));
  if (has_date) take(moment, 'T');
  std::int64_t const time = take_microseconds(moment);
  std::int64_t const offset = has_offset ? take_offset(moment) : 0;
  LANDFALL_ASSERT(moment.empty());
  if (type == ColumnType::time_with_timezone) {
    append_32(bytes, 12);
    append_64(bytes, static_cast<std::uint64_t>(time));
    return append_32(bytes, static_cast<std::uint32_t>(-offset));  // to the west
  }
  append_integer(bytes, days * microseconds_of_day + time - offset * 1'000'000);
}

void append_cell(std::string& bytes, ColumnType type, landfall::Cell const& cell) {
  using Kind = landfall::Cell::Kind;
  switch (cell.kind) {
    case Kind::null:
      return append_null(bytes);
    case Kind::text:
      return append_text(bytes, cell.text);
    case Kind::boolean:
      return append_boolean(bytes, cell.integer != 0);
    case Kind::integer:
      return append_integer(bytes, cell.integer);
    case Kind::number:
      return append_number(bytes, cell.text);
    case Kind::moment:
      return append_moment(bytes, type, cell.text);
    case Kind::json:
      return append_json(bytes, cell.text);
  }
}

}  // namespace postgres
