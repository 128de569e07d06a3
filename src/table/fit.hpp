#pragma once

namespace landfall {

/// How a value fitted into its column. All but the first go into the row's changes.
enum class Fit {
  whole,
  cut,            ///< digits behind the point were lost
  altered,        ///< characters that the store cannot have are gone (NUL), or U+FFFD (half of a surrogate pair)
  too_large,      ///< it is null now: beyond what the column holds
  no_such_value,  ///< it is null now: nothing of the column's type
  ambiguous,      ///< it is null now: altered, two members of one object would have one name
};

}  // namespace landfall
