// What happens around destination-postgres as a process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "examples/scratch_database.hpp"
#include "few_threads.hpp"
#include "program_test.hpp"

namespace {

using landfall::SqlLiteral;
using landfall::SqlText;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SqlText sql_of(SqlLiteral text) {
  SqlText sql;
  sql << text;
  return sql;
}

class PostgresFailures : public ProgramTest {
 protected:
  PostgresFailures() { settings({{"checkpoint_seconds", 1}}); }

  std::string program() const override { return DESTINATION_POSTGRES; }

  void settings(json::object const& landfall) {
    auto configuration = database_.configuration();
    configuration["landfall"] = landfall;
    write_file("config.json", json::serialize(configuration));
  }

  static Stream stream(std::string name) { return Stream(std::move(name)).fields({{"id", {{"type", "integer"}}}}); }

  /// Those of a table; none where it is not there.
  std::int64_t row_count(std::string const& name) const {
    SqlText sql;
    (sql << "SELECT coalesce((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', "
            "oid::regclass), "
            "false, true, '')))[1]::text::bigint, 0) FROM pg_class WHERE relname = ")
        .string(name);
    auto const found = database_.run(sql);
    return found.rows() == 0 ? 0 : found.integer(0, 0);
  }

  /// Until a session of the program waits for a lock in this database.
  void await_waiting() const {
    auto const deadline = std::chrono::steady_clock::now() + Process::longest_wait;
    auto const waiting = sql_of(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> "
        "pg_backend_pid()");
    while (database_.run(waiting).rows() == 0) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("nobody waits for a lock");
    }
  }

  postgres::ScratchDatabase database_;
};

using PostgresFewThreads = WithFewThreads<PostgresFailures>;

TEST_F(PostgresFewThreads, AreEnoughOrTheSyncSaysSoBeforeItReadsAnything) {
  auto const users = stream("users");
  catalog({users});
  for (int threads = 1; threads <= 12; ++threads) {
    SCOPED_TRACE(threads);
    database_.run(sql_of("DROP TABLE IF EXISTS users"));
    bool const is_loaded = ends_in_words(threads, records(users, 0, 100) + state(users, 1));
    EXPECT_EQ(row_count("users"), is_loaded ? 100 : 0);
  }
}

TEST_F(PostgresFailures, ATableThatIsLockedDoesNotHoldUpAStop) {
  auto const users = stream("users");
  catalog({users});
  for (char const* const on_stop : {"finish", "cancel"}) {
    SCOPED_TRACE(on_stop);
    database_.run(sql_of("DROP TABLE IF EXISTS users"));
    settings({{"checkpoint_seconds", 1}, {"stop_seconds", 1}, {"patience_seconds", 5}, {"on_stop", on_stop}});
    auto const process = start();
    process->feed(records(users, 0, 10) + state(users, 1));
    auto result = read_until_state(*process, 1);
    postgres::SecretFiles const secrets(database_.settings().tls);
    postgres::Connection other(database_.settings(), secrets);
    other.run(sql_of("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE"));
    process->feed(records(users, 10, 10) + state(users, 2));
    await_waiting();
    process->signal(SIGTERM);
    for (auto const& line : process->read_lines()) result.add(line);
    EXPECT_EQ(process->wait(), 143);
    EXPECT_THAT(result.state_ids, ElementsAre(1));
    EXPECT_FALSE(result.says("still running")) << result.failure();
    EXPECT_THAT(result.failure(), HasSubstr("stopped by SIGTERM"));
    other.run(sql_of("ROLLBACK"));
    EXPECT_EQ(row_count("users"), 10);
  }
}

}  // namespace
