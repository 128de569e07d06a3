#include "settings.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace postgres {

namespace {

using landfall::config_error;
using landfall::Configuration;

constexpr std::array<std::string_view, 6> tls_modes = {"disable", "allow",     "prefer",
                                                       "require", "verify-ca", "verify-full"};

/// Text that goes to libpq, which ends text at a NUL.
std::string text_of(std::string name, std::string text) {
  if (text.find('\0') != std::string::npos) throw config_error("{} has a NUL character in it", name);
  return text;
}

std::string required(Configuration const& configuration, std::string const& name) {
  auto text = text_of(name, configuration.string(name));
  if (text.empty()) throw config_error("{} is empty", name);
  return text;
}

int number_of(Configuration const& configuration, std::string const& name, int fallback, int least, int most) {
  std::int64_t const number = configuration.integer(name, fallback);
  if (number < least || number > most) throw config_error("{} must be from {} to {}", name, least, most);
  return static_cast<int>(number);
}

/// A setting of another connector, or of a JDBC URL, in place of the one that is ours.
/// Errors: Error(config) when both are given and differ.
template <class Value>
void agree(Value& ours, bool is_ours_given, std::string_view our_name, std::optional<Value> const& other,
           std::string_view other_name) {
  if (!other) return;
  if (is_ours_given && ours != *other) {
    throw config_error("{} and {} contradict each other: remove one of them", our_name, other_name);
  }
  ours = *other;
}

/// Whether the connection is encrypted, as older configurations say it.
std::string older_tls_mode(Configuration const& configuration, Configuration const& section) {
  if (!configuration.has("ssl")) return TlsSettings().mode;
  bool const ssl = configuration.boolean("ssl", false);
  bool const is_contradicted = section.has("mode") && ssl == (section.string("mode") == "disable");
  if (is_contradicted) configuration.notices().info("configuration: ssl has no meaning here: ssl_mode.mode counts");
  return ssl ? "require" : "disable";
}

void tell_what_tls_ignores(Configuration const& section, TlsSettings const& tls) {
  if (tls.mode != "disable") return;
  for (auto const* const name : {"ca_certificate", "client_certificate", "client_key", "client_key_password"}) {
    section.without_meaning(name, "the connection is not encrypted");
  }
}

TlsSettings tls_of(Configuration const& configuration, JdbcParameters const& jdbc) {
  Configuration const section = configuration.section("ssl_mode");
  TlsSettings tls;
  tls.mode = section.string("mode", older_tls_mode(configuration, section));
  if (std::ranges::find(tls_modes, tls.mode) == tls_modes.end()) {
    throw config_error("ssl_mode.mode must be one of {}", fmt::join(tls_modes, ", "));
  }
  bool const insists_on_tls = !section.has("mode") && configuration.boolean("ssl", false);
  if (insists_on_tls && jdbc.tls_mode && *jdbc.tls_mode != "disable") tls.mode = *jdbc.tls_mode;
  agree(tls.mode, section.has("mode") || insists_on_tls, section.has("mode") ? "ssl_mode.mode" : "ssl", jdbc.tls_mode,
        "sslmode in jdbc_url_params");
  tls.ca_certificate = section.string("ca_certificate", "");
  tls.client_certificate = section.string("client_certificate", "");
  tls.client_key = section.string("client_key", "");
  tls.client_key_password = text_of("ssl_mode.client_key_password", section.string("client_key_password", ""));
  tell_what_tls_ignores(section, tls);
  bool const verifies = tls.mode.starts_with("verify-");
  bool const has_root = std::ranges::find(jdbc.libpq, "sslrootcert", &Parameter::name) != jdbc.libpq.end();
  if (verifies && tls.ca_certificate.empty() && !has_root) {
    throw config_error(
        "ssl_mode.ca_certificate is needed to verify the server: paste the certificate (PEM) of who signed "
        "the server's");
  }
  if (tls.client_certificate.empty() != tls.client_key.empty()) {
    throw config_error("ssl_mode.client_certificate and ssl_mode.client_key are needed together");
  }
  return tls;
}

void refuse_tunnels(Configuration const& configuration) {
  Configuration const section = configuration.section("tunnel_method");
  for (auto const* const name : {"tunnel_host", "tunnel_port", "tunnel_user", "tunnel_user_password", "ssh_key"}) {
    section.without_meaning(name, "no tunnel is opened");
  }
  std::string const method = section.string("tunnel_method", "NO_TUNNEL");
  if (method == "NO_TUNNEL") return;
  throw config_error(
      "tunnel_method: tunnels are not opened here: open one (ssh -L), and give its end as host and port");
}

/// What Airbyte's own destination would do with these, and this one need not.
void tell_what_has_no_meaning(Configuration const& configuration) {
  for (auto const* const name : {"raw_data_schema", "internal_table_schema"}) {
    configuration.without_meaning(name, "all tables of a stream are in the stream's own schema");
  }
  if (!configuration.boolean("unconstrained_number", true)) {
    configuration.notices().info(
        "configuration: unconstrained_number has no meaning here: numeric columns have no limits");
  }
}

std::optional<bool> soft_deletes_of_others(Configuration const& configuration) {
  std::string const mode = configuration.string("cdc_deletion_mode", "");
  if (mode.empty()) return std::nullopt;
  if (mode != "Hard delete" && mode != "Soft delete") {
    throw config_error("cdc_deletion_mode must be \"Hard delete\" or \"Soft delete\"");
  }
  return mode == "Soft delete";
}

std::optional<bool> raw_data_only_of_others(Configuration const& configuration) {
  if (!configuration.has("disable_type_dedupe")) return std::nullopt;
  return configuration.boolean("disable_type_dedupe", false);
}

void read_timeouts(Settings& settings, Configuration const& configuration, JdbcParameters const& jdbc) {
  constexpr int longest = std::numeric_limits<int>::max() / 1000;  // the server counts milliseconds
  settings.connect_timeout_seconds =
      number_of(configuration, "connect_timeout_seconds", settings.connect_timeout_seconds, 1, longest);
  agree(settings.connect_timeout_seconds, configuration.has("connect_timeout_seconds"), "connect_timeout_seconds",
        jdbc.connect_timeout_seconds, "connectTimeout or loginTimeout in jdbc_url_params");
  settings.reconnect_seconds = number_of(configuration, "reconnect_seconds", settings.reconnect_seconds, 0, longest);
  settings.statement_timeout_seconds =
      number_of(configuration, "statement_timeout_seconds", settings.statement_timeout_seconds, 0, longest);
  agree(settings.statement_timeout_seconds, configuration.has("statement_timeout_seconds"), "statement_timeout_seconds",
        jdbc.statement_timeout_seconds, "socketTimeout in jdbc_url_params");
  settings.lock_timeout_seconds =
      number_of(configuration, "lock_timeout_seconds", settings.lock_timeout_seconds, 0, longest);
}

// ---- spec ----

boost::json::object property(int order, char const* type, char const* title, std::string_view description) {
  boost::json::object made{{"type", type}, {"title", title}, {"order", order}};
  if (!description.empty()) made["description"] = description;
  return made;
}

boost::json::object with(boost::json::object made, char const* member, boost::json::value value) {
  made[member] = std::move(value);
  return made;
}

boost::json::object secret(boost::json::object made, bool is_long) {
  made["airbyte_secret"] = true;
  if (is_long) made["multiline"] = true;
  return made;
}

boost::json::object tls_option(std::string_view mode, char const* description) {
  boost::json::object properties{{"mode", {{"type", "string"}, {"const", mode}, {"default", mode}, {"order", 0}}}};
  boost::json::array needed{"mode"};
  if (mode.starts_with("verify-")) {
    needed.emplace_back("ca_certificate");
    properties["ca_certificate"] =
        secret(property(1, "string", "CA certificate", "PEM: who signed the server's."), true);
  }
  if (mode != "disable") {
    properties["client_certificate"] = secret(property(2, "string", "Client certificate", "PEM, with its key."), true);
    properties["client_key"] = secret(property(3, "string", "Client key", "PEM."), true);
    properties["client_key_password"] = secret(property(4, "string", "Password of the client key", ""), false);
  }
  return boost::json::object{{"title", mode},
                             {"description", description},
                             {"required", std::move(needed)},
                             {"additionalProperties", true},
                             {"properties", std::move(properties)}};
}

boost::json::object tls_property(int order) {
  boost::json::object made = property(order, "object", "SSL mode", "Whether the connection is encrypted.");
  made["default"] = boost::json::object{{"mode", TlsSettings().mode}};
  made["oneOf"] = boost::json::array{tls_option("disable", "Never encrypted."),
                                     tls_option("allow", "Encrypted when the server insists."),
                                     tls_option("prefer", "Encrypted when the server can."),
                                     tls_option("require", "Always encrypted."),
                                     tls_option("verify-ca", "Always, and the server's certificate is verified."),
                                     tls_option("verify-full", "The same, and its name is verified, too.")};
  return made;
}

}  // namespace

