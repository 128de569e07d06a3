#include <landfall/table/airbyte_type.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace landfall {
namespace {

AirbyteType of_json(std::string_view schema) { return AirbyteType::of_schema(boost::json::parse(schema)); }

/// "string", or "union(string, integer)".
std::string text_of(AirbyteType const& type) {
  std::string text(to_string(type.kind()));
  if (type.options().empty()) return text;
  std::string separator = "(";
  for (AirbyteType const& option : type.options()) {
    text += separator + text_of(option);
    separator = ", ";
  }
  return text + ")";
}

struct SchemaRow {
  std::string_view name;
  std::string_view schema;
  std::string_view expected;
};

constexpr SchemaRow schema_rows[] = {
    {"string", R"({"type":"string"})", "string"},
    {"date", R"({"type":"string","format":"date"})", "date"},
    {"time", R"({"type":"string","format":"time"})", "time_with_timezone"},
    {"time with", R"({"type":"string","format":"time","airbyte_type":"time_with_timezone"})", "time_with_timezone"},
    {"time without", R"({"type":"string","format":"time","airbyte_type":"time_without_timezone"})",
     "time_without_timezone"},
    {"timestamp", R"({"type":"string","format":"date-time"})", "timestamp_with_timezone"},
    {"timestamp with", R"({"type":"string","format":"date-time","airbyte_type":"timestamp_with_timezone"})",
     "timestamp_with_timezone"},
    {"timestamp without", R"({"type":"string","format":"date-time","airbyte_type":"timestamp_without_timezone"})",
     "timestamp_without_timezone"},
    {"an airbyte_type that no format goes with", R"({"type":"string","airbyte_type":"timestamp_with_timezone"})",
     "string"},
    {"an airbyte_type of another format", R"({"type":"string","format":"date-time","airbyte_type":"time"})",
     "timestamp_with_timezone"},
    {"unknown format", R"({"type":"string","format":"email"})", "string"},
    {"format that is no text", R"({"type":"string","format":7})", "string"},
    {"boolean", R"({"type":"boolean"})", "boolean"},
    {"integer", R"({"type":"integer"})", "integer"},
    {"int", R"({"type":"int"})", "integer"},
    {"number", R"({"type":"number"})", "number"},
    {"number that is an integer", R"({"type":"number","airbyte_type":"integer"})", "integer"},
    {"legacy big_integer", R"({"type":"string","airbyte_type":"big_integer"})", "integer"},
    {"legacy big_number", R"({"type":"string","airbyte_type":"big_number"})", "number"},
    {"format of a number", R"({"type":"number","format":"date"})", "number"},
    {"array", R"({"type":"array"})", "array"},
    {"array of objects", R"({"type":"array","items":{"type":"object"}})", "array"},
    {"array of several", R"({"type":"array","items":[{"type":"string"},{"type":"integer"}]})", "array"},
    {"array of nothing", R"({"type":"array","items":[]})", "array"},
    {"object", R"({"type":"object"})", "object"},
    {"object with members", R"({"type":"object","properties":{"a":{"type":"string"}}})", "object"},
    {"object without members", R"({"type":"object","properties":{}})", "object"},
    {"empty schema", R"({})", "object"},
    {"members without a type", R"({"properties":{"a":{"type":"string"}}})", "object"},

    {"list with null", R"({"type":["null","string"]})", "string"},
    {"null at the end", R"({"type":["integer","null"]})", "integer"},
    {"list and format", R"({"type":["null","string"],"format":"date"})", "date"},
    {"list and airbyte_type", R"({"type":["null","number"],"airbyte_type":"integer"})", "integer"},
    {"list of two", R"({"type":["string","integer"]})", "union(string, integer)"},
    {"list of two and a format", R"({"type":["null","string","number"],"format":"date-time"})",
     "union(timestamp_with_timezone, number)"},
    {"list with one type twice", R"({"type":["string","string"]})", "string"},
    {"list of integer and int", R"({"type":["integer","int"]})", "integer"},
    {"empty list", R"({"type":[]})", "unknown"},
    {"list of null", R"({"type":["null"]})", "unknown"},
    {"list with a schema", R"({"type":["null",{"type":"boolean"}]})", "boolean"},

    {"oneOf", R"({"oneOf":[{"type":"string"},{"type":"integer"}]})", "union(string, integer)"},
    {"anyOf", R"({"anyOf":[{"type":"boolean"},{"type":"null"},{"type":"object"}]})", "union(boolean, object)"},
    {"allOf", R"({"allOf":[{"type":"array"},{"type":"number"}]})", "union(array, number)"},
    {"oneOf of one", R"({"oneOf":[{"type":"string","format":"date"}]})", "date"},
    {"oneOf of one and null", R"({"oneOf":[{"type":"null"},{"type":"string"}]})", "string"},
    {"oneOf of nothing", R"({"oneOf":[]})", "unknown"},
    {"oneOf that is no list", R"({"oneOf":{"type":"string"}})", "unknown"},
    {"one type twice", R"({"oneOf":[{"type":"string"},{"type":"string","format":"email"}]})", "string"},
    {"nested", R"({"oneOf":[{"anyOf":[{"type":"string"},{"type":"integer"}]},{"type":["integer","boolean"]}]})",
     "union(string, integer, boolean)"},
    {"nested, all the same", R"({"oneOf":[{"oneOf":[{"type":"string"}]},{"type":["null","string"]}]})", "string"},
    {"an option we do not know", R"({"oneOf":[{"type":"string"},{"type":"tuple"}]})", "union(string, unknown)"},
    {"a type beside oneOf", R"({"type":"string","oneOf":[{"type":"integer"}]})", "string"},

    {"$ref String", R"({"$ref":"WellKnownTypes.json#/definitions/String"})", "string"},
    {"$ref BinaryData", R"({"$ref":"WellKnownTypes.json#/definitions/BinaryData"})", "string"},
    {"$ref Date", R"({"$ref":"WellKnownTypes.json#/definitions/Date"})", "date"},
    {"$ref TimestampWithTimezone", R"({"$ref":"WellKnownTypes.json#/definitions/TimestampWithTimezone"})",
     "timestamp_with_timezone"},
    {"$ref TimestampWithoutTimezone", R"({"$ref":"WellKnownTypes.json#/definitions/TimestampWithoutTimezone"})",
     "timestamp_without_timezone"},
    {"$ref TimeWithTimezone", R"({"$ref":"WellKnownTypes.json#/definitions/TimeWithTimezone"})", "time_with_timezone"},
    {"$ref TimeWithoutTimezone", R"({"$ref":"WellKnownTypes.json#/definitions/TimeWithoutTimezone"})",
     "time_without_timezone"},
    {"$ref Number", R"({"$ref":"WellKnownTypes.json#/definitions/Number"})", "number"},
    {"$ref Integer", R"({"$ref":"WellKnownTypes.json#/definitions/Integer"})", "integer"},
    {"$ref Boolean", R"({"$ref":"WellKnownTypes.json#/definitions/Boolean"})", "boolean"},
    {"$ref with a path", R"({"$ref":"../types/WellKnownTypes.json#/definitions/Date"})", "date"},
    {"$ref in a union", R"({"oneOf":[{"$ref":"WellKnownTypes.json#/definitions/Date"},{"type":"null"}]})", "date"},
    {"$ref to another type", R"({"$ref":"WellKnownTypes.json#/definitions/Money"})", "unknown"},
    {"$ref to another file", R"({"$ref":"#/definitions/address"})", "unknown"},

    {"a name alone", R"("integer")", "integer"},
    {"unknown name", R"({"type":"tuple"})", "unknown"},
    {"name in capitals", R"({"type":"STRING"})", "unknown"},
    {"null", R"({"type":"null"})", "unknown"},
    {"type that is a number", R"({"type":7})", "unknown"},
    {"type that is null", R"({"type":null})", "unknown"},
    {"type that is an object", R"({"type":{"type":"string"}})", "unknown"},
    {"schema true", R"(true)", "unknown"},
    {"schema null", R"(null)", "unknown"},
    {"schema that is a list", R"([{"type":"string"}])", "unknown"},
};

TEST(AirbyteType, IsReadFromEveryFormOfSchema) {
  for (SchemaRow const& row : schema_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(text_of(of_json(row.schema)), row.expected);
  }
}

TEST(AirbyteType, OfSeveralIsFlatAndHasEachOnce) {
  AirbyteType const text(AirbyteKind::string);
  AirbyteType const number(AirbyteKind::number);
  AirbyteType const date(AirbyteKind::date);
  EXPECT_EQ(AirbyteType::any_of({}), AirbyteType());
  EXPECT_EQ(AirbyteType::any_of({text, text}), text);
  EXPECT_EQ(AirbyteType::any_of({AirbyteType()}), AirbyteType());
  AirbyteType const both = AirbyteType::any_of({text, number});
  EXPECT_EQ(AirbyteType::any_of({both}), both);
  EXPECT_EQ(text_of(AirbyteType::any_of({both, date, both})), "union(string, number, date)");
}

TEST(AirbyteType, FieldsKeepTheOrderOfTheSchema) {
  auto const schema = boost::json::parse(
      R"({"properties":{"z":{"type":"string"},"a":{"type":["null","integer"]},"":{},"\"\u0000":true}})");
  std::vector<Field> const expected = {
      Field("z", AirbyteType(AirbyteKind::string)), Field("a", AirbyteType(AirbyteKind::integer)),
      Field("", AirbyteType(AirbyteKind::object)), Field(std::string("\"\0", 2), AirbyteType(AirbyteKind::unknown))};
  EXPECT_EQ(fields_of(schema.get_object()), expected);
}

TEST(AirbyteType, ASchemaWithoutPropertiesHasNoFields) {
  for (std::string_view const schema :
       {R"({})", R"({"properties":{}})", R"({"properties":null})", R"({"properties":["a"]})", R"({"type":"object"})"}) {
    SCOPED_TRACE(schema);
    EXPECT_TRUE(fields_of(boost::json::parse(schema).get_object()).empty());
  }
}

struct ColumnRow {
  AirbyteKind kind;
  ColumnType expected;
};

constexpr ColumnRow column_rows[] = {
    {AirbyteKind::string, ColumnType::text},
    {AirbyteKind::boolean, ColumnType::boolean},
    {AirbyteKind::integer, ColumnType::integer},
    {AirbyteKind::number, ColumnType::number},
    {AirbyteKind::date, ColumnType::date},
    {AirbyteKind::time_with_timezone, ColumnType::time_with_timezone},
    {AirbyteKind::time_without_timezone, ColumnType::time},
    {AirbyteKind::timestamp_with_timezone, ColumnType::timestamp_with_timezone},
    {AirbyteKind::timestamp_without_timezone, ColumnType::timestamp},
    {AirbyteKind::array, ColumnType::json},
    {AirbyteKind::object, ColumnType::json},
    {AirbyteKind::unknown, ColumnType::json},
};

TEST(AirbyteType, HasAColumnForEveryKind) {
  for (ColumnRow const& row : column_rows) {
    SCOPED_TRACE(to_string(row.kind));
    EXPECT_EQ(column_type_of(AirbyteType(row.kind)), row.expected);
  }
  auto const either = AirbyteType::any_of({AirbyteType(AirbyteKind::string), AirbyteType(AirbyteKind::integer)});
  EXPECT_EQ(column_type_of(either), ColumnType::json);
}

}  // namespace
}  // namespace landfall
