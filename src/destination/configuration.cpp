#include <landfall/destination/configuration.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

std::string_view kind_name(boost::json::kind kind) {
  switch (kind) {
    case boost::json::kind::null:
      return "null";
    case boost::json::kind::bool_:
      return "a boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
    case boost::json::kind::double_:
      return "a number";
    case boost::json::kind::string:
      return "a string";
    case boost::json::kind::array:
      return "an array";
    case boost::json::kind::object:
      return "an object";
  }
  return "unknown";
}

Error wrong_kind(std::string_view member, std::string_view expected, boost::json::value const& found) {
  return config_error("configuration: {} must be {}, but is {}", member, expected, kind_name(found.kind()));
}

/// Null when absent or null.
boost::json::value const* find(boost::json::object const& members, std::string_view name) {
  boost::json::value const* const value = members.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

/// Also 5432.0, as some forms save it.
std::optional<std::int64_t> exact_integer(boost::json::value const& value) {
  constexpr double exact_limit = 0x1p53;
  if (value.is_int64()) return value.get_int64();
  if (!value.is_double()) return std::nullopt;
  double const number = value.get_double();
  if (std::abs(number) > exact_limit || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

struct Position {
  Position(std::string_view text, std::size_t offset) {
    std::string_view const before = text.substr(0, offset);
    line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
    std::size_t const line_end = before.rfind('\n');
    column = 1 + (line_end == before.npos ? before.size() : before.size() - line_end - 1);
  }
  std::size_t line;
  std::size_t column;
};

}  // namespace

Configuration Configuration::parse(std::string_view json) {
  boost::json::parser parser;
  boost::json::error_code code;
  std::size_t const offset = parser.write_some(json, code);
  if (!code && offset < json.size()) code = boost::json::error::extra_data;
  if (code) {
    Position const position(json, offset);
    throw config_error("the configuration is no valid JSON: {} (line {}, column {})", code.message(), position.line,
                       position.column);
  }
  boost::json::value document = parser.release();
  if (!document.is_object()) {
    Position const position(json, std::min(json.find_first_not_of(" \t\r\n"), json.size()));
    throw config_error("the configuration must be a JSON object, but is {} (line {}, column {})",
                       kind_name(document.kind()), position.line, position.column);
  }
  return Configuration(std::move(document.get_object()));
}

std::string Configuration::string(std::string_view name) const {
  boost::json::value const* const value = find(members_, name);
  if (value == nullptr) throw config_error("configuration: {}{} is missing; it must be a string", path_, name);
  if (!value->is_string()) throw wrong_kind(path_ + std::string(name), "a string", *value);
  return std::string(value->get_string());
}

std::string Configuration::string(std::string_view name, std::string_view fallback) const {
  return find(members_, name) == nullptr ? std::string(fallback) : string(name);
}

std::int64_t Configuration::integer(std::string_view name, std::int64_t fallback) const {
  boost::json::value const* const value = find(members_, name);
  if (value == nullptr) return fallback;
  if (!value->is_number()) throw wrong_kind(path_ + std::string(name), "an integer", *value);
  std::optional<std::int64_t> const number = exact_integer(*value);
  if (!number) throw config_error("configuration: {}{} must be an integer of 64 bits", path_, name);
  return *number;
}

bool Configuration::boolean(std::string_view name, bool fallback) const {
  boost::json::value const* const value = find(members_, name);
  if (value == nullptr) return fallback;
  if (!value->is_bool()) throw wrong_kind(path_ + std::string(name), "a boolean", *value);
  return value->get_bool();
}

Configuration Configuration::section(std::string_view name) const {
  Configuration section;
  section.path_ = path_ + std::string(name) + '.';
  boost::json::value const* const value = find(members_, name);
  if (value == nullptr) return section;
  if (!value->is_object()) throw wrong_kind(path_ + std::string(name), "an object", *value);
  section.members_ = value->get_object();
  return section;
}

}  // namespace landfall
