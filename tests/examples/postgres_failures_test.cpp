// What a server, its administrator, its other users and the network do to table operations.

#include <array>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/thread_pool.hpp>
#include <boost/json/parse.hpp>

#include "examples/own_server.hpp"
#include "examples/real_call.hpp"
#include "examples/scratch_database.hpp"
#include "examples/tcp_proxy.hpp"
#include "postgres_tables.hpp"
#include "table/record_batches.hpp"

namespace postgres {
namespace {

using landfall::awaitable;
using landfall::Error;
using landfall::ErrorClass;
using landfall::Identifier;
using landfall::RealCall;
using landfall::SentRecord;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableColumn;
using landfall::TableName;
using landfall::TableOperations;
using landfall::TableSchema;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

SqlText sql_of(SqlLiteral text) {
  SqlText sql;
  sql << text;
  return sql;
}

/// Statements of somebody else, whose transaction stays open.
class Other {
 public:
  explicit Other(Settings const& settings) : secrets_(settings.tls), connection_(settings, secrets_) {}
  void run(SqlLiteral text) { connection_.run(sql_of(text)); }

 private:
  SecretFiles secrets_;
  Connection connection_;
};

class PostgresFailures : public ::testing::Test {
 protected:
  PostgresFailures() {
    stream.json_schema =
        boost::json::parse(R"({"properties":{"id":{"type":"integer"},"name":{"type":"string"}}})").as_object();
    stream.generation_id = 1;
  }

  template <class T>
  T run(awaitable<T> call) {
    return RealCall<T>(pool.get_executor(), std::move(call)).get();
  }
  template <class T>
  Error failure_of(awaitable<T> call) {
    return RealCall<T>(pool.get_executor(), std::move(call)).failure();
  }

  static TableName named(std::string name) { return TableName(Identifier("public"), Identifier(std::move(name))); }

  static TableSchema schema(bool has_key = false) {
    TableSchema made;
    made.columns = {
        TableColumn(Identifier("_airbyte_raw_id"), landfall::ColumnType::text, false),
        TableColumn(Identifier("_airbyte_extracted_at"), landfall::ColumnType::timestamp_with_timezone, false),
        TableColumn(Identifier("_airbyte_meta"), landfall::ColumnType::json, false),
        TableColumn(Identifier("_airbyte_generation_id"), landfall::ColumnType::integer),
        TableColumn(Identifier("id"), landfall::ColumnType::integer),
        TableColumn(Identifier("name"), landfall::ColumnType::text)};
    if (has_key) made.primary_key = {Identifier("id")};
    return made;
  }
  static TableSchema waiting_schema() {
    TableSchema made = schema();
    made.columns.emplace_back(Identifier(std::string(landfall::MetaColumns::read_order)),
                              landfall::ColumnType::integer);
    return made;
  }
  static landfall::UpsertRule rule() {
    landfall::UpsertRule made;
    made.primary_key = {Identifier("id")};
    return made;
  }

  landfall::CopyIn rows_for(TableName const& table, std::vector<SentRecord> const& sent, std::uint64_t batch,
                            bool waits = false) {
    landfall::CopyIn rows;
    rows.table = table;
    rows.schema = std::make_shared<TableSchema const>(waits ? waiting_schema() : schema());
    rows.rows = std::make_shared<landfall::TableRows>(stream, landfall::TableLayout::typed, value_limits(),
                                                      waits ? std::optional<std::int64_t>(0) : std::nullopt);
    rows.records = batch_of(sent, std::make_shared<landfall::DestinationStream const>(stream), landfall::BatchId(batch),
                            10 * batch);
    rows.mark = landfall::BatchMark("public.users", "run", batch);
    return rows;
  }
  /// Two rows.
  landfall::CopyIn two_rows_for(TableName const& table, std::uint64_t batch = 1, bool waits = false) {
    return rows_for(table, {{R"({"id":1,"name":"Ada"})"}, {R"({"id":2,"name":"Bob"})"}}, batch, waits);
  }

  std::int64_t count(SqlLiteral text) { return database.run(sql_of(text)).integer(0, 0); }

  /// What is left when something went wrong: nothing.
  void expect_no_leftovers() {
    EXPECT_EQ(count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
                    "'landfall' AND state LIKE 'idle in transaction%'"),
              0);
  }

