#pragma once

#include <string_view>

namespace landfall {

/// The order of JSON values as cursors, in every store: null, then numbers, then strings, then booleans, then arrays
/// and objects. Numbers are compared by value, with every digit (1e2 is 100); strings by the bytes of their text in
/// UTF-8, escapes decoded; false is less than true. Arrays and objects are equal to one another: none of them is newer.
///
/// Returns: negative, 0, positive, as a is less than b, equal or greater. What is no JSON is less than null.
int compare_json(std::string_view a, std::string_view b);

}  // namespace landfall
