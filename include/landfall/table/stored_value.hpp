#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <landfall/table/airbyte_type.hpp>
#include <landfall/table/row_reader.hpp>

namespace landfall {

enum class Fit;  // of src/table/fit.hpp

/// A stored value, read as one of another type. A value.
struct Conversion {
  Conversion() = default;

  Cell cell;  ///< null where nothing of it fits
  Fit fit{};  ///< how it fitted

  bool is_whole() const noexcept;
  /// The value is gone: a null stands in its place.
  bool is_lost() const noexcept;
};

/// Reads what lies in a column of one type as a value of another: for a column that changes its type.
///
/// Meaning:  a stored value is read exactly as the same value in a new record would be (RowReader), so an old row and a
///           new one with the same value stay equal. What that adds:
///           text: "true" and "false" are booleans. JSON: a text becomes a JSON string, and a JSON string is read as
///           its text; other JSON is read as what it is. Timestamps and times with a time zone become ones without, a
///           date or a time in UTC; those without a zone are UTC.
/// Spelling: `stored` is spelled as Cell has it: integers in digits, decimals without an exponent, "true" and "false",
///           ISO 8601, JSON. What RowReader reads of a moment (a space for the T) is read here as well.
/// Threads:  one at a time.
class StoredValueReader {
 public:
  explicit StoredValueReader(ValueLimits limits);
  ~StoredValueReader();
  StoredValueReader(StoredValueReader&&) noexcept;
  StoredValueReader& operator=(StoredValueReader&&) noexcept;

  /// Valid until the next read(), and while `stored` lives. Nothing throws: what is broken does not fit.
  Conversion read(ColumnType from, ColumnType to, std::string_view stored);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// `_airbyte_meta` of a row whose value of `field` did not fit as a whole: with one more entry in its `changes`.
/// Asserts that the value is not whole. An empty `meta` is an empty object. Errors: Error(system) when it is no JSON
/// object.
std::string meta_with_change(std::string_view meta, std::string_view field, Conversion const& conversion,
                             ValueLimits const& limits);

}  // namespace landfall
