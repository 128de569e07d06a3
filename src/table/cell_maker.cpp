#include "table/cell_maker.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "table/decimals.hpp"
#include "table/json_fit.hpp"
#include "table/json_text.hpp"
#include "table/moments.hpp"

namespace landfall {
namespace {

bool is_too_long(std::string_view text, ValueLimits const& limits) noexcept {
  return limits.longest_text_bytes != 0 && text.size() > limits.longest_text_bytes;
}

Fit set_text(std::string_view text, ValueLimits const& limits, Cell& cell) noexcept {
  if (is_too_long(text, limits)) return Fit::too_large;
  cell.kind = Cell::Kind::text;
  cell.text = text;
  return Fit::whole;
}

/// False when it has no text of its own: see Decoded.
bool decode(JsonValue const& value, TextArena& arena, std::string_view& text) {
  Decoded const decoded = decode_string(value.text, arena, text);
  if (decoded == Decoded::broken) throw system_error("a string is no valid JSON");
  return decoded == Decoded::text;
}

std::string_view without_nul(std::string_view text, TextArena& arena) {
  char* const begin = arena.take(text.size());
  char* const end = std::ranges::remove_copy(text, begin, '\0').out;
  auto const size = static_cast<std::size_t>(end - begin);
  arena.give_back(text.size() - size);
  return std::string_view(begin, size);
}

Fit make_text(JsonValue const& value, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  if (value.kind != JsonValue::Kind::string) return set_text(value.text, limits, cell);
  std::string_view text;
  bool is_altered = !decode(value, arena, text);
  bool const is_decoded = text.data() != value.text.data();  // only an escape can be a NUL
  if (is_decoded && !limits.takes_nul && text.find('\0') != std::string_view::npos) {
    text = without_nul(text, arena);
    is_altered = true;
  }
  Fit const fit = set_text(text, limits, cell);
  return fit == Fit::whole && is_altered ? Fit::altered : fit;
}

/// With what the store can have.
std::string_view altered_json(std::string_view json, ValueLimits const& limits, TextArena& arena) {
  std::string buffer;
  std::string_view const held = held_json(json, limits, buffer);
  char* const begin = arena.take(held.size());
  std::ranges::copy(held, begin);
  return std::string_view(begin, held.size());
}

Fit make_json(JsonValue const& value, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  Fit const fit = fit_of_json(value, limits);
  if (fit != Fit::whole && fit != Fit::altered) return fit;
  cell.kind = Cell::Kind::json;
  cell.text = fit == Fit::whole ? value.json() : altered_json(value.json(), limits, arena);
  return fit;
}

Fit make_boolean(JsonValue const& value, Cell& cell) noexcept {
  if (value.kind != JsonValue::Kind::boolean) return Fit::no_such_value;
  cell.kind = Cell::Kind::boolean;
  cell.integer = value.text == "true" ? 1 : 0;
  return Fit::whole;
}

/// The text of what may be a number: a number, or a string.
bool text_of_number(JsonValue const& value, TextArena& arena, std::string_view& text) {
  text = value.text;
  if (value.kind == JsonValue::Kind::number) return true;
  return value.kind == JsonValue::Kind::string && decode(value, arena, text);
}

Fit make_integer(JsonValue const& value, TextArena& arena, Cell& cell) {
  std::string_view text;
  return text_of_number(value, arena, text) ? read_integer(text, arena, cell) : Fit::no_such_value;
}

Fit make_number(JsonValue const& value, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  std::string_view text;
  return text_of_number(value, arena, text) ? read_number(text, limits, arena, cell) : Fit::no_such_value;
}

Fit make_moment(ColumnType type, JsonValue const& value, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  std::string_view text;
  if (value.kind != JsonValue::Kind::string || !decode(value, arena, text)) return Fit::no_such_value;
  return read_moment(type, text, limits, arena, cell);
}

}  // namespace

Fit make_cell(ColumnType type, JsonValue const& value, ValueLimits const& limits, TextArena& arena, Cell& cell) {
  if (value.kind == JsonValue::Kind::null) return Fit::whole;
  switch (type) {
    case ColumnType::text:
      return make_text(value, limits, arena, cell);
    case ColumnType::boolean:
      return make_boolean(value, cell);
    case ColumnType::integer:
      return make_integer(value, arena, cell);
    case ColumnType::number:
      return make_number(value, limits, arena, cell);
    case ColumnType::json:
      return make_json(value, limits, arena, cell);
    case ColumnType::date:
    case ColumnType::time:
    case ColumnType::time_with_timezone:
    case ColumnType::timestamp:
    case ColumnType::timestamp_with_timezone:
      return make_moment(type, value, limits, arena, cell);
  }
  LANDFALL_ASSERT(false);
  return Fit::no_such_value;
}

}  // namespace landfall
