#include "text_order.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

namespace sqlite {

namespace {

int sign_of(int comparison) noexcept { return (comparison > 0) - (comparison < 0); }

/// "5" and "50" are one half, behind the point.
int compare_fractions(std::string_view a, std::string_view b) noexcept {
  a = a.substr(0, a.find_last_not_of('0') + 1);
  b = b.substr(0, b.find_last_not_of('0') + 1);
  return sign_of(a.compare(b));
}

// ---- numbers ----

struct Number {
  explicit Number(std::string_view text) noexcept {
    negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    auto const point = text.find('.');
    if (point != text.npos) fraction = text.substr(point + 1);
    whole = text.substr(0, point);
    whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size()));
    if (whole.empty() && fraction.find_first_not_of('0') == fraction.npos) negative = false;
  }

  bool negative;
  std::string_view whole;  // without leading zeros
  std::string_view fraction;
};

int compare_sizes(Number const& a, Number const& b) noexcept {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -1 : 1;
  int const whole = sign_of(a.whole.compare(b.whole));
  return whole != 0 ? whole : compare_fractions(a.fraction, b.fraction);
}

// ---- moments ----

struct Moment {
  std::int64_t seconds = 0;  // in UTC
  std::string_view fraction;
};

/// Takes a moment apart, from its beginning.
class Rest {
 public:
  explicit Rest(std::string_view text) noexcept : text_(text) {}

  bool take(char expected) noexcept {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool take(int& number) noexcept {
    auto const [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return true;
  }

  std::string_view take_digits() noexcept {
    auto const count = std::min(text_.find_first_not_of("0123456789"), text_.size());
    auto const digits = text_.substr(0, count);
    text_.remove_prefix(count);
    return digits;
  }

  bool empty() const noexcept { return text_.empty(); }

 private:
  std::string_view text_;
};

bool take_date(Rest& rest, Moment& moment) noexcept {
  rest.take('+');
  int year = 0, month = 0, day = 0;
  if (!rest.take(year) || !rest.take('-') || !rest.take(month) || !rest.take('-') || !rest.take(day)) return false;
  // Later ones than std::chrono knows count by their years: no offset matters there.
  if (year > 30'000 || year < -30'000) {
    moment.seconds = std::int64_t{year} * 366 * 86'400;
    return rest.take('T');
  }
  std::chrono::sys_days const date = std::chrono::year(year) / month / day;
  moment.seconds = std::int64_t{date.time_since_epoch().count()} * 86'400;
  return rest.take('T');
}

bool take_offset(Rest& rest, Moment& moment) noexcept {
  if (rest.take('Z')) return true;
  bool const is_east = rest.take('+');
  if (!is_east && !rest.take('-')) return false;
  int hours = 0, minutes = 0;
  if (!rest.take(hours) || !rest.take(':') || !rest.take(minutes)) return false;
  int const seconds = 60 * (60 * hours + minutes);
  moment.seconds += is_east ? -seconds : seconds;
  return true;
}

std::optional<Moment> moment_of(std::string_view text) noexcept {
  Rest rest(text);
  Moment moment;
  bool const has_date = text.find('T') != text.npos;
  if (has_date && !take_date(rest, moment)) return std::nullopt;
  int hours = 0, minutes = 0, seconds = 0;
  if (!rest.take(hours) || !rest.take(':') || !rest.take(minutes) || !rest.take(':') || !rest.take(seconds)) {
    return std::nullopt;
  }
  moment.seconds += 60 * (60 * hours + minutes) + seconds;
  if (rest.take('.')) moment.fraction = rest.take_digits();
  if (!take_offset(rest, moment) || !rest.empty()) return std::nullopt;
  return moment;
}

}  // namespace

int compare_numbers(std::string_view a, std::string_view b) noexcept {
  Number const left(a), right(b);
  if (left.negative != right.negative) return left.negative ? -1 : 1;
  return left.negative ? compare_sizes(right, left) : compare_sizes(left, right);
}

int compare_moments(std::string_view a, std::string_view b) noexcept {
  auto const left = moment_of(a), right = moment_of(b);
  if (!left && !right) return sign_of(a.compare(b));
  if (!left || !right) return left ? 1 : -1;
  if (left->seconds != right->seconds) return left->seconds < right->seconds ? -1 : 1;
  return compare_fractions(left->fraction, right->fraction);
}

}  // namespace sqlite
