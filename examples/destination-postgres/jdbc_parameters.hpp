#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/notices.hpp>

namespace postgres {

/// One of libpq's connection parameters.
struct Parameter {
  std::string name;
  std::string value;
};

/// What the parameters of a JDBC URL mean for a connection by libpq.
struct JdbcParameters {
  std::vector<Parameter> libpq;
  std::optional<std::string> tls_mode;
  std::optional<int> connect_timeout_seconds;
  std::optional<int> statement_timeout_seconds;  ///< 0: none
};

/// Reads "key=value&key=value". What has no meaning here is a warning which names the parameter, and never its value.
/// Errors: Error(config) where the value of a parameter with a meaning makes no sense.
JdbcParameters jdbc_parameters(std::string_view pairs, landfall::Notices const& notices);

}  // namespace postgres
