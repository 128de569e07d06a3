// Two syncs of one stream, and what a process that is gone has left under way in the server.

#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <boost/asio/thread_pool.hpp>

#include "examples/postgres_fixture.hpp"
#include "examples/real_call.hpp"

namespace postgres {
namespace {

using landfall::ErrorClass;
using landfall::RealCall;
using landfall::RowCounts;
using landfall::StreamRun;
using ::testing::HasSubstr;

class PostgresRuns : public PostgresFixture {
 protected:
  PostgresRuns() { make(users, schema({"id"})); }
  ~PostgresRuns() override { pool.join(); }

  std::vector<TableName> all_tables() { return {users, named("work"), named("swap")}; }
  void begin(PostgresTables& of, StreamRun const& run_of) { run(of.begin_run(run_of, all_tables())); }

  /// From now on a transaction that has put a row into users waits in its COMMIT, until let_commit().
  void hold_commits() {
    sql("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock(77); RETURN "
        "NULL; END$$; CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        "EXECUTE FUNCTION hold()");
    hold("SELECT pg_advisory_lock(77)");
  }
  void let_commit() { hold("SELECT pg_advisory_unlock(77)"); }
  void hold(landfall::SqlLiteral text) {
    landfall::SqlText statement;
    statement << text;
    holder.run(statement);
  }
  void await_held_commit() {
    await(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND "
        "query = 'COMMIT'",
        "1");
  }
  /// Until the server gives this answer.
  void await(landfall::SqlLiteral question, std::string const& answer) {
    auto const deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (ask(question) != Rows{answer}) {
      if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("the server never says " + answer);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  boost::asio::thread_pool pool{2};
  Settings const settings = database.settings();
  SecretFiles const secrets{settings.tls};
  Connection holder{settings, secrets};
  StreamRun const earlier{"public.users", "4a1f0c52-earlier"};
  StreamRun const later{"public.users", "9be2d3a7-later"};
};

TEST_F(PostgresRuns, WhatCommitsLateDoesNotGetIntoALaterSync) {
  PostgresTables first(database.settings());
  begin(first, earlier);
  hold_commits();
  RealCall<RowCounts> copy(pool.get_executor(), first.copy_in(rows_for(users, {{R"({"id":1})"}}, schema({"id"}))));
  await_held_commit();
  PostgresTables second(database.settings());
  begin(second, later);  // ends that session: whoever had it is gone, or is not to go on
  let_commit();
  EXPECT_EQ(copy.failure().error_class(), ErrorClass::unknown_outcome);
  EXPECT_EQ(ask("SELECT count(*) FROM users"), Rows{"0"});
  EXPECT_EQ(ask("SELECT count(*) FROM _landfall_batches"), Rows{"0"});
  run(second.copy_in(rows_for(users, {{R"({"id":2})"}}, schema({"id"}))));
  EXPECT_EQ(ask("SELECT id FROM users"), Rows{"2"});
}

TEST_F(PostgresRuns, ARunThatIsOverChangesNothing) {
  TableName const work = named("work");
  PostgresTables first(database.settings());
  PostgresTables second(database.settings());
  begin(first, earlier);
  run(first.create(work, waiting(schema()), {}));
  run(first.copy_in(rows_for(work, {{R"({"id":1})"}}, waiting(schema()))));
  begin(second, later);
  landfall::SchemaChange const change = landfall::change_between(users, schema({"id"}), schema());
  struct Call {
    char const* name;
    std::function<std::optional<landfall::Error>()> make;
  };
  std::vector<Call> const calls = {
      {"copy_in", [&] { return failure_of(first.copy_in(rows_for(work, {{R"({"id":2})"}}, waiting(schema())))); }},
      {"upsert", [&] { return failure_of(first.upsert(work, users, schema({"id"}), rule(), Source::is_dropped)); }},
      {"move_rows", [&] { return failure_of(first.move_rows(work, users, schema({"id"}))); }},
      {"replace", [&] { return failure_of(first.replace(users, work, std::nullopt)); }},
      {"create", [&] { return failure_of(first.create(named("swap"), schema(), {})); }},
      {"drop", [&] { return failure_of(first.drop(work)); }},
      {"alter", [&] { return failure_of(first.alter(users, change, schema(), {})); }},
      {"claim", [&] { return failure_of(first.claim(work, {})); }}};
  for (Call const& call : calls) {
    SCOPED_TRACE(call.name);
    auto const error = call.make();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->error_class(), ErrorClass::config);
    EXPECT_THAT(error->message(), HasSubstr("another sync of stream public.users took over"));
  }
  EXPECT_EQ(ask("SELECT count(*) FROM work"), Rows{"1"});
  EXPECT_EQ(ask("SELECT count(*) FROM users"), Rows{"0"});
  EXPECT_EQ(ask("SELECT to_regclass('swap') IS NULL"), Rows{"t"});
  run(second.upsert(work, users, schema({"id"}), rule(), Source::is_dropped));
  EXPECT_EQ(ask("SELECT id FROM users"), Rows{"1"});
}

TEST_F(PostgresRuns, AnotherStreamOfTheSameProcessGoesOn) {
  PostgresTables first(database.settings());
  PostgresTables second(database.settings());
  TableName const orders = named("orders");
  make(orders, schema());
  begin(first, earlier);
  run(first.begin_run(StreamRun("public.orders", earlier.id), {orders}));
  begin(second, later);
  run(first.copy_in(rows_for(orders, {{R"({"id":1})"}}, schema())));
  EXPECT_EQ(ask("SELECT count(*) FROM orders"), Rows{"1"});
}

TEST_F(PostgresRuns, AnAttemptThatWasGivenUpIsEndedWhereItIsInTheWay) {
  PostgresTables first(database.settings());
  begin(first, earlier);
  hold_commits();
  auto rows = rows_for(users, {{R"({"id":1})"}}, schema({"id"}));
  RealCall<RowCounts> given_up(pool.get_executor(), first.copy_in(rows));
  await_held_commit();
  RealCall<RowCounts> repeated(pool.get_executor(), first.copy_in(rows));
  await(
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'lf % 1.% 1'",
      "0");
  let_commit();
  EXPECT_EQ(repeated.get().written, 1U);
  EXPECT_EQ(given_up.get().written, 1U);  // tried again, and found
  EXPECT_EQ(ask("SELECT id FROM users"), Rows{"1"});
}

TEST_F(PostgresRuns, TheRowOfARunGoesWithItsEnd) {
  PostgresTables first(database.settings());
  begin(first, earlier);
  EXPECT_EQ(ask("SELECT stream, run FROM _landfall_runs"), Rows{earlier.stream + " " + earlier.id});
  run(first.end_run(earlier));
  run(first.end_run(earlier));
  EXPECT_EQ(ask("SELECT count(*) FROM _landfall_runs"), Rows{"0"});
}

}  // namespace
}  // namespace postgres
