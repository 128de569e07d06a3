#include "table/utc_moment.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace landfall {
namespace {

constexpr std::string_view before_christ = " BC";
constexpr int minutes_per_day = 24 * 60;

/// [date T] hh:mm [:ss[.fraction]] [offset] [BC], as views into the text.
struct Parts {
  std::string_view date;      // YYYY-MM-DD, or empty
  std::string_view minutes;   // hh:mm
  std::string_view seconds;   // ":ss"
  std::string_view fraction;  // without zeros at its end
  std::string_view offset;    // "Z", "+hh:mm", or empty
  bool is_before_christ = false;
};

std::optional<Parts> parts_of(std::string_view text) noexcept {
  Parts parts;
  parts.is_before_christ = text.ends_with(before_christ);
  if (parts.is_before_christ) text.remove_suffix(before_christ.size());
  auto const middle = text.find('T');
  if (middle != text.npos) {
    parts.date = text.substr(0, middle);
    text.remove_prefix(middle + 1);
  }
  constexpr std::size_t minutes_size = 5, seconds_size = 3;
  if (text.size() < minutes_size + seconds_size || text[2] != ':' || text[5] != ':') return std::nullopt;
  parts.minutes = text.substr(0, minutes_size);
  parts.seconds = text.substr(minutes_size, seconds_size);
  text.remove_prefix(minutes_size + seconds_size);
  auto const offset = text.find_first_of("Z+-");
  if (offset != text.npos) parts.offset = text.substr(offset);
  text = text.substr(0, offset);
  if (text.empty()) return parts;
  if (text.front() != '.') return std::nullopt;
  text.remove_prefix(1);
  parts.fraction = text.substr(0, text.find_last_not_of('0') + 1);
  return parts;
}

bool take_number(std::string_view text, int& number) noexcept {
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// Of "hh:mm".
bool take_minutes(std::string_view text, int& minutes) noexcept {
  int hour = 0, minute = 0;
  if (text.size() != 5 || text[2] != ':') return false;
  if (!take_number(text.substr(0, 2), hour) || !take_number(text.substr(3), minute)) return false;
  minutes = 60 * hour + minute;
  return true;
}

/// East of Greenwich.
bool take_offset(std::string_view text, int& minutes) noexcept {
  if (text == "Z") return true;
  if (text.empty() || !take_minutes(text.substr(1), minutes)) return false;
  if (text.front() == '-') minutes = -minutes;
  return true;
}

struct Date {
  int year = 0;  // 0 is 1 BC
  int month = 0;
  int day = 0;
};

bool take_date(Parts const& parts, Date& date) noexcept {
  std::string_view const text = parts.date;
  constexpr std::size_t behind_year = 6;  // -MM-DD
  if (text.size() <= behind_year) return false;
  auto const year_size = text.size() - behind_year;
  if (!take_number(text.substr(0, year_size), date.year) || !take_number(text.substr(year_size + 1, 2), date.month) ||
      !take_number(text.substr(year_size + 4), date.day)) {
    return false;
  }
  if (parts.is_before_christ) date.year = 1 - date.year;
  return date.month >= 1 && date.month <= 12;
}

/// By the calendar's period of 400 years: years may be larger than std::chrono's.
int days_of_month(Date const& date) noexcept {
  using namespace std::chrono;
  auto const last = year(2000 + date.year % 400) / month(static_cast<unsigned>(date.month)) / std::chrono::last;
  return static_cast<int>(static_cast<unsigned>(year_month_day(last).day()));
}

void move_month(Date& date, int by) noexcept {
  date.month += by;
  if (date.month < 1 || date.month > 12) {
    date.year += by;
    date.month -= 12 * by;
  }
}

void move_day(Date& date, int by) noexcept {
  date.day += by;
  if (date.day < 1) {
    move_month(date, -1);
    date.day = days_of_month(date);
  } else if (date.day > days_of_month(date)) {
    move_month(date, 1);
    date.day = 1;
  }
}

std::string date_text(Date const& date) {
  return fmt::format("{:04}-{:02}-{:02}", date.year < 1 ? 1 - date.year : date.year, date.month, date.day);
}

void append_end(Parts const& parts, std::string_view offset, bool is_before_christ, std::string& buffer) {
  buffer.append(parts.seconds);
  if (!parts.fraction.empty()) buffer.append(1, '.').append(parts.fraction);
  buffer.append(offset);
  if (is_before_christ) buffer.append(before_christ);
}

/// `buffer` has another memory than the parts.
bool write_in_utc(Parts const& parts, std::string& buffer) {
  int minutes = 0, east = 0;
  if (!take_minutes(parts.minutes, minutes) || !take_offset(parts.offset, east)) return false;
  minutes -= east;
  int const days = minutes < 0 ? -1 : minutes >= minutes_per_day ? 1 : 0;
  minutes -= days * minutes_per_day;
  Date date;
  if (!parts.date.empty()) {
    if (!take_date(parts, date)) return false;
    move_day(date, days);
    buffer = date_text(date) + 'T';
  }
  buffer += fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
  append_end(parts, "Z", !parts.date.empty() && date.year < 1, buffer);
  return true;
}

}  // namespace

std::string_view without_spare_zeros(std::string_view moment, std::string& buffer) {
  if (moment.find('.') == moment.npos) return moment;
  auto const parts = parts_of(moment);
  if (!parts) return moment;
  std::string made(parts->date);
  if (!parts->date.empty()) made += 'T';
  made.append(parts->minutes);
  append_end(*parts, parts->offset, parts->is_before_christ, made);
  buffer = std::move(made);
  return buffer;
}

std::string_view utc_moment(std::string_view moment, std::string& buffer) {
  bool const is_plain = moment.ends_with('Z') && moment.find('.') == moment.npos;
  if (is_plain) return moment;
  auto const parts = parts_of(moment);
  if (!parts) return moment;
  std::string made;
  if (!write_in_utc(*parts, made)) return moment;
  buffer = std::move(made);
  return buffer;
}

}  // namespace landfall