Settings settings_of(Configuration const& configuration) {
  refuse_tunnels(configuration);
  Settings settings;
  settings.host = required(configuration, "host");
  settings.port = std::to_string(number_of(configuration, "port", 5432, 1, 65535));
  settings.database = required(configuration, "database");
  settings.schema = text_of("schema", configuration.string("schema", settings.schema));
  if (settings.schema.empty()) throw config_error("schema is empty: name one, or leave it away for public");
  settings.username = required(configuration, "username");
  settings.password = text_of("password", configuration.string("password", ""));
  auto jdbc = jdbc_parameters(configuration.string("jdbc_url_params", ""), configuration.notices());
  settings.tls = tls_of(configuration, jdbc);
  read_timeouts(settings, configuration, jdbc);
  settings.more = std::move(jdbc.libpq);
  settings.raw_data_only = configuration.boolean("raw_data_only", false);
  agree(settings.raw_data_only, configuration.has("raw_data_only"), "raw_data_only",
        raw_data_only_of_others(configuration), "disable_type_dedupe");
  settings.soft_deletes = configuration.boolean("soft_deletes", false);
  agree(settings.soft_deletes, configuration.has("soft_deletes"), "soft_deletes", soft_deletes_of_others(configuration),
        "cdc_deletion_mode");
  settings.drop_cascade = configuration.boolean("drop_cascade", false);
  settings.allow_row_triggers = configuration.boolean("allow_row_triggers", false);
  settings.connections = number_of(configuration, "connections", settings.connections, 1, 64);
  tell_what_has_no_meaning(configuration);
  return settings;
}

