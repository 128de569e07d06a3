#pragma once

#include <string>
#include <vector>

#include <landfall/landfall.hpp>

#include "jdbc_parameters.hpp"

namespace postgres {

/// How the connection is encrypted, and who is believed to be the server. Files are given as their text.
struct TlsSettings {
  std::string mode = "prefer";      ///< libpq's sslmode
  std::string ca_certificate;       ///< PEM, or empty
  std::string client_certificate;   ///< PEM, or empty
  std::string client_key;           ///< PEM, or empty
  std::string client_key_password;  ///< or empty
};

/// What a user configures.
struct Settings {
  std::string host;  ///< a name, an address, or the folder of a Unix socket
  std::string port = "5432";
  std::string database;
  std::string schema = "public";  ///< of streams without a namespace
  std::string username;
  std::string password;
  TlsSettings tls;
  std::vector<Parameter> more;  ///< from jdbc_url_params
  bool raw_data_only = false;
  bool soft_deletes = false;
  bool drop_cascade = false;
  bool allow_row_triggers = false;  ///< of a table that has some, rows are not counted
  int connections = 4;
  int connect_timeout_seconds = 15;
  int reconnect_seconds = 60;         ///< a server that was there, and is not any more, is waited for
  int statement_timeout_seconds = 0;  ///< 0: none
  int lock_timeout_seconds = 60;      ///< 0: none
};

/// Takes configurations of Airbyte's own destination for PostgreSQL, too. What of them has no meaning here is told to
/// the configuration's notices. Errors: Error(config) which names the member, also where two members contradict each
/// other.
Settings settings_of(landfall::Configuration const& configuration);

landfall::ConnectorSpecification specification();

}  // namespace postgres
