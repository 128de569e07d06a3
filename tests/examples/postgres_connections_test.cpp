// Calls on a pool of connections: what ends them, and what they say then.

#include "connections.hpp"

#include <chrono>
#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/thread_pool.hpp>

#include "advisory_lock.hpp"
#include "examples/own_server.hpp"
#include "examples/real_call.hpp"
#include "examples/scratch_database.hpp"
#include "examples/tcp_proxy.hpp"
#include "server_error.hpp"

namespace postgres {
namespace {

using landfall::awaitable;
using landfall::Error;
using landfall::ErrorClass;
using landfall::RealCall;
using landfall::SqlLiteral;
using landfall::SqlText;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

SqlText sql_of(SqlLiteral text) {
  SqlText sql;
  sql << text;
  return sql;
}

class PostgresConnections : public ::testing::Test {
 protected:
  PostgresConnections() { database.run(sql_of("CREATE TABLE noted (a bigint)")); }

  Settings settings_with(int connections) const {
    Settings settings = database.settings();
    settings.connections = connections;
    return settings;
  }

  /// A transaction which runs this.
  RealCall<void> call(Connections& connections, SqlLiteral text) {
    return RealCall<void>(pool.get_executor(), transact(connections, sql_of(text)));
  }
  static awaitable<void> transact(Connections& connections, SqlText sql) {
    auto run = [&sql](Connection& connection) { connection.run(sql); };
    co_await connections.transact(run);
  }

  /// A transaction which says that it is there, and goes on when the other side has come, too.
  RealCall<void> meeting_call(Connections& connections, std::latch& all_here) {
    return RealCall<void>(pool.get_executor(), meet(connections, all_here));
  }
  static awaitable<void> meet(Connections& connections, std::latch& all_here) {
    auto wait = [&all_here](Connection&) { all_here.arrive_and_wait(); };
    co_await connections.transact(wait);
  }

  std::int64_t count_of(SqlLiteral text) { return database.run(sql_of(text)).integer(0, 0); }
  std::int64_t noted() { return count_of("SELECT count(*) FROM noted"); }
  std::int64_t others() {
    return count_of(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
        "backend_type = 'client backend'");
  }
  /// Until a statement with "pg_sleep" or "LOCK" in it runs.
  void await_statement() {
    while (count_of("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
                    "AND pid <> pg_backend_pid() AND query ~ '^(SELECT pg_sleep|LOCK)'") == 0) {
      std::this_thread::sleep_for(milliseconds(5));
    }
  }

