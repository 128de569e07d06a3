#include "table/decimals.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

namespace landfall {
namespace {

bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }

std::string_view take_digits(std::string_view& text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && is_digit(text[size])) ++size;
  std::string_view const digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

/// '+', '-', or '\0' when there is no sign.
char take_sign(std::string_view& text) noexcept {
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return '\0';
  char const sign = text.front();
  text.remove_prefix(1);
  return sign;
}

std::string_view without_zeros_in_front(std::string_view digits) noexcept {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

/// A number as it is written: whole.fraction e exponent.
struct Decimal {
  bool is_negative = false;
  bool has_exponent = false;
  std::string_view whole;
  std::string_view fraction;
  std::int64_t exponent = 0;
};

/// Larger ones are as good as this: no text has so many digits.
constexpr std::int64_t largest_exponent = 1'000'000'000'000;

std::int64_t exponent_of(bool is_negative, std::string_view digits) noexcept {
  std::int64_t exponent = 0;
  for (char const digit : digits) exponent = std::min(exponent * 10 + (digit - '0'), largest_exponent);
  return is_negative ? -exponent : exponent;
}

std::optional<Decimal> parse_decimal(std::string_view text) noexcept {
  Decimal decimal;
  decimal.is_negative = take_sign(text) == '-';
  decimal.whole = take_digits(text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    decimal.fraction = take_digits(text);
  }
  if (decimal.whole.empty() && decimal.fraction.empty()) return std::nullopt;
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    bool const is_negative = take_sign(text) == '-';
    std::string_view const digits = take_digits(text);
    if (digits.empty()) return std::nullopt;
    decimal.has_exponent = true;
    decimal.exponent = exponent_of(is_negative, digits);
  }
  if (!text.empty()) return std::nullopt;
  return decimal;
}

/// The digits of a number from the first that is not 0, and where the point stands: 0.0012 is 12 with the point at -2.
class Digits {
 public:
  explicit Digits(Decimal const& decimal) noexcept
      : first_(without_zeros_in_front(decimal.whole)), second_(decimal.fraction) {
    point_ = decimal.exponent + static_cast<std::int64_t>(first_.size());
    if (!first_.empty()) return;
    second_ = without_zeros_in_front(second_);
    point_ -= static_cast<std::int64_t>(decimal.fraction.size() - second_.size());
  }

  bool is_zero() const noexcept { return first_.empty() && second_.empty(); }
  std::int64_t count() const noexcept { return static_cast<std::int64_t>(first_.size() + second_.size()); }
  std::int64_t point() const noexcept { return point_; }

  /// Zeros stand on both sides.
  char operator[](std::int64_t place) const noexcept {
    if (place < 0 || place >= count()) return '0';
    auto const index = static_cast<std::size_t>(place);
    return index < first_.size() ? first_[index] : second_[index - first_.size()];
  }

  bool has_others_than_zero_from(std::int64_t place) const noexcept {
    for (std::int64_t i = std::max<std::int64_t>(place, 0); i < count(); ++i) {
      if ((*this)[i] != '0') return true;
    }
    return false;
  }

  /// Writes the digits from `begin` to `end`.
  char* write(std::int64_t begin, std::int64_t end, char* out) const noexcept {
    for (std::int64_t place = begin; place < end; ++place) *out++ = (*this)[place];
    return out;
  }

