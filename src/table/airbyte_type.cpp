#include <landfall/table/airbyte_type.hpp>

#include <algorithm>
#include <array>
#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

namespace json = boost::json;

/// The member as a string; empty when there is none.
std::string_view text_of(json::object const& schema, std::string_view name) {
  json::value const* const value = schema.if_contains(name);
  json::string const* const text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

AirbyteKind kind_of_string(json::object const& schema) {
  std::string_view const format = text_of(schema, "format");
  std::string_view const airbyte_type = text_of(schema, "airbyte_type");
  if (format == "date") return AirbyteKind::date;
  if (format == "time") {
    return airbyte_type == "time_without_timezone" ? AirbyteKind::time_without_timezone
                                                   : AirbyteKind::time_with_timezone;
  }
  if (format == "date-time") {
    return airbyte_type == "timestamp_without_timezone" ? AirbyteKind::timestamp_without_timezone
                                                        : AirbyteKind::timestamp_with_timezone;
  }
  // How old sources declare numbers that are too large for a JSON parser.
  if (airbyte_type == "big_integer") return AirbyteKind::integer;
  if (airbyte_type == "big_number") return AirbyteKind::number;
  return AirbyteKind::string;
}

/// `schema` holds what says more about the type: its format and the like.
AirbyteKind kind_of_name(std::string_view name, json::object const& schema) {
  if (name == "string") return kind_of_string(schema);
  if (name == "boolean") return AirbyteKind::boolean;
  if (name == "integer" || name == "int") return AirbyteKind::integer;
  if (name == "number") {
    return text_of(schema, "airbyte_type") == "integer" ? AirbyteKind::integer : AirbyteKind::number;
  }
  if (name == "array") return AirbyteKind::array;
  if (name == "object") return AirbyteKind::object;
  return AirbyteKind::unknown;
}

struct WellKnownType {
  std::string_view name;
  AirbyteKind kind;
};

constexpr std::array well_known_types = {
    WellKnownType{"String", AirbyteKind::string},
    WellKnownType{"BinaryData", AirbyteKind::string},  // base64
    WellKnownType{"Date", AirbyteKind::date},
    WellKnownType{"TimestampWithTimezone", AirbyteKind::timestamp_with_timezone},
    WellKnownType{"TimestampWithoutTimezone", AirbyteKind::timestamp_without_timezone},
    WellKnownType{"TimeWithTimezone", AirbyteKind::time_with_timezone},
    WellKnownType{"TimeWithoutTimezone", AirbyteKind::time_without_timezone},
    WellKnownType{"Number", AirbyteKind::number},
    WellKnownType{"Integer", AirbyteKind::integer},
    WellKnownType{"Boolean", AirbyteKind::boolean},
};

AirbyteKind kind_of_reference(std::string_view reference) {
  constexpr std::string_view file = "WellKnownTypes.json#/definitions/";
  std::size_t const place = reference.find(file);  // a path may stand before it
  if (place == std::string_view::npos) return AirbyteKind::unknown;
  std::string_view const name = reference.substr(place + file.size());
  for (WellKnownType const& type : well_known_types) {
    if (type.name == name) return type.kind;
  }
  return AirbyteKind::unknown;
}

/// The list of a schema that is one of several; null when it is no such schema.
json::value const* list_of_schemas(json::object const& schema) {
  for (std::string_view const name : {"oneOf", "anyOf", "allOf"}) {
    if (json::value const* const list = schema.if_contains(name)) return list;
  }
  return nullptr;
}

/// Nothing for "null": every value may be null, so it says nothing.
std::optional<AirbyteType> type_of(json::value const& schema);

AirbyteType union_of_schemas(json::value const& list) {
  json::array const* const schemas = list.if_array();
  if (schemas == nullptr) return AirbyteType();
  std::vector<AirbyteType> options;
  for (json::value const& schema : *schemas) {
    if (auto option = type_of(schema)) options.push_back(std::move(*option));
  }
  return AirbyteType::any_of(std::move(options));
}

std::optional<AirbyteType> type_of_name(std::string_view name, json::object const& schema) {
  if (name == "null") return std::nullopt;
  return AirbyteType(kind_of_name(name, schema));
}

/// Of {"type": ["null", "string"], "format": "date"}: the rest of the schema belongs to each of the names.
AirbyteType union_of_names(json::array const& names, json::object const& schema) {
  std::vector<AirbyteType> options;
  for (json::value const& name : names) {
    auto option = name.is_string() ? type_of_name(name.get_string(), schema) : type_of(name);
    if (option) options.push_back(std::move(*option));
  }
  return AirbyteType::any_of(std::move(options));
}

std::optional<AirbyteType> type_of_object(json::object const& schema) {
  std::string_view const reference = text_of(schema, "$ref");
  if (!reference.empty()) return AirbyteType(kind_of_reference(reference));
  if (json::value const* const type = schema.if_contains("type")) {
    if (type->is_string()) return type_of_name(type->get_string(), schema);
    if (type->is_array()) return union_of_names(type->get_array(), schema);
    return AirbyteType();
  }
  if (json::value const* const list = list_of_schemas(schema)) return union_of_schemas(*list);
  return AirbyteType(AirbyteKind::object);
}

std::optional<AirbyteType> type_of(json::value const& schema) {
  if (schema.is_object()) return type_of_object(schema.get_object());
  if (schema.is_string()) return type_of_name(schema.get_string(), json::object());  // a type's name alone
  return AirbyteType();
}

void add_option(std::vector<AirbyteType>& options, AirbyteType option) {
  if (std::find(options.begin(), options.end(), option) == options.end()) options.push_back(std::move(option));
}

}  // namespace

