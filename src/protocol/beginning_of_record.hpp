#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace landfall {

/// What a line that is no JSON says before it breaks, when it says that it is a record.
struct BeginningOfRecord {
  BeginningOfRecord() = default;
  std::string stream;
  std::optional<std::string> name_space;
  bool knows_name_space = false;  ///< it broke behind the `namespace`, or behind a record without one
};

/// Nothing when the line does not begin as a RECORD with a stream, or says so twice.
std::optional<BeginningOfRecord> beginning_of_record(std::string_view broken_line);

/// Another message, or the beginning of one, may be part of the line: two writers at once, or a writer that was
/// interrupted. When in doubt, true.
bool may_hold_second_message(std::string_view broken_line);

}  // namespace landfall