  ScratchDatabase database;
  landfall::asio::thread_pool pool{2};
};

TEST_F(PostgresConnections, AConnectionIsUsedAgain) {
  Connections connections(settings_with(4));
  for (int i = 0; i < 5; ++i) call(connections, "INSERT INTO noted VALUES (pg_backend_pid())").get();
  EXPECT_EQ(count_of("SELECT count(DISTINCT a) FROM noted"), 1);
  EXPECT_EQ(noted(), 5);
}

TEST_F(PostgresConnections, NoMoreThanConfigured) {
  Connections connections(settings_with(2));
  std::latch both_here(3);
  auto first = meeting_call(connections, both_here);
  auto second = meeting_call(connections, both_here);
  while (others() < 2) std::this_thread::sleep_for(milliseconds(5));
  auto third = call(connections, "INSERT INTO noted VALUES (1)");
  EXPECT_FALSE(third.ends_within(milliseconds(100)));
  both_here.arrive_and_wait();
  first.get();
  second.get();
  third.get();
  EXPECT_EQ(noted(), 1);
}

TEST_F(PostgresConnections, AStatementThatFailedIsRolledBackAndTheConnectionGoesOn) {
  Connections connections(settings_with(1));
  Error const error = call(connections, "INSERT INTO noted VALUES (pg_backend_pid()); SELECT 1 / 0").failure();
  EXPECT_EQ(error.error_class(), ErrorClass::config);
  EXPECT_THAT(error.message(), HasSubstr("division by zero (SQLSTATE 22012)"));
  call(connections, "INSERT INTO noted VALUES (2)").get();
  EXPECT_EQ(noted(), 1);
}

TEST_F(PostgresConnections, AConnectionThatTheServerHasEndedIsReplaced) {
  Connections connections(settings_with(1));
  call(connections, "INSERT INTO noted VALUES (1)").get();
  database.run(
      sql_of("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = "
             "'landfall' AND datname = current_database() AND pid <> pg_backend_pid()"));
  call(connections, "INSERT INTO noted VALUES (2)").get();
  EXPECT_EQ(noted(), 2);
}

TEST_F(PostgresConnections, ASessionThatTakesNoChangesIsReplacedAfterItsFirstError) {
  Connections connections(settings_with(1));
  SqlText off, on;
  landfall::Identifier const name(database.settings().database);
  on << "ALTER DATABASE " << name << " SET default_transaction_read_only = on";
  off << "ALTER DATABASE " << name << " RESET default_transaction_read_only";
  database.run(on);
  Error const error = call(connections, "INSERT INTO noted VALUES (1)").failure();
  EXPECT_EQ(error.error_class(), ErrorClass::transient);
  EXPECT_THAT(error.message(), HasSubstr("name the primary"));
  SqlText both;
  both << "BEGIN READ WRITE; " << off << "; COMMIT";
  database.run(both);
  call(connections, "INSERT INTO noted VALUES (1)").get();
  EXPECT_EQ(noted(), 1);
}

// ---- cancellation ----

struct Wait {
  char const* name;
  SqlLiteral statement;
};

TEST_F(PostgresConnections, ACancelledCallEndsAndItsBackendWithIt) {
  std::array<Wait, 2> const waits = {{{"a statement that takes its time", "SELECT pg_sleep(600)"},
                                      {"a lock of others", "LOCK TABLE noted IN ACCESS EXCLUSIVE MODE"}}};
  for (Wait const& wait : waits) {
    SCOPED_TRACE(wait.name);
    SecretFiles const secrets(database.settings().tls);
    Connection other(database.settings(), secrets);
    other.run(sql_of("BEGIN; LOCK TABLE noted IN ACCESS EXCLUSIVE MODE"));
    {
      Connections connections(settings_with(1));
      auto running = call(connections, wait.statement);
      await_statement();
      running.cancel();
      EXPECT_TRUE(running.ends_within(seconds(20)));
      running.failure();
      while (others() > 1) std::this_thread::sleep_for(milliseconds(20));  // nobody goes on for it
      call(connections, "SELECT 1").get();
    }
  }
}

TEST_F(PostgresConnections, ACallThatWaitsForAConnectionIsCancelled) {
  Connections connections(settings_with(1));
  std::latch all_here(2);
  auto first = meeting_call(connections, all_here);
  while (others() < 1) std::this_thread::sleep_for(milliseconds(5));
  auto second = call(connections, "INSERT INTO noted VALUES (1)");
  EXPECT_FALSE(second.ends_within(milliseconds(50)));
  second.cancel();
  EXPECT_TRUE(second.ends_within(seconds(20)));
  EXPECT_THAT(second.failure().message(), HasSubstr("cancelled"));
  all_here.arrive_and_wait();
  first.get();
  call(connections, "INSERT INTO noted VALUES (2)").get();
  EXPECT_EQ(noted(), 1);
}

/// A server that takes connections and then says nothing, or no more than what it is given.
class SilentServer {
  std::string const words_;  // goes after the server's threads

 public:
  explicit SilentServer(std::string first_words = "") : words_(std::move(first_words)) {}

  std::atomic<int> greeted = 0;
  TcpServer server{[this](int connection, int ended) {
    std::array<char, 1000> startup{};
    if (::recv(connection, startup.data(), startup.size(), 0) <= 0) return;
    ::send(connection, words_.data(), words_.size(), MSG_NOSIGNAL);
    ++greeted;
    pollfd waited{ended, POLLIN, 0};
    ::poll(&waited, 1, -1);
  }};

