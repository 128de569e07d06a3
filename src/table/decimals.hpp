#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <landfall/table/row_reader.hpp>

#include "table/fit.hpp"
#include "table/text_arena.hpp"

namespace landfall {

/// Decimal numbers in text: those of JSON, and also with zeros in front, a plus sign, or nothing on one side of the
/// point. Nothing goes through a double: every digit counts.

/// A 64-bit integer, also written as 12.0 or 1.2e1.
Fit read_integer(std::string_view text, TextArena& arena, Cell& cell);

/// A number without an exponent and within the limits. An exponent may stand for so many digits; no number that a
/// double holds needs as many.
inline constexpr std::size_t longest_expanded = 1'100;
Fit read_number(std::string_view text, ValueLimits const& limits, TextArena& arena, Cell& cell);

/// Whether a JSON number has so many digits at most before its point, and so many behind it, when it is written without
/// an exponent. 0: as many as it likes.
bool is_within(std::string_view number, std::uint64_t whole_digits, std::uint64_t scale) noexcept;

}  // namespace landfall