landfall::ConnectorSpecification specification() {
  using landfall::DestinationSyncMode;
  Settings const defaults;
  boost::json::object properties;
  properties["host"] = property(0, "string", "Host", "A name or an address, or the folder of a Unix socket.");
  properties["port"] =
      with(with(with(property(1, "integer", "Port", ""), "default", 5432), "minimum", 1), "maximum", 65535);
  properties["database"] = property(2, "string", "Database", "");
  properties["schema"] = with(property(3, "string", "Default schema", "Of streams that have no namespace."), "default",
                              boost::json::string(defaults.schema));
  properties["username"] = property(4, "string", "User", "");
  properties["password"] = secret(property(5, "string", "Password", ""), false);
  properties["ssl_mode"] = tls_property(6);
  properties["jdbc_url_params"] =
      property(7, "string", "Connection parameters",
               "As in a JDBC URL: key=value, with & between them. The log says which ones have no meaning here.");
  properties["raw_data_only"] =
      with(property(8, "boolean", "Raw data only",
                    "Tables have the whole record as JSONB in _airbyte_data, instead of a column for each field."),
           "default", false);
  properties["soft_deletes"] =
      with(property(9, "boolean", "Keep deleted rows",
                    "A row that was deleted at the source stays, with the time of its deletion in "
                    "_ab_cdc_deleted_at."),
           "default", false);
  properties["drop_cascade"] =
      with(property(10, "boolean", "Drop tables with CASCADE",
                    "What depends on a table that is replaced, such as a view, is dropped with it. Without, the stream "
                    "fails."),
           "default", false);
  properties["connections"] = with(
      with(with(property(11, "integer", "Connections", "At most so many at once."), "default", defaults.connections),
           "minimum", 1),
      "maximum", 64);
  properties["connect_timeout_seconds"] =
      with(with(property(12, "integer", "Connect timeout", "In seconds."), "default", defaults.connect_timeout_seconds),
           "minimum", 1);
  properties["reconnect_seconds"] =
      with(with(property(13, "integer", "Reconnect timeout",
                         "How long a server that restarts is waited for, before an attempt counts as failed."),
                "default", defaults.reconnect_seconds),
           "minimum", 0);
  properties["statement_timeout_seconds"] =
      with(with(property(14, "integer", "Statement timeout", "In seconds; 0: none."), "default",
                defaults.statement_timeout_seconds),
           "minimum", 0);
  properties["lock_timeout_seconds"] =
      with(with(property(15, "integer", "Lock timeout", "How long to wait for others' locks, in seconds; 0: for ever."),
                "default", defaults.lock_timeout_seconds),
           "minimum", 0);
  properties["allow_row_triggers"] =
      with(property(16, "boolean", "Allow row triggers",
                    "Of a table that has a trigger before each row, rows are not counted: for triggers that put rows "
                    "into another table. Without, the stream fails when a row is left out."),
           "default", false);
  landfall::ConnectorSpecification made;
  made.connection_specification = boost::json::object{{"$schema", "http://json-schema.org/draft-07/schema#"},
                                                      {"title", "PostgreSQL"},
                                                      {"type", "object"},
                                                      {"required", boost::json::array{"host", "database", "username"}},
                                                      {"additionalProperties", true},
                                                      {"properties", std::move(properties)}};
  made.supported_destination_sync_modes = {DestinationSyncMode::append, DestinationSyncMode::overwrite,
                                           DestinationSyncMode::append_dedup};
  return made;
}

}  // namespace postgres
