#pragma once

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include <fmt/format.h>
#include <boost/json/object.hpp>

#include "connection.hpp"

namespace postgres {

/// The server that is started for tests (tests/postgres/server.sh).
inline Settings test_server() {
  char const* const folder = std::getenv("LANDFALL_TEST_POSTGRES");
  if (folder == nullptr) throw landfall::system_error("LANDFALL_TEST_POSTGRES is not set: run the tests with ctest");
  auto const line_of = [folder](char const* name) {
    std::string line;
    std::ifstream file(std::string(folder) + "/" + name);
    if (!std::getline(file, line)) throw landfall::system_error("no server has left {} in {}", name, folder);
    return line;
  };
  Settings settings;
  settings.host = line_of("host");
  settings.port = line_of("port");
  settings.database = "postgres";
  settings.username = "postgres";
  settings.tls.mode = "disable";
  return settings;
}

/// A database of its own for a test, which is dropped with it.
class ScratchDatabase {
 public:
  /// `options`: of CREATE DATABASE.
  explicit ScratchDatabase(Settings server = test_server(), landfall::SqlLiteral options = "")
      : settings_(std::move(server)) {
    std::random_device random;
    std::string const name = fmt::format("scratch_{:08x}{:08x}", random(), random());
    landfall::SqlText sql;
    sql << "CREATE DATABASE " << landfall::Identifier(name) << options;
    Connection(settings_, secrets_).run(sql);
    settings_.database = name;
  }
  ~ScratchDatabase() {
    landfall::SqlText sql;
    sql << "DROP DATABASE IF EXISTS " << landfall::Identifier(settings_.database) << " WITH (FORCE)";
    settings_.database = "postgres";
    try {
      Connection(settings_, secrets_).run(sql);
    } catch (landfall::Error const&) {  // the server is gone, and its databases with it
    }
  }
  ScratchDatabase(ScratchDatabase const&) = delete;
  ScratchDatabase& operator=(ScratchDatabase const&) = delete;

  Settings const& settings() const noexcept { return settings_; }

  /// For a destination.
  boost::json::object configuration() const {
    return {{"host", settings_.host},         {"port", std::stoi(settings_.port)},
            {"database", settings_.database}, {"username", settings_.username},
            {"schema", settings_.schema},     {"ssl_mode", {{"mode", settings_.tls.mode}}}};
  }

  /// Asked on a connection of its own.
  Result run(landfall::SqlText const& sql) const { return Connection(settings_, secrets_).run(sql); }

 private:
  Settings settings_;
  SecretFiles secrets_{settings_.tls};
};

}  // namespace postgres