  ScratchDatabase database;
  landfall::asio::thread_pool pool{2};
  landfall::DestinationStream stream;
  PostgresTables tables{database.settings()};
  TableName const users = named("users");
};

// ---- other sessions ----

TEST_F(PostgresFailures, LocksOfOthersEndACallInTime) {
  Settings settings = database.settings();
  settings.lock_timeout_seconds = 1;
  PostgresTables impatient(settings);
  TableName const waiting = named("waiting");
  run(impatient.create(users, schema(true), {}));
  run(impatient.create(waiting, waiting_schema(), {}));
  run(impatient.copy_in(two_rows_for(waiting, 1, true)));
  Other other(database.settings());
  other.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  auto const expect_lock_error = [](Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::transient) << error.what();
    EXPECT_THAT(error.message(), HasSubstr("55P03"));
    EXPECT_THAT(error.message(), HasSubstr("others hold locks on it"));
  };
  expect_lock_error(failure_of(impatient.copy_in(two_rows_for(users, 2))));
  expect_lock_error(
      failure_of(impatient.upsert(waiting, users, schema(true), rule(), TableOperations::Source::is_dropped)));
  expect_lock_error(failure_of(impatient.drop(users)));
  other.run("COMMIT");
  expect_no_leftovers();
  run(impatient.copy_in(two_rows_for(users, 2)));
  run(impatient.upsert(waiting, users, schema(true), rule(), TableOperations::Source::is_dropped));
  EXPECT_EQ(count("SELECT count(*) FROM users"), 2);
}

TEST_F(PostgresFailures, ALimitOnStatementsEndsACallInTime) {
  Settings settings = database.settings();
  settings.statement_timeout_seconds = 1;
  PostgresTables impatient(settings);
  run(impatient.create(users, schema(), {}));
  Other other(database.settings());
  other.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  Error const error = failure_of(impatient.copy_in(two_rows_for(users)));
  EXPECT_EQ(error.error_class(), ErrorClass::transient);
  EXPECT_THAT(error.message(), HasSubstr("longer than statement_timeout"));
  other.run("COMMIT");
  expect_no_leftovers();
}

TEST_F(PostgresFailures, WhatAnAdministratorCancelsOrEndsIsNotApplied) {
  run(tables.create(users, schema(), {}));
  run(tables.copy_in(two_rows_for(users, 1)));
  std::array<SqlLiteral, 2> const deeds = {
      "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND "
      "wait_event_type = 'Lock'",
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND "
      "wait_event_type = 'Lock'"};
  for (SqlLiteral const deed : deeds) {
    SCOPED_TRACE(std::string(deed.text()));
    Other other(database.settings());
    other.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    RealCall<landfall::RowCounts> copy(pool.get_executor(), tables.copy_in(two_rows_for(users, 2)));
    while (count(deed) == 0) std::this_thread::sleep_for(milliseconds(5));
    Error const error = copy.failure();
    EXPECT_EQ(error.error_class(), ErrorClass::transient) << error.what();
    other.run("COMMIT");
    EXPECT_EQ(count("SELECT count(*) FROM users"), 2);
  }
  run(tables.copy_in(two_rows_for(users, 2)));
  EXPECT_EQ(count("SELECT count(*) FROM users"), 4);
}

