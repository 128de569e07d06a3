#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include <landfall/destination/notices.hpp>

namespace landfall {

/// The connector's configuration file (--config), with getters whose errors a user can act on.
///
/// Errors: every getter throws Error(config) which names the member, what was expected and what was found. Values are
///         never shown: they may be secret.
/// Typos:  it remembers which members were asked for. run_connector() warns of the others when the destination is made:
///         a misspelt setting must not silently mean its default. Copies and sections share what they remember.
/// Threads: any.
class Configuration {
 public:
  Configuration() : Configuration(boost::json::object()) {}
  explicit Configuration(boost::json::object members);

  /// Errors: Error(config) with line and column when this is no JSON object.
  static Configuration parse(std::string_view json);

  std::string string(std::string_view name) const;                             ///< required
  std::string string(std::string_view name, std::string_view fallback) const;  ///< absent or null: the fallback
  std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  bool boolean(std::string_view name, bool fallback) const;

  /// Whether it is given, and not null.
  bool has(std::string_view name) const;

  /// An object member as a configuration of its own; empty when absent.
  Configuration section(std::string_view name) const;

  /// All of them count as asked for.
  boost::json::object const& members() const;

  /// For a setting of another connector whose configurations are accepted. When it is given, and not null, "" or false,
  /// an info says that it has no meaning here, and `reason`.
  void without_meaning(std::string_view name, std::string_view reason) const;

  /// A warning for each member that is given, not null, and was not asked for. `specification`: the connector's
  /// connectionSpecification; what stands in its `properties` is asked for later.
  void warn_of_unknown_members(boost::json::object const& specification) const;

  /// What a connector's constructor has to tell about its configuration. run_connector() logs it.
  Notices const& notices() const noexcept;

 private:
  struct Reading;  // what was asked for, and notices

  Configuration(boost::json::object members, std::string path, std::shared_ptr<Reading> reading);
  boost::json::value const* find(std::string_view name) const;
  void warn_of_unknown_members(boost::json::object const& members, std::string const& path,
                               boost::json::object const& specification) const;

  boost::json::object members_;
  std::string path_;  // "spill." in a section, for messages
  std::shared_ptr<Reading> reading_;
};

}  // namespace landfall
