// destination-postgres tells nobody what it was trusted with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "examples/own_server.hpp"
#include "examples/tcp_proxy.hpp"
#include "program_test.hpp"

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PostgresSecrets : public ProgramTest {
 protected:
  std::string program() const override { return DESTINATION_POSTGRES; }

  /// Secrets of every kind; what is believed to be a certificate is none.
  static json::object configuration(postgres::Settings const& settings, json::object tls) {
    return {{"host", settings.host},
            {"port", std::stoi(settings.port)},
            {"database", "postgres"},
            {"username", "loader"},
            {"password", "s3cret with 'quotes'"},
            {"ssl_mode", std::move(tls)},
            {"landfall", {{"log_level", "debug"}, {"checkpoint_seconds", 1}}}};
  }

  void configure(json::object const& members) { write_file("config.json", json::serialize(members)); }

  /// What a command prints, on both ways.
  std::string all_of(std::string const& command) {
    std::vector<std::string> arguments{program(), command, "--config", folder_ / "config.json"};
    if (command == "write") arguments.insert(arguments.end(), {"--catalog", folder_ / "catalog.json"});
    fs::remove(folder_ / "stderr");
    Process process(arguments, folder_ / "stderr");
    process.close_stdin();
    std::string text;
    for (auto const& line : process.read_lines()) text += line + "\n";
    process.wait();
    return text + read_file(folder_ / "stderr");
  }
};

TEST_F(PostgresSecrets, AreNotInWhatIsPrinted) {
  catalog({Stream("users")});
  postgres::OwnServer server("--tcp");
  server.run("CREATE ROLE loader LOGIN PASSWORD 'other'");
  server.let_in("host all loader 127.0.0.1/32 scram-sha-256\n");
  json::object const pem{{"mode", "verify-full"},
                         {"ca_certificate", "s3cret ca"},
                         {"client_certificate", "s3cret certificate"},
                         {"client_key", "s3cret key"},
                         {"client_key_password", "s3cret key password"}};
  std::vector<json::object> const ways = {
      {{"mode", "disable"}}, pem, {{"mode", "require"}}, {{"mode", "s3cret"}}, {{"mode", "verify-ca"}}};
  for (auto const& tls : ways) {
    SCOPED_TRACE(json::serialize(tls));
    configure(configuration(server.settings(), tls));
    for (char const* const command : {"check", "write"}) {
      auto const text = all_of(command);
      EXPECT_THAT(text, Not(HasSubstr("s3cret")));
      EXPECT_THAT(text, HasSubstr(std::string(command) == "check" ? "FAILED" : "TRACE"));
    }
  }
}

/// Files on disk that have been written since, and have this text in them.
std::vector<std::string> files_with(std::string const& text, fs::path const& folder, fs::file_time_type since) {
  std::vector<std::string> found;
  auto const options = fs::directory_options::skip_permission_denied;
  std::error_code ignored;
  for (fs::recursive_directory_iterator at(folder, options, ignored), end; at != end; at.increment(ignored)) {
    bool const is_new = at->is_regular_file(ignored) && at->last_write_time(ignored) >= since;
    if (!is_new || at->file_size(ignored) > (1 << 20)) continue;
    std::ifstream file(at->path());
    std::string const content(std::istreambuf_iterator<char>(file), {});
    if (content.find(text) != content.npos) found.push_back(at->path());
  }
  return found;
}

TEST_F(PostgresSecrets, AreNotLeftInFilesWhenItIsKilled) {
  auto const since = fs::file_time_type::clock::now();
  postgres::TcpServer const silent([](int, int ended) {
    pollfd waited{ended, POLLIN, 0};
    ::poll(&waited, 1, -1);
  });
  postgres::Settings settings;
  settings.host = "127.0.0.1";
  settings.port = silent.port();
  std::string const secret = "s3cret of process " + std::to_string(::getpid());
  configure(configuration(
      settings,
      {{"mode", "verify-ca"}, {"ca_certificate", secret}, {"client_certificate", secret}, {"client_key", secret}}));
  catalog({Stream("users")});
  auto const process = start();
  while (auto line = process->read_line()) {
    if (line->find("loading ") != line->npos) break;
  }
  process->signal(SIGKILL);
  process->wait();
  fs::remove(folder_ / "config.json");
  EXPECT_THAT(files_with(secret, fs::temp_directory_path(), since), ::testing::IsEmpty());
}

}  // namespace
