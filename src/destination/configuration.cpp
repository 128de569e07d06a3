#include <landfall/destination/configuration.hpp>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/ranges.h>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/error.hpp>

#include "protocol/input_format.hpp"
#include "protocol/lone_surrogates.hpp"

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

/// Whether forms save it where nothing was chosen.
bool says_nothing(boost::json::value const& value) {
  if (value.is_bool()) return !value.get_bool();
  return value.is_null() || (value.is_string() && value.get_string().empty());
}

std::set<std::string> described_members(boost::json::object const& specification) {
  std::set<std::string> names;
  auto const* const properties = specification.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return names;
  for (auto const& property : properties->get_object()) names.emplace(property.key());
  return names;
}

}  // namespace

struct Configuration::Reading {
  std::mutex mutex;
  std::set<std::string> asked;     // "host", "spill.directory"
  std::set<std::string> sections;  // "", "spill.": those that were asked for
  std::set<std::string> whole;     // the same: those whose members were all asked for
  Notices notices;

  /// The members of a section that were asked for, by name.
  std::set<std::string> asked_in(std::string const& path) const {
    std::set<std::string> names;
    for (auto const& member : asked) {
      if (member.starts_with(path)) names.insert(member.substr(path.size()));
    }
    std::erase_if(names, [](std::string const& name) { return name.find('.') != name.npos; });
    return names;
  }
};

Configuration::Configuration(boost::json::object members)
    : Configuration(std::move(members), "", std::make_shared<Reading>()) {}

Configuration::Configuration(boost::json::object members, std::string path, std::shared_ptr<Reading> reading)
    : members_(std::move(members)), path_(std::move(path)), reading_(std::move(reading)) {
  std::lock_guard const lock(reading_->mutex);
  reading_->sections.insert(path_);
}

/// Null when absent or null.
boost::json::value const* Configuration::find(std::string_view name) const {
  {
    std::lock_guard const lock(reading_->mutex);
    reading_->asked.insert(path_ + std::string(name));
  }
  boost::json::value const* const value = members_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Configuration Configuration::parse(std::string_view json) {
  if (auto const foreign = foreign_format("the configuration", json)) throw Error(*foreign);
  json = without_byte_order_mark(json);
  boost::json::parser parser;
  boost::json::error_code code;
  std::string const text = without_lone_surrogates(json);  // the parser takes none
  std::size_t const offset = parser.write_some(text, code);
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
  boost::json::value const* const value = find(name);
  if (value == nullptr) throw config_error("configuration: {}{} is missing; it must be a string", path_, name);
  if (!value->is_string()) throw wrong_kind(path_ + std::string(name), "a string", *value);
  return std::string(value->get_string());
}

std::string Configuration::string(std::string_view name, std::string_view fallback) const {
  return find(name) == nullptr ? std::string(fallback) : string(name);
}

std::int64_t Configuration::integer(std::string_view name, std::int64_t fallback) const {
  boost::json::value const* const value = find(name);
  if (value == nullptr) return fallback;
  if (!value->is_number()) throw wrong_kind(path_ + std::string(name), "an integer", *value);
  std::optional<std::int64_t> const number = exact_integer(*value);
  if (!number) throw config_error("configuration: {}{} must be an integer of 64 bits", path_, name);
  return *number;
}

bool Configuration::boolean(std::string_view name, bool fallback) const {
  boost::json::value const* const value = find(name);
  if (value == nullptr) return fallback;
  if (!value->is_bool()) throw wrong_kind(path_ + std::string(name), "a boolean", *value);
  return value->get_bool();
}

bool Configuration::has(std::string_view name) const { return find(name) != nullptr; }

Configuration Configuration::section(std::string_view name) const {
  boost::json::value const* const value = find(name);
  if (value != nullptr && !value->is_object()) throw wrong_kind(path_ + std::string(name), "an object", *value);
  return Configuration(value == nullptr ? boost::json::object() : value->get_object(), path_ + std::string(name) + '.',
                       reading_);
}

boost::json::object const& Configuration::members() const {
  std::lock_guard const lock(reading_->mutex);
  reading_->whole.insert(path_);
  return members_;
}

Notices const& Configuration::notices() const noexcept { return reading_->notices; }

void Configuration::without_meaning(std::string_view name, std::string_view reason) const {
  boost::json::value const* const value = find(name);
  if (value == nullptr || says_nothing(*value)) return;
  notices().info(fmt::format("configuration: {}{} has no meaning here: {}", path_, name, reason));
}

void Configuration::warn_of_unknown_members(boost::json::object const& specification) const {
  warn_of_unknown_members(members_, path_, specification);
}

void Configuration::warn_of_unknown_members(boost::json::object const& members, std::string const& path,
                                            boost::json::object const& specification) const {
  std::set<std::string> known = described_members(specification);
  std::set<std::string> sections;
  {
    std::lock_guard const lock(reading_->mutex);
    if (reading_->whole.contains(path)) return;
    known.merge(reading_->asked_in(path));
    sections = reading_->sections;
  }
  for (auto const& member : members) {
    std::string const name(member.key());
    auto const section = path + name + '.';
    if (member.value().is_object() && sections.contains(section)) {
      warn_of_unknown_members(member.value().get_object(), section, {});
    } else if (!known.contains(name) && !member.value().is_null()) {
      notices().warn(
          fmt::format("configuration: {}{} is not a setting of this connector and is ignored; {} may hold {}", path,
                      name, path.empty() ? "the configuration" : path.substr(0, path.size() - 1),
                      known.empty() ? "nothing" : fmt::format("{}", fmt::join(known, ", "))));
    }
  }
}

}  // namespace landfall