TEST_F(PostgresFailures, ADeadlockIsTriedAgain) {
  TableName const waiting = named("waiting");
  run(tables.create(users, schema(true), {}));
  run(tables.create(waiting, waiting_schema(), {}));
  run(tables.copy_in(two_rows_for(waiting, 1, true)));
  Other other(database.settings());
  other.run("SET deadlock_timeout = '1h'; BEGIN; LOCK TABLE waiting IN ACCESS EXCLUSIVE MODE");
  auto const upsert = [&] {
    return tables.upsert(waiting, users, schema(true), rule(), TableOperations::Source::is_dropped);
  };
  RealCall<landfall::RowCounts> merge(pool.get_executor(), upsert());
  auto const waits_for_the_table = [&] {
    return count(
               "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'waiting'::regclass AND "
               "database = (SELECT oid FROM pg_database WHERE datname = current_database())") > 0;
  };
  while (!waits_for_the_table()) std::this_thread::sleep_for(milliseconds(5));
  other.run("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  Error const error = merge.failure();
  EXPECT_EQ(error.error_class(), ErrorClass::transient);
  EXPECT_THAT(error.message(), HasSubstr("40P01"));
  other.run("COMMIT");
  run(upsert());
  EXPECT_EQ(count("SELECT count(*) FROM users"), 2);
}

// ---- what may not be done, and what is in the way ----

TEST_F(PostgresFailures, WhatIsNotAllowedIsNamed) {
  OwnServer server;
  server.run("CREATE ROLE loader LOGIN");
  server.run("REVOKE ALL ON SCHEMA public FROM PUBLIC");
  server.run("GRANT USAGE ON SCHEMA public TO loader");
  server.let_in("local all loader trust\n");
  Settings settings = server.settings();
  settings.username = "loader";
  PostgresTables loader(settings);
  auto const expect_denied = [](Error const& error, char const* what) {
    EXPECT_EQ(error.error_class(), ErrorClass::config) << error.what();
    EXPECT_THAT(error.message(), HasSubstr(what));
    EXPECT_THAT(error.message(), HasSubstr("grant it to the user"));
  };
  expect_denied(failure_of(loader.check()), "permission denied for schema public");
  expect_denied(failure_of(loader.create(users, schema(), {})), "permission denied for schema public");
  expect_denied(failure_of(loader.create_schema(Identifier("shop"))), "permission denied for database postgres");
  expect_denied(failure_of(loader.copy_in(two_rows_for(users))), "permission denied for schema public");
  server.run("GRANT CREATE ON SCHEMA public TO loader");
  server.run("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC");
  expect_denied(failure_of(loader.check()), "temporary");
  server.run("GRANT TEMPORARY ON DATABASE postgres TO loader");
  run(loader.check());
  PostgresTables owner(server.settings());
  run(owner.create(users, schema(), {}));
  expect_denied(failure_of(loader.copy_in(two_rows_for(users))), "permission denied for table users");
}

struct Obstacle {
  char const* kind;
  SqlLiteral statement;
};

TEST_F(PostgresFailures, WhatIsNoTableIsKnownByItsKind) {
  database.run(sql_of("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w"));
  std::array<Obstacle, 6> const obstacles = {{
      {"view", "CREATE VIEW users AS SELECT 1 AS id"},
      {"materialized view", "CREATE MATERIALIZED VIEW users AS SELECT 1 AS id"},
      {"foreign table", "CREATE FOREIGN TABLE users (id bigint) SERVER s"},
      {"partitioned table", "CREATE TABLE users (id bigint) PARTITION BY RANGE (id)"},
      {"sequence", "CREATE SEQUENCE users"},
      {"type", "CREATE TYPE users AS (id bigint)"},
  }};
  for (Obstacle const& obstacle : obstacles) {
    SCOPED_TRACE(obstacle.kind);
    Other other(database.settings());
    other.run("SET search_path = public");
    other.run(obstacle.statement);
    auto const found = run(tables.find(users));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->other_kind, obstacle.kind);
    run(tables.drop(users));
    ASSERT_TRUE(run(tables.find(users)).has_value()) << "dropped, though it is not ours";
    Error const error = failure_of(tables.create(users, schema(), {}));
    EXPECT_EQ(error.error_class(), ErrorClass::config) << error.what();
    other.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  }
}

TEST_F(PostgresFailures, AMaterializedViewOnATableThatIsReplacedNeedsDropCascade) {
  TableName const swap = named("swap");
  run(tables.create(users, schema(), {}));
  run(tables.create(swap, schema(), {}));
  run(tables.copy_in(two_rows_for(swap)));
  database.run(sql_of("CREATE MATERIALIZED VIEW readers AS SELECT id FROM users"));
  Error const error = failure_of(tables.replace(users, swap, std::nullopt));
  EXPECT_EQ(error.error_class(), ErrorClass::config);
  EXPECT_THAT(error.message(), HasSubstr("set drop_cascade"));
  EXPECT_EQ(count("SELECT count(*) FROM readers"), 0) << "the old rows";
  Settings settings = database.settings();
  settings.drop_cascade = true;
  PostgresTables cascading(settings);
  run(cascading.replace(users, swap, std::nullopt));
  EXPECT_EQ(count("SELECT count(*) FROM users"), 2);
  EXPECT_EQ(count("SELECT count(*) FROM pg_matviews WHERE matviewname = 'readers'"), 0);
}

TEST_F(PostgresFailures, WhoMayReadATableMayReadTheOneThatReplacesIt) {
  Settings const server = database.settings();
  std::string const name = "reader_" + server.database;
  SqlText role, grant, remove;
  Identifier const reader(name);
  role << "CREATE ROLE " << reader;
  database.run(role);
  run(tables.create(users, schema(), {}));
  grant << "GRANT SELECT ON users TO " << reader << "; GRANT DELETE ON users TO " << reader
        << " WITH GRANT OPTION; GRANT UPDATE ON users TO PUBLIC";
  database.run(grant);
  SqlLiteral const grants =
      "SELECT string_agg(privilege_type || CASE is_grantable WHEN 'YES' THEN '*' ELSE '' END || CASE grantee WHEN "
      "'PUBLIC' THEN ' to all' ELSE '' END, ', ' ORDER BY privilege_type) FROM information_schema.role_table_grants "
      "WHERE table_name = 'users' AND grantee <> current_user";
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(database.run(sql_of(grants)).text(0, 0), "DELETE*, SELECT, UPDATE to all");
    TableName const swap = named("swap");
    run(tables.create(swap, schema(), {}));
    run(tables.replace(users, swap, std::nullopt));
  }
  remove << "DROP OWNED BY " << reader << "; DROP ROLE " << reader;
  database.run(remove);
}

