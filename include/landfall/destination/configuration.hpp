#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace landfall {

/// The connector's configuration file (--config), with getters whose errors a user can act on.
///
/// Errors: every getter throws Error(config) which names the member, what was expected and what was found. Values are
///         never shown: they may be secret.
class Configuration {
 public:
  Configuration() = default;
  explicit Configuration(boost::json::object members) : members_(std::move(members)) {}

  /// Errors: Error(config) with line and column when this is no JSON object.
  static Configuration parse(std::string_view json);

  std::string string(std::string_view name) const;                             ///< required
  std::string string(std::string_view name, std::string_view fallback) const;  ///< absent or null: the fallback
  std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  bool boolean(std::string_view name, bool fallback) const;

  /// An object member as a configuration of its own; empty when absent.
  Configuration section(std::string_view name) const;

  boost::json::object const& members() const noexcept { return members_; }

 private:
  boost::json::object members_;
  std::string path_;  // "spill." in a section, for messages
};

}  // namespace landfall
