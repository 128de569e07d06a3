#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <landfall/protocol/json_schema.hpp>

namespace landfall {

/// The types that a source may declare. All values may be null.
enum class AirbyteKind {
  string,
  boolean,
  integer,  ///< of any size
  number,   ///< of any precision
  date,
  time_with_timezone,
  time_without_timezone,
  timestamp_with_timezone,
  timestamp_without_timezone,
  array,
  object,
  union_of,  ///< one of several, see AirbyteType::options()
  unknown,   ///< a schema that says nothing we know: any value, kept as it is
};

/// "string", "timestamp_with_timezone", ...
std::string_view to_string(AirbyteKind kind) noexcept;

/// The type of a field, as its JSON schema says it. A value.
///
/// Source: protocol reference 2.10.
class AirbyteType {
 public:
  AirbyteType() = default;  ///< unknown
  explicit AirbyteType(AirbyteKind kind) : kind_(kind) {}

  /// Of several: nested unions are flattened, the same type counts once; one alone is that type, none is unknown.
  static AirbyteType any_of(std::vector<AirbyteType> options);

  /// Reads a JSON schema. Never fails: what it cannot make sense of is unknown.
  static AirbyteType of_schema(boost::json::value const& schema);

  AirbyteKind kind() const noexcept { return kind_; }
  /// Of a union: two or more, none of them a union. Otherwise empty.
  std::vector<AirbyteType> const& options() const noexcept { return options_; }

  friend bool operator==(AirbyteType const&, AirbyteType const&) = default;

 private:
  AirbyteKind kind_ = AirbyteKind::unknown;
  std::vector<AirbyteType> options_;
};

/// A top-level member of a stream's records.
struct Field {
  Field() = default;
  Field(std::string field_name, AirbyteType field_type) : name(std::move(field_name)), type(std::move(field_type)) {}

  std::string name;
  AirbyteType type;
  friend bool operator==(Field const&, Field const&) = default;
};

/// The fields of a stream's schema, in its order. None when it has no properties.
std::vector<Field> fields_of(boost::json::object const& json_schema);
std::vector<Field> fields_of(JsonSchema const& json_schema);

/// What a column can hold, for every store. How a store spells it is its dialect's business.
enum class ColumnType {
  text,
  boolean,
  integer,  ///< 64 bits, signed
  number,   ///< decimal
  date,
  time,
  time_with_timezone,
  timestamp,
  timestamp_with_timezone,
  json,
};

/// "text", "timestamp_with_timezone", ...
std::string_view to_string(ColumnType type) noexcept;

/// The column of a field: arrays, objects, unions and what is unknown are JSON.
ColumnType column_type_of(AirbyteType const& type) noexcept;

}  // namespace landfall
