#pragma once

#include <string>
#include <string_view>

namespace landfall {

// Both take moments as Cell spells them, and give other text back as it is. They return `moment` or `buffer`.

/// 10:00:00.50 is 10:00:00.5, and 10:00:00.0 is 10:00:00.
std::string_view without_spare_zeros(std::string_view moment, std::string& buffer);

/// The same, and in UTC with a Z. A time without a date stays within its day.
std::string_view utc_moment(std::string_view moment, std::string& buffer);

}  // namespace landfall
