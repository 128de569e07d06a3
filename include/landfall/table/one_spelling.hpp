#pragma once

#include <string>
#include <string_view>

#include <landfall/table/airbyte_type.hpp>

namespace landfall {

/// The one spelling of a value, so that a store which compares text takes equal values for equal: for stores that keep
/// numbers, moments or JSON as text.
///
/// number:  no zeros behind the last digit of its fraction, no minus at 0.
/// Moments: no zeros at the end of a fraction of a second; a timestamp with a time zone in UTC, with a Z. A time with a
///          time zone keeps its offset, which is a part of its value (as in SQL), with a Z for none.
/// json:    no white space, members in the order of their names and each once (the last counts), characters as
///          themselves but for what JSON wants escaped, numbers as above, without an exponent where that takes no more
///          than 1,100 digits.
/// Others, and what is no such value: as they are.
///
/// `value` is spelled as Cell has it. Returns `value`, a part of it, or `buffer`.
std::string_view one_spelling(ColumnType type, std::string_view value, std::string& buffer);

}  // namespace landfall
