#pragma once

namespace landfall {

/// How a value fitted into its column. All but the first go into the row's changes.
enum class Fit {
  whole,
  cut,            ///< digits behind the point were lost
  too_large,      ///< it is null now: beyond what the column holds
  no_such_value,  ///< it is null now: nothing of the column's type
};

}  // namespace landfall
