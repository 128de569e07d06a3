#pragma once

#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <simdjson.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace landfall::limits {

/// A member of the records of a stream, and PostgreSQL's type for it.
struct Column {
  std::string name;
  std::string type;
};

inline std::string type_of(boost::json::object const& property) {
  if (auto const* format = property.if_contains("format")) {
    return format->as_string() == "date" ? "date" : "timestamptz";
  }
  std::string type;
  for (auto const& one : property.at("type").as_array()) {
    if (one.as_string() != "null") type = one.as_string();
  }
  if (type == "integer") return "bigint";
  if (type == "number") return "numeric";
  if (type == "boolean") return "boolean";
  if (type == "object" || type == "array") return "jsonb";
  return "varchar";
}

/// The columns of each stream of a configured catalog.
class Catalog {
 public:
  explicit Catalog(std::string const& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    auto const catalog = boost::json::parse(text.str());
    for (auto const& configured : catalog.at("streams").as_array()) {
      auto const& stream = configured.at("stream").as_object();
      auto& columns = streams_[std::string(stream.at("name").as_string())];
      for (auto const& property : stream.at("json_schema").at("properties").as_object()) {
        columns.push_back({std::string(property.key()), type_of(property.value().as_object())});
      }
    }
  }

  std::vector<Column> const& columns_of(std::string_view stream) const { return streams_.at(std::string(stream)); }

 private:
  std::unordered_map<std::string, std::vector<Column>> streams_;
};

/// The value as a table has it: text without quotes and escapes, everything else as it came. Empty: null.
inline std::optional<std::string_view> text_of(simdjson::ondemand::value value) {
  using simdjson::ondemand::json_type;
  switch (json_type(value.type())) {
    case json_type::null:
      return std::nullopt;
    case json_type::string:
      return std::string_view(value.get_string());
    case json_type::object:
      return std::string_view(value.get_object().value().raw_json());
    case json_type::array:
      return std::string_view(value.get_array().value().raw_json());
    case json_type::number:
    case json_type::boolean:
      break;
  }
  return value.raw_json_token();
}

/// `on_value(column, text or null)` for each column; the members of a record are in the columns' order.
template <class OnValue>
void for_each_value(std::vector<Column> const& columns, simdjson::ondemand::object& members, OnValue const& on_value) {
  for (Column const& column : columns) {
    simdjson::ondemand::value value;
    bool const is_there = members.find_field(column.name).get(value) == simdjson::SUCCESS;
    on_value(column, is_there ? text_of(value) : std::nullopt);
  }
}

}  // namespace landfall::limits
