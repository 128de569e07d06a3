#include "table/refusal.hpp"

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

std::string_view name_of(JsonValue::Kind kind) noexcept {
  switch (kind) {
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return "a boolean";
    case JsonValue::Kind::number:
      return "a number";
    case JsonValue::Kind::string:
      return "a string";
    case JsonValue::Kind::container:
      return "an object or array";
  }
  LANDFALL_ASSERT(false);
}

std::string_view what_is_wrong(Fit fit) noexcept {
  switch (fit) {
    case Fit::cut:
      return "has more digits than";
    case Fit::altered:
      return "has a character (NUL, or half of a surrogate pair) that cannot be in";
    case Fit::too_large:
      return "is larger than what fits into";
    case Fit::no_such_value:
      return "is no value of";
    case Fit::ambiguous:
      return "has members whose names would become one in";
    case Fit::whole:
      break;
  }
  LANDFALL_ASSERT(false);
}

}  // namespace

std::string reason_of_ambiguous(std::string_view field) {
  return fmt::format("its field '{}': {}", field, names_meet_reason);
}

std::string reason_of_misfit(std::string_view what, std::string_view field, JsonValue::Kind kind, ColumnType type,
                             Fit fit) {
  std::string reason = fmt::format("its {} '{}' is {} that {} a column of type {}, and rows are compared by it", what,
                                   field, name_of(kind), what_is_wrong(fit), to_string(type));
  bool const would_fit_as_text = type != ColumnType::text && fit != Fit::altered && fit != Fit::ambiguous;
  if (would_fit_as_text)
    reason += fmt::format(". To keep such values, make string the type of '{}' in the schema", field);
  return reason;
}

}  // namespace landfall
