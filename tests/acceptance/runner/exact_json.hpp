#pragma once

#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace acceptance {

namespace json = boost::json;

/// JSON in which numbers are compared as decimals: 1, 1.0 and 10e-1 are equal, 0.1 and 0.1000000000000000001 are not.
///
/// Numbers that an int64 holds are such; any other is kept as its shortest decimal text, so that == of two values
/// compares exactly what was written. With `comments`: // and trailing commas are allowed.
/// Errors: std::runtime_error which says what is wrong and where.
json::value parse_exact(std::string_view text, bool comments = false);

/// One line of JSON; numbers as decimals again.
std::string to_text(json::value const& value);

}  // namespace acceptance
