#include "table/json_number.hpp"

#include <algorithm>

namespace landfall {
namespace {

/// Larger ones are as good as this: no text has so many digits.
constexpr std::int64_t largest_exponent = 1'000'000'000'000'000;

std::int64_t exponent_of(std::string_view text) noexcept {
  bool const is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exponent = 0;
  for (char const digit : text) exponent = std::min(exponent * 10 + (digit - '0'), largest_exponent);
  return is_negative ? -exponent : exponent;
}

void remove_zeros_in_front(std::string_view& digits) noexcept {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
}

void remove_zeros_at_end(std::string_view& digits) noexcept {
  digits = digits.substr(0, digits.find_last_not_of('0') + 1);
}

int sign_of(bool is_less) noexcept { return is_less ? -1 : 1; }

}  // namespace

JsonNumber::JsonNumber(std::string_view text) noexcept {
  is_negative_ = text.starts_with('-');
  if (is_negative_) text.remove_prefix(1);
  auto const e = text.find_first_of("eE");
  if (e != text.npos) point_ = exponent_of(text.substr(e + 1));
  text = text.substr(0, e);
  auto const point = text.find('.');
  first_ = text.substr(0, point);
  if (point != text.npos) second_ = text.substr(point + 1);

  remove_zeros_in_front(first_);
  point_ += static_cast<std::int64_t>(first_.size());
  remove_zeros_at_end(second_);
  if (second_.empty()) remove_zeros_at_end(first_);
  if (!first_.empty()) return;
  auto const before = second_.size();
  remove_zeros_in_front(second_);
  point_ -= static_cast<std::int64_t>(before - second_.size());
}

char JsonNumber::digit(std::size_t place) const noexcept {
  if (place >= count()) return '0';
  return place < first_.size() ? first_[place] : second_[place - first_.size()];
}

int JsonNumber::compare_sizes(JsonNumber const& other) const noexcept {
  if (point_ != other.point_) return sign_of(point_ < other.point_);
  for (std::size_t place = 0; place < std::max(count(), other.count()); ++place) {
    if (digit(place) != other.digit(place)) return sign_of(digit(place) < other.digit(place));
  }
  return 0;
}

int JsonNumber::compare(JsonNumber const& other) const noexcept {
  if (sign() != other.sign()) return sign_of(sign() < other.sign());
  if (sign() == 0) return 0;
  return is_negative_ ? other.compare_sizes(*this) : compare_sizes(other);
}

}  // namespace landfall
