#pragma once

#include <string>
#include <string_view>

#include <landfall/table/row_reader.hpp>

#include "table/fit.hpp"
#include "table/json_value.hpp"

namespace landfall {

/// A glance at JSON: true where it surely has no character, number or depth that the store cannot have, and so for
/// nearly all that is shorter than the limits of its numbers and its depth. Lengths are not looked at.
bool is_harmless(std::string_view json, ValueLimits const& limits) noexcept;

/// Whether the store has JSON for the value, whatever stands how deep inside: `no_such_value` for a character that it
/// cannot have, `too_large` for what is too long, too deep, or a number out of its range. Of what is no valid JSON the
/// rest is not looked at.
///
/// Cost: a glance, or a walk over the value; none where the store takes all.
Fit fit_of_json(JsonValue const& value, ValueLimits const& limits) noexcept;

/// The same JSON with U+FFFD for each character, and null for each number, that the store cannot have: `json` itself
/// where there are none, else `room`.
std::string_view held_json(std::string_view json, ValueLimits const& limits, std::string& room);

}  // namespace landfall