TEST_F(PostgresFailures, AUniqueIndexOfOthersIsNamed) {
  run(tables.create(users, schema(), {}));
  database.run(sql_of("CREATE UNIQUE INDEX theirs ON users (id)"));
  run(tables.copy_in(two_rows_for(users, 1)));
  Error const error = failure_of(tables.copy_in(two_rows_for(users, 2)));
  EXPECT_EQ(error.error_class(), ErrorClass::rejected_records);
  EXPECT_THAT(error.message(), HasSubstr("\"theirs\""));
  EXPECT_THAT(error.message(), HasSubstr("unique index that is not of this destination: drop it"));
  EXPECT_THAT(error.message(), Not(HasSubstr("(1)"))) << "a value";
  EXPECT_EQ(count("SELECT count(*) FROM users"), 2);
}

TEST_F(PostgresFailures, ColumnsOfOthersStayAndATableOfOthersIsRefused) {
  run(tables.create(users, schema(), {}));
  database.run(sql_of("ALTER TABLE users ADD COLUMN theirs point"));
  landfall::TableSchema const there = run(tables.find(users))->schema;
  run(tables.alter(users, change_between(users, there, schema()), schema(), {}));
  run(tables.copy_in(two_rows_for(users)));
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE theirs IS NULL"), 2);
  database.run(sql_of("CREATE TABLE others (id bigint)"));
  auto const found = run(tables.find(named("others")));
  EXPECT_THROW(change_between(named("others"), found->schema, schema()), Error);
}

// ---- a network that cuts the connection in a COMMIT ----

struct Cut {
  char const* name;
  TcpProxy::Failure failure;
};
constexpr std::array<Cut, 2> cuts = {{{"the server has committed", TcpProxy::Failure::cut_after_commit},
                                      {"the server has not committed", TcpProxy::Failure::cut_before_commit}}};

TEST_F(PostgresFailures, EachOperationIsAppliedOnceAlsoWhenItsCommitWasLost) {
  for (Cut const& cut : cuts) {
    SCOPED_TRACE(cut.name);
    database.run(sql_of("DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
    TcpProxy proxy(database.settings());
    PostgresTables cut_off(proxy.settings());
    auto const run_cut = [&](auto call) {
      proxy.fail(cut.failure);
      run(std::move(call));
      EXPECT_EQ(proxy.failure(), TcpProxy::Failure::none) << "nothing was committed";
    };
    TableName const waiting = named("waiting"), swap = named("swap");
    run_cut(cut_off.check());
    run_cut(cut_off.create_schema(Identifier("shop")));
    run_cut(cut_off.create(users, schema(), {}));
    run_cut(cut_off.alter(users, change_between(users, schema(), schema(true)), schema(true), {}));
    EXPECT_EQ(run(tables.find(users))->schema, schema(true));
    run(cut_off.numbers_of(landfall::BatchMark("public.users", "run", 1)));  // which makes the table of marks
    run_cut(cut_off.copy_in(two_rows_for(users, 1)));
    EXPECT_EQ(count("SELECT count(*) FROM users"), 2);
    run(cut_off.create(waiting, waiting_schema(), {}));
    run(cut_off.copy_in(rows_for(waiting, {{R"({"id":2,"name":"Bea"})"}, {R"({"id":3,"name":"Cai"})"}}, 2, true)));
    run_cut(cut_off.upsert(waiting, users, schema(true), rule(), TableOperations::Source::stays));
    run_cut(cut_off.upsert(waiting, users, schema(true), rule(), TableOperations::Source::is_dropped));
    EXPECT_EQ(count("SELECT count(*) FROM users"), 3);
    EXPECT_EQ(count("SELECT count(*) FROM users WHERE name = 'Bea'"), 1);
    run(cut_off.create(swap, schema(), {}));
    run(cut_off.copy_in(two_rows_for(swap, 3)));
    run_cut(cut_off.move_rows(swap, users, schema()));
    EXPECT_EQ(count("SELECT count(*) FROM users"), 5);
    run(cut_off.create(swap, schema(), {}));
    run(cut_off.create(waiting, waiting_schema(), {}));
    run_cut(cut_off.replace(users, swap, waiting));
    EXPECT_EQ(count("SELECT count(*) FROM users"), 0);
    EXPECT_FALSE(run(tables.find(waiting)).has_value());
    landfall::StreamRun const next("public.users", "next");
    run_cut(cut_off.begin_run(next, {}));
    run_cut(cut_off.end_run(next));
    run_cut(cut_off.drop(users));
    EXPECT_FALSE(run(tables.find(users)).has_value());
    EXPECT_EQ(count("SELECT count(*) FROM _landfall_batches"), 0);
    expect_no_leftovers();
  }
}

}  // namespace
}  // namespace postgres