  Settings settings() const {
    Settings settings;
    settings.host = "127.0.0.1";
    settings.port = server.port();
    settings.database = settings.username = "nobody";
    settings.tls.mode = "disable";
    settings.connections = 1;
    return settings;
  }
};

std::string welcome() {
  using namespace std::string_literals;
  std::string const version = "server_version\00015.1\0"s;
  std::string words = "R\0\0\0\010\0\0\0\0"s;  // authenticated
  words += "S\0\0\0"s + static_cast<char>(version.size() + 4) + version;
  return words + "Z\0\0\0\005I"s;  // ready
}

TEST_F(PostgresConnections, AServerThatSaysNothingIsGivenUpInTime) {
  for (auto const& words : {std::string(), welcome()}) {
    SCOPED_TRACE(words.empty() ? "from the start" : "when it is asked");
    SilentServer silent(words);
    Settings settings = silent.settings();
    settings.connect_timeout_seconds = 1;
    Connections connections(settings);
    // More often than there are connections: none is lost on the way.
    for (int attempt = 0; attempt < 3; ++attempt) {
      Error const error = call(connections, "SELECT 1").failure();
      EXPECT_EQ(error.error_class(), ErrorClass::transient);
      EXPECT_THAT(error.message(), HasSubstr("does not answer within 1 s"));
    }
  }
}

TEST_F(PostgresConnections, ACallIsCancelledWhileItConnects) {
  for (auto const& words : {std::string(), welcome()}) {
    SCOPED_TRACE(words.empty() ? "from the start" : "when it is asked");
    SilentServer silent(words);
    Settings settings = silent.settings();
    settings.connect_timeout_seconds = 600;
    Connections connections(settings);
    auto running = call(connections, "SELECT 1");
    while (silent.greeted == 0) std::this_thread::sleep_for(milliseconds(5));
    running.cancel();
    EXPECT_TRUE(running.ends_within(seconds(20)));
  }
}

TEST_F(PostgresConnections, ACallIsCancelledWhileTheNetworkHangs) {
  TcpProxy proxy(settings_with(1));
  Connections connections(proxy.settings());
  auto running = call(connections, "SELECT pg_sleep(1); INSERT INTO noted VALUES (1)");
  await_statement();
  proxy.fail(TcpProxy::Failure::hang);
  EXPECT_FALSE(running.ends_within(milliseconds(1500)));
  running.cancel();
  EXPECT_TRUE(running.ends_within(seconds(20)));
  EXPECT_EQ(running.failure().error_class(), ErrorClass::transient);
  proxy.fail(TcpProxy::Failure::none);
  call(connections, "INSERT INTO noted VALUES (2)").get();
  EXPECT_EQ(noted(), 1);
}

// ---- the outcome of a COMMIT ----

/// Notes a number, unless it is there: so it may be run again.
awaitable<void> note_once(Connections& connections, std::int64_t number, int& runs) {
  auto note = [&](Connection& connection) {
    ++runs;
    lock_until_commit(connection, "noted");
    SqlText sql;
    sql << "INSERT INTO noted SELECT " << number << " WHERE NOT EXISTS (SELECT FROM noted WHERE a = " << number << ")";
    connection.run(sql);
  };
  co_await connections.transact(note);
}

struct Loss {
  char const* name;
  TcpProxy::Failure failure;
};
constexpr std::array<Loss, 2> losses = {
    {{"committed", TcpProxy::Failure::cut_after_commit}, {"not committed", TcpProxy::Failure::cut_before_commit}}};

TEST_F(PostgresConnections, WhatWasLostInItsCommitIsDoneOnce) {
  TcpProxy proxy(settings_with(1));
  Connections connections(proxy.settings());
  std::int64_t number = 0;
  for (Loss const& loss : losses) {
    SCOPED_TRACE(loss.name);
    for (int i = 0; i < 5; ++i) {
      int runs = 0;
      proxy.fail(loss.failure);
      RealCall<void>(pool.get_executor(), note_once(connections, ++number, runs)).get();
      EXPECT_EQ(proxy.failure(), TcpProxy::Failure::none);
      EXPECT_EQ(noted(), number);
      EXPECT_EQ(runs, 2);
    }
  }
}

TEST_F(PostgresConnections, ALostCommitOfAServerThatDoesNotComeBackIsUnknown) {
  TcpProxy proxy(settings_with(1));
  Settings settings = proxy.settings();
  settings.reconnect_seconds = 0;
  settings.connect_timeout_seconds = 1;
  Connections connections(settings);
  std::int64_t number = 0;
  for (Loss const& loss : losses) {
    for (bool const is_cancelled : {false, true}) {
      SCOPED_TRACE(::testing::Message() << loss.name << (is_cancelled ? ", cancelled" : ""));
      int runs = 0;
      proxy.fail(loss.failure, TcpProxy::Failure::hang);
      ++number;
      std::optional<RealCall<void>> running;
      while (proxy.failure() != TcpProxy::Failure::hang) {  // on a busy machine it may not get as far in its second
        running.emplace(pool.get_executor(), note_once(connections, number, runs));
        while (proxy.failure() != TcpProxy::Failure::hang && !running->ends_within(milliseconds(1))) {
        }
      }
      EXPECT_FALSE(running->ends_within(milliseconds(1200))) << "it tries on";
      if (is_cancelled) running->cancel();
      EXPECT_TRUE(running->ends_within(seconds(30)));
      EXPECT_EQ(running->failure().error_class(), ErrorClass::unknown_outcome);
      proxy.fail(TcpProxy::Failure::none);
    }
  }
}

// ---- a server that is full, or away ----

TEST_F(PostgresConnections, AFullServerIsUsedWithThoseThatItGives) {
  OwnServer server("--set max_connections=5 --set superuser_reserved_connections=2");
  server.run("CREATE ROLE loader LOGIN");
  server.run("CREATE TABLE noted (a bigint)");
  server.run("GRANT ALL ON noted TO loader");
  server.let_in("local all loader trust\n");
  Settings settings = server.settings();
  settings.username = "loader";
  settings.connections = 8;
  SecretFiles const secrets(settings.tls);
  std::vector<std::unique_ptr<Connection>> taken;
  for (int i = 0; i < 2; ++i) taken.push_back(std::make_unique<Connection>(settings, secrets));
  Connections connections(settings);
  std::vector<std::unique_ptr<RealCall<void>>> calls;
  for (int i = 0; i < 100; ++i) {
    calls.push_back(std::make_unique<RealCall<void>>(
        pool.get_executor(), transact(connections, sql_of("INSERT INTO noted SELECT 1 FROM pg_sleep(0.001)"))));
  }
  // The first ones may find none while another one is about to get the only one: then they say so.
  int done = 0;
  for (auto& one : calls) {
    try {
      one->get();
      ++done;
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::transient);
      EXPECT_THAT(error.message(), HasSubstr("lower connections"));
    }
  }
  EXPECT_GT(done, 80);
  EXPECT_EQ(server.run("SELECT count(*) FROM noted").integer(0, 0), done);
}

/// A connection to a server that may still be ending others.
std::unique_ptr<Connection> connect_when_one_is_free(Settings const& settings, SecretFiles const& secrets) {
  while (true) {
    try {
      return std::make_unique<Connection>(settings, secrets);
    } catch (Error const& error) {
      if (error.message().find("53300") == std::string::npos) throw;
      std::this_thread::sleep_for(milliseconds(5));
    }
  }
}

TEST_F(PostgresConnections, AServerWithoutAFreeConnectionIsWaitedForOrSaysSo) {
  OwnServer server("--set max_connections=4 --set superuser_reserved_connections=3");
  server.run("CREATE ROLE loader LOGIN");
  server.let_in("local all loader trust\n");
  Settings settings = server.settings();
  settings.username = "loader";
  SecretFiles const secrets(settings.tls);
  auto taken = connect_when_one_is_free(settings, secrets);
  Connections connections(settings);
  auto waiting = call(connections, "SELECT 1");
  EXPECT_FALSE(waiting.ends_within(milliseconds(700)));
  taken.reset();
  waiting.get();
  Settings impatient = settings;
  impatient.reconnect_seconds = 0;
  Connections others(impatient);  // while the first ones keep their connection
  Error const error = call(others, "SELECT 1").failure();
  EXPECT_EQ(error.error_class(), ErrorClass::transient);
  EXPECT_THAT(error.message(), HasSubstr("53300"));
  EXPECT_THAT(error.message(), HasSubstr("raise max_connections, or lower connections"));
}

TEST_F(PostgresConnections, AServerThatRestartsIsWaitedFor) {
  OwnServer server;
  server.run("CREATE TABLE noted (a bigint)");
  Connections connections(server.settings());
  call(connections, "INSERT INTO noted VALUES (1)").get();
  server.stop();
  auto waiting = call(connections, "INSERT INTO noted VALUES (2)");
  EXPECT_FALSE(waiting.ends_within(milliseconds(700)));
  server.start();
  waiting.get();
  EXPECT_EQ(server.run("SELECT count(*) FROM noted").integer(0, 0), 2);
}

TEST_F(PostgresConnections, AServerThatNeverWasThereIsNotWaitedFor) {
  OwnServer server;
  Settings const settings = server.settings();
  server.stop();
  Connections connections(settings);
  auto waiting = call(connections, "SELECT 1");
  EXPECT_TRUE(waiting.ends_within(seconds(20)));
  EXPECT_EQ(waiting.failure().error_class(), ErrorClass::transient);
}

}  // namespace
}  // namespace postgres
