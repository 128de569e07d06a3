#pragma once

#include <cstdint>
#include <string_view>

namespace landfall {

/// A value as it stands in a record.
struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, container };
  Kind kind = Kind::null;
  std::string_view text;  ///< of a string: what is between the quotes, escapes and all

  /// With the quotes.
  std::string_view json() const noexcept {
    return kind == Kind::string ? std::string_view(text.data() - 1, text.size() + 2) : text;
  }
};

}  // namespace landfall
