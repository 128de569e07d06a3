// Who is not let in, why, and what that is called.

#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connection.hpp"
#include "examples/own_server.hpp"
#include "examples/tcp_proxy.hpp"
#include "server_error.hpp"

namespace postgres {
namespace {

using landfall::Error;
using landfall::ErrorClass;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char const* password = "pass-s3cret";
constexpr char const* key_password = "key-s3cret";

/// Null: connected.
std::optional<Error> failure_of(Settings const& settings) {
  SecretFiles const secrets(settings.tls);
  try {
    Connection const connection(settings, secrets);
  } catch (Error const& error) {
    return error;
  }
  return std::nullopt;
}

void expect_config_error(Settings const& settings, std::string const& words, std::string const& advice) {
  auto const failure = failure_of(settings);
  ASSERT_TRUE(failure.has_value()) << "connected";
  EXPECT_EQ(failure->error_class(), ErrorClass::config) << failure->what();
  EXPECT_THAT(failure->what(), AllOf(HasSubstr(words), HasSubstr(advice), Not(HasSubstr("s3cret")),
                                     Not(HasSubstr("\n")), Not(HasSubstr("LOCATION"))));
}

void expect_transient_error(Settings const& settings, std::string const& words) {
  auto const failure = failure_of(settings);
  ASSERT_TRUE(failure.has_value()) << "connected";
  EXPECT_EQ(failure->error_class(), ErrorClass::transient) << failure->what();
  EXPECT_THAT(failure->what(), AllOf(HasSubstr(words), Not(HasSubstr("s3cret"))));
}

TEST(PostgresConnecting, WhoIsNotLetInIsToldWhy) {
  OwnServer const server("--tcp");
  server.run("SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'pass-s3cret'");
  server.run("CREATE ROLE by_scram LOGIN PASSWORD 'pass-s3cret'; CREATE ROLE outside LOGIN");
  server.let_in(
      "host all by_md5 127.0.0.1/32 md5\nhost all by_scram 127.0.0.1/32 scram-sha-256\n"
      "host all nobody 127.0.0.1/32 trust\n");
  for (char const* const mode : {"disable", "prefer"}) {
    SCOPED_TRACE(mode);
    for (char const* const user : {"by_md5", "by_scram"}) {
      SCOPED_TRACE(user);
      Settings settings = server.settings();
      settings.tls.mode = mode;
      settings.username = user;
      settings.password = password;
      EXPECT_FALSE(failure_of(settings).has_value());
      settings.password = "wrong-s3cret";
      expect_config_error(settings, "28P01: password authentication failed", "check username, password");
      settings.password = "";
      expect_config_error(settings, "no password supplied", "give a password");
      settings.password = password;
      settings.database = "nowhere";
      expect_config_error(settings, "3D000: database \"nowhere\" does not exist", "create the database");
    }
    Settings settings = server.settings();
    settings.tls.mode = mode;
    settings.username = "nobody";
    expect_config_error(settings, "28000: role \"nobody\" does not exist", "check username");
    settings.username = "outside";
    expect_config_error(settings, "28000: no pg_hba.conf entry", "pg_hba.conf");
    settings.tls.mode = "require";
    expect_config_error(settings, "server does not support SSL", "check ssl_mode");
  }
}

/// Of this process, while it lives.
class Environment {
 public:
  Environment(char const* name, std::string const& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Environment() { ::unsetenv(name_); }
  Environment(Environment const&) = delete;
  Environment& operator=(Environment const&) = delete;

 private:
  char const* name_;
};

TEST(PostgresConnecting, NothingOfTheEnvironmentEnters) {
  OwnServer const server("--tcp");
  server.run("CREATE ROLE ada LOGIN PASSWORD 'pass-s3cret'");
  server.let_in("host all postgres 127.0.0.1/32 trust\nhost all ada 127.0.0.1/32 md5\n");
  struct Row {
    char const* name;
    char const* value;
  };
  constexpr Row rows[] = {{"PGHOSTADDR", "127.0.0.2"},
                          {"PGPORT", "1"},
                          {"PGOPTIONS", "-c no_such_setting=1"},
                          {"PGSSLMODE", "verify-full"},
                          {"PGSSLROOTCERT", "/nowhere/root.crt"},
                          {"PGSSLCERT", "/dev/null"},
                          {"PGSSLMINPROTOCOLVERSION", "nonsense"},
                          {"PGSSLSNI", "nonsense"},
                          {"PGREQUIREPEER", "nobody"},
                          {"PGCHANNELBINDING", "require"},
                          {"PGGSSENCMODE", "require"},
                          {"PGTARGETSESSIONATTRS", "standby"},
                          {"PGCONNECT_TIMEOUT", "nonsense"},
                          {"PGCLIENTENCODING", "NONSENSE"}};
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    Environment const set(row.name, row.value);
    auto const failure = failure_of(server.settings());
    EXPECT_FALSE(failure.has_value()) << failure->what();
  }
}

TEST(PostgresConnecting, APasswordIsTakenFromTheConfigurationAlone) {
  OwnServer const server("--tcp");
  server.run("CREATE ROLE ada LOGIN PASSWORD 'pass-s3cret'");
  server.let_in("host all ada 127.0.0.1/32 md5\n");
  std::string const file = server.data().parent_path().string() + ".passwords";
  std::ofstream(file) << "*:*:*:ada:pass-s3cret\n";
  ::chmod(file.c_str(), 0600);
  Settings settings = server.settings();
  settings.username = "ada";
  Environment const variable("PGPASSWORD", password);
  Environment const passwords("PGPASSFILE", file);
  expect_config_error(settings, "password", "give a password");
  settings.password = password;
  EXPECT_FALSE(failure_of(settings).has_value());
  ::unlink(file.c_str());
}

TEST(PostgresConnecting, AServerThatCannotBeReachedMayBeBackLater) {
  Settings settings;
  settings.database = settings.username = "anything";
  settings.password = password;
  settings.host = "127.0.0.1";
  {
    TcpServer const gone([](int, int) {});
    settings.port = gone.port();
    expect_transient_error(settings, "closed the connection unexpectedly");
  }
  expect_transient_error(settings, "Connection refused");
  expect_transient_error(settings, "check host and port");
  settings.host = "no-such-host.invalid";
  expect_transient_error(settings, "could not translate host name");
  settings.host = "/no/such/folder";
  expect_transient_error(settings, "No such file");
}

/// Says no to every connection with an error of this SQLSTATE.
std::string refusal(std::string const& sqlstate, std::string const& message) {
  using namespace std::string_literals;
  std::string const fields = "SFATAL\0VFATAL\0C"s + sqlstate + "\0M"s + message + "\0\0"s;
  return "E\0\0\0"s + static_cast<char>(fields.size() + 4) + fields;
}

TEST(PostgresConnecting, AServerThatStartsOrEndsMayBeReadyLater) {
  std::array<std::string, 2> const refusals = {refusal("57P03", "the database system is starting up"),
                                               refusal("57P01", "terminating connection")};
  for (std::string const& answer : refusals) {
    TcpServer const server([&answer](int connection, int) {
      std::array<char, 1000> startup{};
      ::recv(connection, startup.data(), startup.size(), 0);
      ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    });
    Settings settings;
    settings.host = "127.0.0.1";
    settings.port = server.port();
    settings.database = settings.username = "anybody";
    settings.tls.mode = "disable";
    expect_transient_error(settings, "57P0");
  }
}

TEST(PostgresConnecting, AConnectionThatIsCutInTheMiddleOfItsHandshakeMayComeAboutLater) {
  TcpServer const server([](int connection, int) {
    std::array<char, 1000> request{};
    ::recv(connection, request.data(), 8, 0);
    ::send(connection, "S", 1, MSG_NOSIGNAL);  // yes, TLS
    ::recv(connection, request.data(), request.size(), 0);
  });
  Settings settings;
  settings.host = "127.0.0.1";
  settings.port = server.port();
  settings.database = settings.username = "anybody";
  settings.tls.mode = "require";
  expect_transient_error(settings, "SSL");
}

// ---- TLS ----

std::string text_of(std::filesystem::path const& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Certificates of our own, for a server called localhost.
class Certificates {
 public:
  Certificates() {
    std::string name = std::filesystem::temp_directory_path() / "landfall_certificates.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder");
    folder_ = name;
    shell("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ours -keyout ca.key -out ca.crt");
    shell("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=others -keyout others.key -out others.crt");
    make("server", "localhost", "-addext subjectAltName=DNS:localhost");
    make("client", "by_certificate", "");
    shell("openssl rsa -aes256 -passout pass:key-s3cret -in client.key -out locked.key");
  }
  ~Certificates() { std::filesystem::remove_all(folder_); }
  Certificates(Certificates const&) = delete;
  Certificates& operator=(Certificates const&) = delete;

  std::string text(std::string const& file) const { return text_of(folder_ / file); }

 private:
  void make(std::string const& file, std::string const& name, std::string const& more) const {
    shell("openssl req -newkey rsa:2048 -nodes -subj /CN=" + name + " " + more + " -keyout " + file + ".key -out " +
          file + ".csr && openssl x509 -req -days 2 -in " + file + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial " +
          "-copy_extensions copy -out " + file + ".crt");
  }
  void shell(std::string const& commands) const {
    std::string const line = "cd '" + folder_.string() + "' && (" + commands + ") >log 2>&1";
    if (std::system(line.c_str()) != 0) throw std::runtime_error("not done: " + line + text_of(folder_ / "log"));
  }

  std::filesystem::path folder_;
};

TEST(PostgresConnecting, TlsIsAsStrictAsItsModeSays) {
  if (std::system("openssl version >/dev/null 2>&1") != 0) GTEST_SKIP() << "there is no openssl";
  Certificates const certificates;
  OwnServer const server("--tcp");
  server.write("server.crt", certificates.text("server.crt"));
  server.write("server.key", certificates.text("server.key"));
  server.write("clients.crt", certificates.text("ca.crt"));
  server.run("CREATE ROLE by_certificate LOGIN");
  server.run("ALTER SYSTEM SET ssl_ca_file = 'clients.crt'");
  server.run("ALTER SYSTEM SET ssl = on");
  server.let_in("hostssl all by_certificate 127.0.0.1/32 cert\nhostssl all postgres 127.0.0.1/32 trust\n");

  Settings settings = server.settings();
  settings.host = "localhost";
  while (server.run("SHOW ssl").text(0, 0) != "on") {
  }
  expect_config_error(settings, "28000: no pg_hba.conf entry", "");
  for (char const* const mode : {"allow", "prefer", "require", "verify-ca", "verify-full"}) {
    SCOPED_TRACE(mode);
    settings.tls.mode = mode;
    bool const verifies = settings.tls.mode.starts_with("verify");
    settings.tls.ca_certificate = verifies ? certificates.text("ca.crt") : "";
    auto const failure = failure_of(settings);
    EXPECT_FALSE(failure.has_value()) << failure->what();
    if (!verifies) continue;
    settings.tls.ca_certificate = certificates.text("others.crt");
    expect_config_error(settings, "certificate verify failed", "check ssl_mode");
    settings.tls.ca_certificate = "no certificate";
    expect_config_error(settings, "could not read root certificate file", "check ssl_mode");
    settings.tls.ca_certificate = certificates.text("ca.crt");
    settings.host = "127.0.0.1";
    if (settings.tls.mode == "verify-full") {
      expect_config_error(settings, "does not match host name \"127.0.0.1\"", "check ssl_mode");
    } else {
      EXPECT_FALSE(failure_of(settings).has_value());
    }
    settings.host = "localhost";
  }

  settings.username = "by_certificate";
  expect_config_error(settings, "requires a valid client certificate", "check username");
  settings.tls.client_certificate = certificates.text("client.crt");
  settings.tls.client_key = certificates.text("client.key");
  EXPECT_FALSE(failure_of(settings).has_value());
  settings.tls.client_key = certificates.text("locked.key");
  settings.tls.client_key_password = key_password;
  EXPECT_FALSE(failure_of(settings).has_value());
  settings.tls.client_key_password = "wrong-s3cret";
  expect_config_error(settings, "could not load private key file", "check ssl_mode");
  settings.tls.client_key_password = "";
  expect_config_error(settings, "could not load private key file", "check ssl_mode");
  settings.tls.client_key = certificates.text("server.key");
  expect_config_error(settings, "key values mismatch", "check ssl_mode");
}

}  // namespace
}  // namespace postgres
