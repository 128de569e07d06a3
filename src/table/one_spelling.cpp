#include <landfall/table/one_spelling.hpp>

#include <cstddef>
#include <utility>

#include <landfall/runtime/assert.hpp>

#include "table/json_spelling.hpp"
#include "table/utc_moment.hpp"

namespace landfall {
namespace {

std::string_view without_zeros_at_end(std::string_view digits) noexcept {
  return digits.substr(0, digits.find_last_not_of('0') + 1);
}

/// 1.50 is 1.5, and -0.00 is 0.
std::string_view spell_number(std::string_view number) noexcept {
  if (number.find('.') == number.npos) return number == "-0" ? "0" : number;
  number = without_zeros_at_end(number);
  if (number.ends_with('.')) number.remove_suffix(1);
  return number == "-0" ? "0" : number;
}

/// An offset is a part of its value: no day is known, to which it would belong in UTC.
std::string_view spell_time_with_zone(std::string_view time, std::string& buffer) {
  std::string_view const short_time = without_spare_zeros(time, buffer);
  if (!short_time.ends_with("+00:00") && !short_time.ends_with("-00:00")) return short_time;
  constexpr std::size_t offset_size = 6;
  std::string made(short_time.substr(0, short_time.size() - offset_size));
  made += 'Z';
  buffer = std::move(made);
  return buffer;
}

}  // namespace

std::string_view one_spelling(ColumnType type, std::string_view value, std::string& buffer) {
  switch (type) {
    case ColumnType::number:
      return spell_number(value);
    case ColumnType::time:
    case ColumnType::timestamp:
      return without_spare_zeros(value, buffer);
    case ColumnType::time_with_timezone:
      return spell_time_with_zone(value, buffer);
    case ColumnType::timestamp_with_timezone:
      return utc_moment(value, buffer);
    case ColumnType::json:
      return spell_json(value, buffer);
    case ColumnType::text:
    case ColumnType::boolean:
    case ColumnType::integer:
    case ColumnType::date:
      return value;
  }
  LANDFALL_ASSERT(false);
}

}  // namespace landfall
