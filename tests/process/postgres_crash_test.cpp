// destination-postgres, killed at random moments, and started again with what a source would send then; and a server
// that is killed, or loses its connections, while it loads.
//
//   LANDFALL_CRASH_ROUNDS=100 LANDFALL_CRASH_SEED=7 postgres_crash_test

#include <chrono>
#include <optional>
#include <random>
#include <thread>

#include "examples/own_server.hpp"
#include "examples/scratch_database.hpp"
#include "table_crash_rounds.hpp"

namespace {

using landfall::SqlLiteral;
using landfall::SqlText;

SqlText sql_of(SqlLiteral text) {
  SqlText sql;
  sql << text;
  return sql;
}

/// While it lives nobody else gets to the marks of batches.
struct HeldMarks {
  explicit HeldMarks(postgres::Settings const& settings) : secrets(settings.tls), connection(settings, secrets) {
    connection.run(sql_of("BEGIN; LOCK TABLE public._landfall_batches IN ACCESS EXCLUSIVE MODE"));
  }

  postgres::SecretFiles secrets;
  postgres::Connection connection;
};

class PostgresCrashStore : public CrashStore {
 public:
  explicit PostgresCrashStore(postgres::Settings const& server) : database_(server) {}

  std::string program() const override { return DESTINATION_POSTGRES; }
  json::object configuration() const override { return database_.configuration(); }

  void clear() override {
    await_end_of_others();
    database_.run(
        sql_of("DROP SCHEMA IF EXISTS shop CASCADE; DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public"));
  }

  std::vector<LoadedRow> rows(Stream const& stream) override {
    await_end_of_others();
    landfall::Identifier const schema(stream.name_space.value_or("public"));
    SqlText look;
    (look << "SELECT 1 FROM pg_tables WHERE schemaname = ").string(schema.text()) << " AND tablename = ";
    look.string(stream.name);
    if (database_.run(look).rows() == 0) return {};
    SqlText sql;
    sql << "SELECT id, version, n, text FROM " << landfall::TableName(schema, landfall::Identifier(stream.name));
    auto const found = database_.run(sql);
    std::vector<LoadedRow> rows;
    for (int i = 0; i < found.rows(); ++i) {
      rows.push_back({found.integer(i, 0), found.integer(i, 1), found.integer(i, 2), found.text(i, 3)});
    }
    return rows;
  }

  std::shared_ptr<void> hold() override { return std::make_shared<HeldMarks>(database_.settings()); }

 protected:
  postgres::ScratchDatabase database_;

 private:
  /// What a killed process has begun is through, or rolled back.
  void await_end_of_others() const {
    auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (database_
               .run(sql_of("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
                           "'landfall' AND pid <> pg_backend_pid()"))
               .rows() > 0) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("a session does not end");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
};

class PostgresCrashTest : public TableCrashRounds {
 protected:
  PostgresCrashTest() : TableCrashRounds(std::make_unique<PostgresCrashStore>(postgres::test_server())) {}
};

TEST_F(PostgresCrashTest, KilledAtAnyMomentNothingAcknowledgedIsLost) { many_rounds(false); }

TEST_F(PostgresCrashTest, KilledAtAnyMomentWhatIsOnDiskIsLoadedOnce) { many_rounds(true); }

/// Its sessions are ended again and again, at random moments.
class EndedSessionsStore final : public PostgresCrashStore {
 public:
  EndedSessionsStore() : PostgresCrashStore(postgres::test_server()) {}

  void disturb() override {
    for (int i = 0; i < 4; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(random_() % 50'000));
      database_.run(
          sql_of("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                 "AND application_name = 'landfall' AND pid <> pg_backend_pid()"));
    }
  }

 private:
  std::minstd_rand random_{std::random_device()()};
};

class PostgresEndedSessions : public TableCrashRounds {
 protected:
  PostgresEndedSessions() : TableCrashRounds(std::make_unique<EndedSessionsStore>()) {}
};

TEST_F(PostgresEndedSessions, NothingIsLostOrDoubled) { many_disturbed_rounds(false); }

/// The server is killed, or stopped, and started again.
class CrashedServerStore final : private postgres::OwnServer, public PostgresCrashStore {
 public:
  CrashedServerStore() : PostgresCrashStore(OwnServer::settings()) {}

  /// Until a server has recovered that a busy machine gives little time: a minute and more, in short waits.
  json::object retry() const override {
    json::object const long_enough{{"attempts", 300}, {"longest_delay_ms", 500}};
    json::object of_all_parts;
    for (char const* const part : {"setup", "open", "process", "close", "teardown"}) of_all_parts[part] = long_enough;
    return of_all_parts;
  }

  void disturb() override {
    if (is_stopped_next_) {
      stop();
    } else {
      crash();
    }
    is_stopped_next_ = !is_stopped_next_;
    start();
  }

 private:
  bool is_stopped_next_ = false;
};

class PostgresCrashedServer : public TableCrashRounds {
 protected:
  PostgresCrashedServer() : TableCrashRounds(std::make_unique<CrashedServerStore>()) {}
};

TEST_F(PostgresCrashedServer, NothingIsLostOrDoubled) { many_disturbed_rounds(false); }

TEST_F(PostgresCrashedServer, NothingIsLostOrDoubledOfWhatIsOnDisk) { many_disturbed_rounds(true); }

}  // namespace
