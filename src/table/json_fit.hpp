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

/// Whether the store has JSON for the value, whatever stands how deep inside: `altered` for a character that it cannot
/// have (held_json() is what becomes of it), `ambiguous` where that makes two members of one object one, `too_large`
/// for what is too long, too deep, or a number out of its range. Of what is no valid JSON the rest is not looked at.
///
/// Cost: a glance, or a walk over the value; none where the store takes all.
Fit fit_of_json(JsonValue const& value, ValueLimits const& limits);

/// The same JSON without what the store cannot have: a NUL is gone, for half of a surrogate pair there is U+FFFD, for a
/// number null. `json` itself where there is none of it, else `room`.
std::string_view held_json(std::string_view json, ValueLimits const& limits, std::string& room);

}  // namespace landfall