 private:
  std::string_view first_;
  std::string_view second_;
  std::int64_t point_ = 0;
};

// ---- integers ----

constexpr std::size_t digits_that_always_fit = 18;

/// Most integers: digits alone, as few as always fit, as they would be written again.
bool read_usual_integer(std::string_view text, Cell& cell) noexcept {
  bool const is_negative = !text.empty() && text.front() == '-';
  std::string_view const digits = text.substr(is_negative ? 1 : 0);
  if (digits.empty() || digits.size() > digits_that_always_fit) return false;
  if (digits.front() == '0' && text.size() > 1) return false;
  std::int64_t value = 0;
  for (char const digit : digits) {
    if (!is_digit(digit)) return false;
    value = value * 10 + (digit - '0');
  }
  cell.kind = Cell::Kind::integer;
  cell.integer = is_negative ? -value : value;
  cell.text = text;
  return true;
}

void write_integer(std::int64_t value, std::string_view text, TextArena& arena, Cell& cell) {
  constexpr std::size_t longest = std::numeric_limits<std::int64_t>::digits10 + 2;
  char* const begin = arena.take(longest);
  std::string_view written(begin, static_cast<std::size_t>(std::to_chars(begin, begin + longest, value).ptr - begin));
  if (written == text) {
    arena.give_back(longest);
    written = text;
  }
  cell.kind = Cell::Kind::integer;
  cell.integer = value;
  cell.text = written;
}

// ---- numbers ----

/// How many digits a number may have on each side of the point.
struct Room {
  explicit Room(ValueLimits const& limits) noexcept {
    if (limits.number_digits == 0) return;
    scale = limits.number_scale;
    whole = limits.number_digits > limits.number_scale ? limits.number_digits - limits.number_scale : 0;
  }
  std::int64_t whole = std::numeric_limits<std::int64_t>::max() / 4;
  std::int64_t scale = std::numeric_limits<std::int64_t>::max() / 4;
};

/// The part of `text` that is the number as we write it, where there is one.
std::optional<std::string_view> plain_part(std::string_view text, Decimal const& decimal, Room const& room) noexcept {
  bool const has_point = decimal.whole.data() + decimal.whole.size() < text.data() + text.size();
  if (decimal.has_exponent || decimal.whole.empty() || (has_point && decimal.fraction.empty())) return std::nullopt;
  std::string_view const whole = without_zeros_in_front(decimal.whole);
  if (static_cast<std::int64_t>(whole.size()) > room.whole) return std::nullopt;
  if (static_cast<std::int64_t>(decimal.fraction.size()) > room.scale) return std::nullopt;
  bool const is_zero = whole.empty() && without_zeros_in_front(decimal.fraction).empty();
  char const* begin = whole.empty() ? decimal.whole.data() + decimal.whole.size() - 1 : whole.data();
  if (decimal.is_negative && !is_zero) {
    if (begin != decimal.whole.data()) return std::nullopt;  // zeros stand between it and the sign
    --begin;
  }
  return std::string_view(begin, static_cast<std::size_t>(text.data() + text.size() - begin));
}

/// Adds one to the last digit of a decimal whose first character is a spare 0.
void add_one(char* begin, char* end) noexcept {
  for (char* at = end; at-- != begin;) {
    if (*at == '.') continue;
    if (*at != '9') {
      ++*at;
      return;
    }
    *at = '0';
  }
}

/// The digits without an exponent, rounded to `kept` digits behind the point, with 0 for what the point lacks.
std::string_view write_decimal(bool is_negative, Digits const& digits, std::int64_t kept, TextArena& arena) {
  std::int64_t const whole = std::max<std::int64_t>(digits.point(), 1);
  constexpr std::int64_t sign_carry_and_point = 3;
  auto const capacity = static_cast<std::size_t>(whole + kept + sign_carry_and_point);
  char* const begin = arena.take(capacity);
  char* const first = begin + 1;  // behind a sign
  char* out = first;
  *out++ = '0';  // for a carry
  out = digits.write(digits.point() - whole, digits.point(), out);
  if (kept > 0) {
    *out++ = '.';
    out = digits.write(digits.point(), digits.point() + kept, out);
  }
  // Half away from zero, as stores round decimals.
  if (digits[digits.point() + kept] >= '5') add_one(first, out);

  std::string_view text(first, static_cast<std::size_t>(out - first));
  if (text.front() == '0' && text.size() > 1 && is_digit(text[1])) text.remove_prefix(1);
  bool const is_zero = text.find_first_not_of("0.") == std::string_view::npos;
  if (!is_negative || is_zero) return text;
  char* const sign = begin + (text.data() - begin) - 1;
  *sign = '-';
  return std::string_view(sign, text.size() + 1);
}

std::int64_t whole_digits(std::string_view text) noexcept {
  if (text.front() == '-') text.remove_prefix(1);
  std::string_view const whole = text.substr(0, text.find('.'));
  return whole == "0" ? 0 : static_cast<std::int64_t>(whole.size());
}

void set_number(std::string_view text, Cell& cell) noexcept {
  cell.kind = Cell::Kind::number;
  cell.text = text;
}

}  // namespace

