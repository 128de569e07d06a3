#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace acceptance {

/// Microseconds since 1970 of an RFC 3339 time, also with a space for the T, a short offset ("+03") or none (UTC), and
/// with a year of more than four digits. Nothing when it is none.
std::optional<std::int64_t> parse_moment(std::string_view text);

}  // namespace acceptance
