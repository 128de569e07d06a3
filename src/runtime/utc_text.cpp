#include <landfall/runtime/utc_text.hpp>

#include <cstring>

#include <fmt/format.h>

namespace landfall {

namespace {

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

void write_digits(char* out, int number, int count) noexcept {
  for (int i = count - 1; i >= 0; --i, number /= 10) out[i] = static_cast<char>('0' + number % 10);
}

}  // namespace

UtcText::UtcText(std::int64_t since_epoch_ms) noexcept {
  constexpr std::int64_t day_ms = 86'400'000;
  std::int64_t const days = floor_div(since_epoch_ms, day_ms);
  auto const remainder = static_cast<int>(since_epoch_ms % day_ms);
  int const ms = remainder < 0 ? remainder + static_cast<int>(day_ms) : remainder;
  auto const [year, month, day] = date_of(days);
  char* out = characters_.data();
  if (year < 0 || year > 9999) {
    out = fmt::format_to(out, "{:+07}", year);
  } else {
    write_digits(out, static_cast<int>(year), 4);
    out += 4;
  }
  std::memcpy(out, "-00-00T00:00:00.000Z", 20);
  write_digits(out + 1, month, 2);
  write_digits(out + 4, day, 2);
  write_digits(out + 7, ms / 3'600'000, 2);
  write_digits(out + 10, ms / 60'000 % 60, 2);
  write_digits(out + 13, ms / 1000 % 60, 2);
  write_digits(out + 16, ms % 1000, 3);
  size_ = static_cast<std::size_t>(out + 20 - characters_.data());
}

}  // namespace landfall