AirbyteType AirbyteType::any_of(std::vector<AirbyteType> options) {
  AirbyteType all;
  for (AirbyteType& option : options) {
    if (option.kind() != AirbyteKind::union_of) {
      add_option(all.options_, std::move(option));
      continue;
    }
    for (AirbyteType& inner : option.options_) add_option(all.options_, std::move(inner));
  }
  if (all.options_.empty()) return AirbyteType();
  if (all.options_.size() == 1) return AirbyteType(all.options_.front().kind());
  all.kind_ = AirbyteKind::union_of;
  return all;
}

AirbyteType AirbyteType::of_schema(json::value const& schema) { return type_of(schema).value_or(AirbyteType()); }

std::vector<Field> fields_of(json::object const& json_schema) {
  std::vector<Field> fields;
  json::value const* const properties = json_schema.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return fields;
  fields.reserve(properties->get_object().size());
  for (auto const& [name, schema] : properties->get_object()) {
    fields.emplace_back(std::string(name), AirbyteType::of_schema(schema));
  }
  return fields;
}

std::vector<Field> fields_of(JsonSchema const& json_schema) { return fields_of(json_schema.parse()); }

ColumnType column_type_of(AirbyteType const& type) noexcept {
  switch (type.kind()) {
    case AirbyteKind::string:
      return ColumnType::text;
    case AirbyteKind::boolean:
      return ColumnType::boolean;
    case AirbyteKind::integer:
      return ColumnType::integer;
    case AirbyteKind::number:
      return ColumnType::number;
    case AirbyteKind::date:
      return ColumnType::date;
    case AirbyteKind::time_with_timezone:
      return ColumnType::time_with_timezone;
    case AirbyteKind::time_without_timezone:
      return ColumnType::time;
    case AirbyteKind::timestamp_with_timezone:
      return ColumnType::timestamp_with_timezone;
    case AirbyteKind::timestamp_without_timezone:
      return ColumnType::timestamp;
    case AirbyteKind::array:
    case AirbyteKind::object:
    case AirbyteKind::union_of:
    case AirbyteKind::unknown:
      return ColumnType::json;
  }
  LANDFALL_ASSERT(false);
  return ColumnType::json;
}

std::string_view to_string(AirbyteKind kind) noexcept {
  switch (kind) {
    case AirbyteKind::string:
      return "string";
    case AirbyteKind::boolean:
      return "boolean";
    case AirbyteKind::integer:
      return "integer";
    case AirbyteKind::number:
      return "number";
    case AirbyteKind::date:
      return "date";
    case AirbyteKind::time_with_timezone:
      return "time_with_timezone";
    case AirbyteKind::time_without_timezone:
      return "time_without_timezone";
    case AirbyteKind::timestamp_with_timezone:
      return "timestamp_with_timezone";
    case AirbyteKind::timestamp_without_timezone:
      return "timestamp_without_timezone";
    case AirbyteKind::array:
      return "array";
    case AirbyteKind::object:
      return "object";
    case AirbyteKind::union_of:
      return "union";
    case AirbyteKind::unknown:
      return "unknown";
  }
  return "invalid";
}

std::string_view to_string(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::text:
      return "text";
    case ColumnType::boolean:
      return "boolean";
    case ColumnType::integer:
      return "integer";
    case ColumnType::number:
      return "number";
    case ColumnType::date:
      return "date";
    case ColumnType::time:
      return "time";
    case ColumnType::time_with_timezone:
      return "time_with_timezone";
    case ColumnType::timestamp:
      return "timestamp";
    case ColumnType::timestamp_with_timezone:
      return "timestamp_with_timezone";
    case ColumnType::json:
      return "json";
  }
  return "invalid";
}

}  // namespace landfall