Fit read_integer(std::string_view text, TextArena& arena, Cell& cell) {
  if (read_usual_integer(text, cell)) return Fit::whole;
  auto const decimal = parse_decimal(text);
  if (!decimal) return Fit::no_such_value;
  Digits const digits(*decimal);
  if (digits.has_others_than_zero_from(digits.point())) return Fit::no_such_value;

  constexpr std::int64_t most_digits = 19;
  if (!digits.is_zero() && digits.point() > most_digits) return Fit::too_large;
  std::uint64_t magnitude = 0;
  for (std::int64_t i = 0; i < digits.point() && i < most_digits; ++i) {
    magnitude = magnitude * 10 + static_cast<std::uint64_t>(digits[i] - '0');
  }
  std::uint64_t const largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (magnitude > (decimal->is_negative ? largest + 1 : largest)) return Fit::too_large;
  // In two's complement, so that the smallest integer needs no case of its own.
  auto const value = static_cast<std::int64_t>(decimal->is_negative ? 0 - magnitude : magnitude);
  write_integer(value, text, arena, cell);
  return Fit::whole;
}

Fit read_number(std::string_view text, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  auto const decimal = parse_decimal(text);
  if (!decimal) return Fit::no_such_value;
  Room const room(limits);
  if (auto const part = plain_part(text, *decimal, room)) {
    set_number(*part, cell);
    return Fit::whole;
  }

  Digits const digits(*decimal);
  if (digits.is_zero()) {
    set_number("0", cell);
    return Fit::whole;
  }
  if (digits.point() > room.whole) return Fit::too_large;
  std::int64_t const kept = std::clamp<std::int64_t>(digits.count() - digits.point(), 0, room.scale);
  auto const longest = static_cast<std::int64_t>(std::max(longest_expanded, text.size()));
  if (std::max<std::int64_t>(digits.point(), 1) + kept > longest) return Fit::too_large;
  std::string_view const written = write_decimal(decimal->is_negative, digits, kept, arena);
  if (whole_digits(written) > room.whole) return Fit::too_large;  // by the carry
  set_number(written, cell);
  return digits.has_others_than_zero_from(digits.point() + kept) ? Fit::cut : Fit::whole;
}

bool is_within(std::string_view number, std::uint64_t whole_digits, std::uint64_t scale) noexcept {
  // Nearly all numbers are short, and have no exponent.
  bool const is_short = (whole_digits == 0 || number.size() <= whole_digits) && (scale == 0 || number.size() <= scale);
  bool const has_exponent = std::ranges::any_of(number, [](char byte) { return (byte | 0x20) == 'e'; });
  if (is_short && !has_exponent) return true;

  auto const decimal = parse_decimal(number);
  if (!decimal) return true;                               // what is no number has no digits
  constexpr std::int64_t largest_counted = 1'000'000'000;  // also of a zero
  if (decimal->exponent > largest_counted) return false;
  Digits const digits(*decimal);
  auto const most = [](std::uint64_t limit) { return static_cast<std::int64_t>(limit); };
  if (whole_digits != 0 && !digits.is_zero() && digits.point() > most(whole_digits)) return false;
  return scale == 0 || static_cast<std::int64_t>(decimal->fraction.size()) - decimal->exponent <= most(scale);
}

}  // namespace landfall
