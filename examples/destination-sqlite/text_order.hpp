#pragma once

#include <string_view>

namespace sqlite {

/// Numbers and moments are kept as text, whose own order is another one: "9" is behind "10", and noon in Tokyo behind
/// noon in Lisbon. These are the collations _landfall_number and _landfall_moment, see sql_functions.hpp.
///
/// Returns: negative, 0, positive, as a is less than b, equal or greater.

/// Numbers as Cell has them: "-12.5".
int compare_numbers(std::string_view a, std::string_view b) noexcept;

/// Timestamps and times with an offset: "2024-05-01T10:00:00.5+02:00". What is none is less than all that are.
int compare_moments(std::string_view a, std::string_view b) noexcept;

}  // namespace sqlite
