#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "examples/scratch_database.hpp"

namespace postgres {

/// A server for one test, which may do to it what it likes.
class OwnServer {
 public:
  /// `options`: of tests/postgres/server.sh start.
  explicit OwnServer(std::string const& options = "") {
    std::string name = std::filesystem::temp_directory_path() / "landfall_own_server.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for a server");
    ::chmod(name.c_str(), 0755);  // the server's user gets there
    folder_ = name;
    try {
      command("start", options);
    } catch (...) {
      remove();
      throw;
    }
  }
  ~OwnServer() { remove(); }
  OwnServer(OwnServer const&) = delete;
  OwnServer& operator=(OwnServer const&) = delete;

  void start() { command("start"); }
  void stop() { command("stop"); }
  void crash() { command("crash"); }

  /// By the way of its options: a Unix socket, or 127.0.0.1.
  Settings settings() const {
    Settings settings = socket();
    settings.host = line_of("host");
    return settings;
  }
  /// Where everybody is let in.
  Settings socket() const {
    Settings settings;
    settings.host = line_of("place");
    settings.port = line_of("port");
    settings.database = "postgres";
    settings.username = "postgres";
    settings.tls.mode = "disable";
    return settings;
  }

  std::filesystem::path data() const { return std::filesystem::path(line_of("place")) / "data"; }
  /// A file of the server's own user.
  void write(std::string const& name, std::string const& text) const {
    auto const path = data() / name;
    std::ofstream(path) << text;
    struct stat owner{};
    ::stat(data().c_str(), &owner);
    ::chmod(path.c_str(), 0600);
    if (::chown(path.c_str(), owner.st_uid, owner.st_gid) != 0) throw std::runtime_error("no owner for a file");
  }
  /// Who else is let in, and how: lines of pg_hba.conf.
  void let_in(std::string const& lines) const {
    write("pg_hba.conf", "local all postgres trust\n" + lines);
    run("SELECT pg_reload_conf()");
    // The server's next child has read it.
    while (run("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL").text(0, 0) != "0") {
    }
  }

  Result run(landfall::SqlText const& sql) const {
    Settings const server = socket();
    SecretFiles const secrets(server.tls);
    return Connection(server, secrets).run(sql);
  }
  Result run(landfall::SqlLiteral text) const {
    landfall::SqlText sql;
    sql << text;
    return run(sql);
  }

 private:
  std::string line_of(char const* name) const {
    std::string line;
    std::ifstream file(folder_ / name);
    std::getline(file, line);
    return line;
  }

  void command(std::string const& what, std::string const& options = "") const {
    std::string const line = "sh '" POSTGRES_SERVER_SH "' " + what + " '" + folder_.string() + "' " + options;
    if (std::system(line.c_str()) != 0) throw std::runtime_error("not done: " + line);
  }

  void remove() noexcept {
    try {
      command("remove");
    } catch (std::exception const&) {  // it leaves a log, and says why
    }
  }

  std::filesystem::path folder_;
};

}  // namespace postgres
