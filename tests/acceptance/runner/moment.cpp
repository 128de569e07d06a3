#include "moment.hpp"

#include <cstddef>

namespace acceptance {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool ended() const { return rest_.empty(); }

  bool take(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == any_of.npos) return false;
    last_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }

  /// From `fewest` to `most` digits.
  std::optional<std::int64_t> number(std::size_t fewest, std::size_t most) {
    std::int64_t number = 0;
    std::size_t count = 0;
    for (; count < most && take("0123456789"); ++count) number = number * 10 + (last_ - '0');
    if (count < fewest) return std::nullopt;
    return number;
  }

  /// Digits behind a point, as microseconds.
  std::int64_t fraction_us() {
    std::int64_t us = 0;
    std::int64_t unit = 100'000;
    for (; take("0123456789"); unit /= 10) us += unit * (last_ - '0');
    return us;
  }

  char last() const { return last_; }

 private:
  std::string_view rest_;
  char last_ = 0;
};

}  // namespace

std::optional<std::int64_t> parse_moment(std::string_view text) {
  Reader reader(text);
  bool const before_christ = reader.take("-");
  if (!before_christ) reader.take("+");
  auto const year = reader.number(4, 9);
  if (!year || !reader.take("-")) return std::nullopt;
  auto const month = reader.number(2, 2);
  if (!month || !reader.take("-")) return std::nullopt;
  auto const day = reader.number(2, 2);
  if (!day || !reader.take("T ")) return std::nullopt;
  auto const hour = reader.number(2, 2);
  if (!hour || !reader.take(":")) return std::nullopt;
  auto const minute = reader.number(2, 2);
  if (!minute) return std::nullopt;
  std::int64_t const second = reader.take(":") ? reader.number(2, 2).value_or(0) : 0;
  std::int64_t const us = reader.take(".") ? reader.fraction_us() : 0;
  std::int64_t offset_minutes = 0;
  reader.take(" ");
  if (!reader.take("Zz") && reader.take("+-")) {
    int const sign = reader.last() == '-' ? -1 : 1;
    auto const hours = reader.number(2, 2);
    if (!hours) return std::nullopt;
    reader.take(":");
    offset_minutes = sign * (*hours * 60 + reader.number(2, 2).value_or(0));
  }
  if (!reader.ended()) return std::nullopt;

  // H. Hinnant, "chrono-compatible low-level date algorithms": chrono's year ends at 32767.
  std::int64_t const y = (before_christ ? -*year : *year) - (*month <= 2 ? 1 : 0);
  std::int64_t const era = (y >= 0 ? y : y - 399) / 400;
  std::int64_t const year_of_era = y - era * 400;
  std::int64_t const day_of_year = (153 * (*month + (*month > 2 ? -3 : 9)) + 2) / 5 + *day - 1;
  std::int64_t const day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  std::int64_t const days = era * 146097 + day_of_era - 719468;
  return ((days * 24 + *hour) * 60 + *minute - offset_minutes) * 60'000'000 + second * 1'000'000 + us;
}

}  // namespace acceptance
