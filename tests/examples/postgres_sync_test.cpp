// Whole syncs of one stream into tables that users, or other destinations, have had their hands on.

#include <optional>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <landfall/destination/rejected_records.hpp>
#include <landfall/table/table_destination.hpp>

#include "examples/postgres_fixture.hpp"
#include "examples/postgres_of_an_earlier_version.hpp"
#include "postgres_destination.hpp"

namespace postgres {
namespace {

using landfall::DestinationSyncMode;
using landfall::ErrorClass;
using landfall::RejectedRecords;
using landfall::SentRecord;
using landfall::SqlLiteral;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PostgresSync : public PostgresFixture {
 protected:
  PostgresSync() {
    stream.descriptor = landfall::StreamDescriptor("users");
    stream.primary_key = {{"id"}};
    set_fields(R"("id":{"type":"integer"},"name":{"type":"string"},"score":{"type":"number"})");
    in(DestinationSyncMode::append_dedup);
  }

  void set_fields(std::string const& properties) {
    stream.json_schema = boost::json::parse(R"({"properties":{)" + properties + "}}").as_object();
  }
  void in(DestinationSyncMode mode, std::int64_t generation = 1, std::int64_t minimum = 0) {
    stream.destination_sync_mode = mode;
    stream.generation_id = generation;
    stream.minimum_generation_id = minimum;
  }

  /// A process: setup, open, start.
  void begin() {
    landfall::DestinationCatalog catalog({stream});
    destination = std::make_unique<PostgresDestination>(landfall::Configuration(database.configuration()));
    notices.clear();
    destination->notices().listen([this](landfall::Notice const& notice) { notices.push_back(notice.text); });
    simulation.run_coroutine(destination->setup(catalog));
    of = catalog.streams()[0];
    loader = simulation.run_coroutine(destination->open(*of));
    simulation.run_coroutine(loader->start());
  }
  void load(std::vector<SentRecord> const& sent) {
    ++last_batch;
    simulation.run_coroutine(loader->process_records(batch_of(sent, of, landfall::BatchId(last_batch), 100)));
  }
  void close() { simulation.run_coroutine(loader->close(landfall::StreamOutcome(landfall::StreamEnd::complete, 1))); }
  void sync(std::vector<SentRecord> const& sent) {
    begin();
    load(sent);
    close();
  }

  /// Which records of the batch are rejected: from 100.
  std::vector<landfall::RecordNumber> rejected(std::vector<SentRecord> const& sent) {
    std::vector<landfall::RecordNumber> numbers;
    try {
      load(sent);
    } catch (RejectedRecords const& error) {
      for (auto const& record : error.records) numbers.push_back(record.number);
    }
    return numbers;
  }

  template <class Work>
  std::string message_of(Work work) {
    try {
      work();
    } catch (landfall::Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config) << error.what();
      return error.message();
    }
    return "no error";
  }

  landfall::DestinationStream stream;
  std::vector<std::string> notices;
  std::unique_ptr<PostgresDestination> destination;
  std::shared_ptr<landfall::DestinationStream const> of;
  std::unique_ptr<landfall::StreamLoader> loader;
};

// ---- what the server cannot tell apart ----

TEST_F(PostgresSync, KeysThatDifferInNanosecondsNeverBecomeOne) {
  constexpr char const* types[] = {R"("format":"date-time","airbyte_type":"timestamp_with_timezone")",
                                   R"("format":"date-time","airbyte_type":"timestamp_without_timezone")",
                                   R"("format":"time","airbyte_type":"time_without_timezone")",
                                   R"("format":"time","airbyte_type":"time_with_timezone")"};
  for (std::string const type : types) {
    SCOPED_TRACE(type);
    run(tables.drop(users));
    set_fields(R"("id":{"type":"string",)" + type + "}");
    begin();
    EXPECT_THAT(rejected({{R"({"id":"2024-01-01T00:00:00.1234561"})"},
                          {R"({"id":"2024-01-01T00:00:00.123456000"})"},
                          {R"({"id":"2024-01-01T00:00:00.1234564"})"}}),
                ElementsAre(100, 102));
    load({{R"({"id":"2024-01-01T00:00:00.123456"})"}, {R"({"id":"2024-01-01T00:00:00.123457"})"}});
    close();
    EXPECT_EQ(ask("SELECT count(*) FROM users"), Rows{"2"});
  }
}

TEST_F(PostgresSync, ACursorThatLosesNanosecondsIsTakenAndNoted) {
  set_fields(R"("id":{"type":"integer"},"at":{"type":"string","format":"date-time"})");
  stream.cursor_field = {"at"};
  sync({{R"({"id":1,"at":"2024-01-01T00:00:00.1234567Z"})"}});
  EXPECT_EQ(ask("SELECT to_char(at AT TIME ZONE 'UTC', 'HH24:MI:SS.US'), _airbyte_meta #>> '{changes,0,change}' "
                "FROM users"),
            Rows{"00:00:00.123456 TRUNCATED"});
}

// ---- constraints of users ----

TEST_F(PostgresSync, APrimaryKeyOfTheUsersStays) {
  for (auto const mode : {DestinationSyncMode::append_dedup, DestinationSyncMode::append}) {
    SCOPED_TRACE(to_string(mode));
    in(mode);
    run(tables.drop(users));
    sync({{R"({"id":1,"name":"Ada"})"}, {R"({"id":2})"}});
    sql("ALTER TABLE users ADD PRIMARY KEY (id), ALTER name SET DEFAULT 'x', ADD CHECK (id > 0)");
    begin();
    EXPECT_THAT(rejected({{R"({"id":3,"name":"Cid"})"}, {R"({"name":"nobody"})"}, {R"({"id":null})"}}),
                ElementsAre(101, 102));
    load({{R"({"id":4,"name":"Dan"})"}});
    close();
    EXPECT_EQ(ask("SELECT id FROM users ORDER BY id"), (Rows{"1", "2", "4"}));
    EXPECT_EQ(ask("SELECT count(*) FROM pg_constraint WHERE conname = 'users_pkey'"), Rows{"1"});
  }
}

TEST_F(PostgresSync, ANotNullOfTheUsersRejectsAlsoWhatAReplacementBrings) {
  sync({{R"({"id":1,"name":"Ada"})"}});
  sql("ALTER TABLE users ALTER name SET NOT NULL, ALTER _airbyte_generation_id SET NOT NULL");
  std::int64_t generation = 1;
  for (auto const mode : {DestinationSyncMode::append_dedup, DestinationSyncMode::overwrite}) {
    ++generation;
    in(mode, generation, generation);
    begin();
    EXPECT_THAT(rejected({{R"({"id":3,"name":"Cid"})"}, {R"({"id":4})"}}), ElementsAre(101));
    load({{R"({"id":3,"name":"Cid"})"}});
    close();
    EXPECT_EQ(ask("SELECT name FROM users"), Rows{"Cid"});
    EXPECT_EQ(ask("SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname IN ('name', "
                  "'_airbyte_generation_id') AND attnotnull"),
              Rows{"2"});
  }
}

TEST_F(PostgresSync, AllDoublesOfABatchAreRejectedAtOnce) {
  in(DestinationSyncMode::append);
  sync({{R"({"id":1,"name":"Ada"})"}, {R"({"id":2,"name":"Bob"})"}});
  sql("CREATE UNIQUE INDEX theirs ON users (id)");
  begin();
  EXPECT_THAT(rejected({{R"({"id":2})"}, {R"({"id":3})"}, {R"({"id":1})"}, {R"({"id":3})"}, {R"({"id":4})"}}),
              ElementsAre(100, 102, 103));
  EXPECT_EQ(ask("SELECT id FROM users ORDER BY id"), (Rows{"1", "2"}));
  load({{R"({"id":3})"}, {R"({"id":4})"}});
  close();
  EXPECT_EQ(ask("SELECT count(*) FROM users"), Rows{"4"});
}

TEST_F(PostgresSync, AUniqueIndexOnOtherColumnsThanTheKeyIsNamedWhenRowsAreMerged) {
  sync({{R"({"id":1,"name":"Ada"})"}});
  sql("CREATE UNIQUE INDEX theirs ON users (name)");
  begin();
  load({{R"({"id":2,"name":"Ada"})"}});
  std::string const message = message_of([&] { close(); });
  EXPECT_THAT(message, HasSubstr("\"theirs\""));
  EXPECT_THAT(message, HasSubstr("in public.users"));
  EXPECT_THAT(message, HasSubstr("unique index that is not of this destination: drop it"));
  sql("DROP INDEX theirs");
  close();
  EXPECT_EQ(ask("SELECT id, name FROM users ORDER BY id"), (Rows{"1 Ada", "2 Ada"}));
}

// ---- what a new table cannot have ----

TEST_F(PostgresSync, WhatANewTableCannotHaveFailsARefreshBeforeAnythingIsChanged) {
  struct Row {
    SqlLiteral make;
    char const* named;
  };
  Row const rows[] = {
      {"ALTER TABLE users ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) STORED", "the generated column twice"},
      {"ALTER TABLE users ADD COLUMN n bigint GENERATED BY DEFAULT AS IDENTITY", "the identity column n"},
      {"ALTER TABLE users ADD PRIMARY KEY (id)", "the constraint users_pkey"},
      {"ALTER TABLE users ADD CONSTRAINT few CHECK (id < 100)", "the constraint few"},
      {"ALTER TABLE users ADD CONSTRAINT once UNIQUE (id); CREATE TABLE orders (buyer bigint REFERENCES users (id))",
       "the foreign key orders_buyer_fkey of orders"},
      {"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE "
       "INSERT ON users FOR EACH ROW EXECUTE FUNCTION f()",
       "the trigger t"},
      {"CREATE RULE r AS ON DELETE TO users DO ALSO SELECT 1", "the rule r"},
      {"CREATE POLICY p ON users", "the policy p"},
  };
  struct Refresh {
    DestinationSyncMode mode;
    bool has_generations;
  };
  Refresh const refreshes[] = {{DestinationSyncMode::append, true},
                               {DestinationSyncMode::append_dedup, true},
                               {DestinationSyncMode::overwrite, true},
                               {DestinationSyncMode::overwrite, false}};
  std::string const fields = R"("id":{"type":"integer"},"name":{"type":"string"})";
  auto const everything = [this] {
    auto all = ask("SELECT oid, relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1");
    for (auto const& row : ask("SELECT attname, atttypid, attnum FROM pg_attribute WHERE attrelid = 'users'::regclass "
                               "ORDER BY attnum")) {
      all.push_back(row);
    }
    for (auto const& row : ask("SELECT * FROM users ORDER BY id")) all.push_back(row);
    for (auto const& row : ask("SELECT * FROM _landfall_owners")) all.push_back(row);
    return all;
  };
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    Row const& row = rows[i];
    Refresh const& refresh = refreshes[i % std::size(refreshes)];
    SCOPED_TRACE(fmt::format("{}, {}", to_string(refresh.mode), row.named));
    sql("DROP TABLE IF EXISTS users, orders; DROP FUNCTION IF EXISTS f");
    set_fields(fields);
    in(DestinationSyncMode::append);
    sync({{R"({"id":1,"name":"Ada"})"}});
    database.run(landfall::SqlText() << row.make);
    sync({{R"({"id":2,"name":"Bob"})"}});  // a table that stays may have it
    auto const before = everything();
    set_fields(fields + R"(,"more":{"type":"string"})");
    in(refresh.mode, 2, 2);
    if (!refresh.has_generations) stream.generation_id = stream.minimum_generation_id = std::nullopt;
    std::string const message = message_of([&] { begin(); });
    EXPECT_THAT(message, HasSubstr("stream users: public.users is to be replaced by a new table, which cannot have "));
    EXPECT_THAT(message, HasSubstr(row.named));
    EXPECT_EQ(everything(), before);
  }
}

TEST_F(PostgresSync, WhatIsMadeWhileARefreshRunsFailsItAtItsEndAndTheOldTableStands) {
  sync({{R"({"id":1,"name":"Ada"})"}});
  in(DestinationSyncMode::append_dedup, 2, 2);
  begin();
  load({{R"({"id":2,"name":"Bob"})"}});
  sql("ALTER TABLE users ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) STORED");
  std::string const message = message_of([&] { close(); });
  EXPECT_THAT(message, HasSubstr("public.users is to be replaced by a new table, which cannot have the generated "
                                 "column twice"));
  EXPECT_EQ(ask("SELECT id, twice FROM users"), Rows{"1 2"});
  sql("ALTER TABLE users DROP COLUMN twice");
  close();
  EXPECT_EQ(ask("SELECT id FROM users"), Rows{"2"});
}

TEST_F(PostgresSync, ADefaultThatANewTypeCannotHaveFailsARefreshBeforeAnythingIsChanged) {
  in(DestinationSyncMode::append);
  sync({{R"({"id":1,"name":"Ada"})"}});
  sql("ALTER TABLE users ALTER name SET DEFAULT 'nobody'");
  for (auto const mode : {DestinationSyncMode::append, DestinationSyncMode::append_dedup}) {
    in(mode, 2, 2);
    set_fields(R"("id":{"type":"integer"},"name":{"type":"integer"},"more":{"type":"string"})");
    EXPECT_THAT(message_of([&] { begin(); }),
                HasSubstr("stream users: the column name of public.users gets another type (integer instead of text), "
                          "and somebody has given it a default"));
    EXPECT_EQ(ask("SELECT id, name FROM users"), Rows{"1 Ada"});
  }
  set_fields(R"("id":{"type":"integer"},"name":{"type":"string"})");
  sync({{R"({"id":2,"name":"Bob"})"}});
  EXPECT_EQ(ask("SELECT column_default FROM information_schema.columns WHERE table_name = 'users' AND column_name = "
                "'name'"),
            Rows{"'nobody'::character varying"});
}

// ---- publications ----

TEST_F(PostgresSync, APublishedTableIsToldOfOnce) {
  sync({{R"({"id":1,"name":"Ada"})"}});
  sql("CREATE PUBLICATION p FOR ALL TABLES");
  sync({{R"({"id":1,"name":"Bea"})"}});
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_THAT(notices.front(), HasSubstr("public.users has REPLICA IDENTITY FULL now"));
  sync({{R"({"id":1,"name":"Cleo"})"}});
  EXPECT_THAT(notices, IsEmpty());
  in(DestinationSyncMode::append_dedup, 2, 2);
  sync({{R"({"id":1,"name":"Dora"})"}});
  EXPECT_THAT(notices, IsEmpty());
  sql("UPDATE users SET name = 'Eve'");
}

// ---- tables of other destinations ----

TEST_F(PostgresSync, TablesOfAirbytesOwnDestinationGoOn) {
  struct Row {
    char const* name;
    SqlLiteral columns;
    std::vector<std::string> changes;  // each a part of a notice
  };
  Row const table[] = {
      {"the usual",
       "_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, "
       "_airbyte_generation_id bigint",
       {"score was numeric(38,9)"}},
      {"a raw id with limits",
       "_airbyte_raw_id varchar(36) NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT "
       "NULL, "
       "_airbyte_generation_id bigint",
       {"score was numeric(38,9)"}},
      {"a raw id of 36 characters",
       "_airbyte_raw_id char(36) NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, "
       "_airbyte_generation_id bigint",
       {"score was numeric(38,9)"}},
      {"a raw id that is a UUID, and may be null",
       "_airbyte_raw_id uuid, _airbyte_extracted_at timestamptz, _airbyte_meta jsonb, _airbyte_generation_id bigint",
       {"score was numeric(38,9)"}},
      {"no generations",
       "_airbyte_raw_id varchar(36) NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_loaded_at "
       "timestamptz, _airbyte_meta jsonb NOT NULL",
       {"score was numeric(38,9)", "it gets a column _airbyte_generation_id"}},
      {"metadata as text",
       "_airbyte_raw_id text NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta text NOT NULL, "
       "_airbyte_generation_id integer",
       {"_airbyte_meta was text", "_airbyte_generation_id was integer", "score was numeric(38,9)"}},
      {"metadata as JSON",
       "_airbyte_raw_id text NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta json NOT NULL, "
       "_airbyte_generation_id bigint",
       {"_airbyte_meta was json", "score was numeric(38,9)"}},
  };
  for (Row const& row : table) {
    SCOPED_TRACE(row.name);
    run(tables.drop(users));
    landfall::SqlText make;
    make << "CREATE TABLE users (" << row.columns
         << ", id bigint, name varchar, score numeric(38,9), other numeric(5,2)); "
         << "INSERT INTO users (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta, id, name, score, other) VALUES "
            "('5e2f4b4e-0000-0000-0000-000000000001', now(), '{\"changes\": []}', 1, 'before', 1.5, 1), "
            "('5e2f4b4e-0000-0000-0000-000000000002', now(), '{\"changes\": []}', 2, 'stays', 2.5, 2)";
    database.run(make);
    sync({{R"({"id":1,"name":"after","score":1234567890123456789012345678901234567890.5})", 2'000'000'000'000},
          {R"({"id":3,"score":0.12345678901})"}});
    EXPECT_EQ(ask("SELECT id, name, score, other FROM users ORDER BY id"),
              (Rows{"1 after 1234567890123456789012345678901234567890.5 1.00", "2 stays 2.500000000 2.00",
                    "3 - 0.12345678901 -"}));
    EXPECT_EQ(notices.size(), row.changes.size());
    for (std::size_t i = 0; i < std::min(notices.size(), row.changes.size()); ++i) {
      EXPECT_THAT(notices[i], HasSubstr("public.users is taken over: "));
    }
    for (std::string const& change : row.changes) EXPECT_THAT(notices, ::testing::Contains(HasSubstr(change)));
    sync({{R"({"id":2,"name":"again"})", 2'000'000'000'000}});
    EXPECT_THAT(notices, IsEmpty());
    EXPECT_EQ(ask("SELECT name FROM users WHERE id = 2"), Rows{"again"});
    in(DestinationSyncMode::append_dedup, 2, 2);
    sync({{R"({"id":9,"name":"refreshed"})"}});
    EXPECT_EQ(ask("SELECT name FROM users"), Rows{"refreshed"});
    in(DestinationSyncMode::append_dedup);
  }
}

TEST_F(PostgresSync, NothingIsChangedOfATableThatCannotBeTakenOver) {
  sql("CREATE TABLE users (_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta "
      "jsonb NOT NULL, id bigint, name varchar(20), score numeric(38,9))");
  std::string const message = message_of([&] { begin(); });
  EXPECT_THAT(message, HasSubstr("name is character varying(20)"));
  EXPECT_EQ(ask("SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE "
                "attrelid = 'users'::regclass AND attnum > 0"),
            Rows{"character varying, timestamp with time zone, jsonb, bigint, character varying(20), numeric(38,9)"});
}

// A number with limits in a table of ours is what a user wants.
TEST_F(PostgresSync, OnlyTablesOfNobodyAreTakenOver) {
  sync({{R"({"id":1,"score":1.5})"}});
  sql("ALTER TABLE users ALTER score TYPE numeric(10,2)");
  EXPECT_THAT(message_of([&] { begin(); }), HasSubstr("score is numeric(10,2)"));
}

// ---- tables of an earlier version ----

TEST_F(PostgresSync, TablesOfAnEarlierVersionGoOn) {
  set_fields(R"("id":{"type":"integer"},"b":{"type":"boolean"},"n":{"type":"number"},"s":{"type":"string"},
      "d":{"type":"string","format":"date"},"t":{"type":"string","format":"time","airbyte_type":"time_without_timezone"},
      "tz":{"type":"string","format":"time","airbyte_type":"time_with_timezone"},
      "ts":{"type":"string","format":"date-time","airbyte_type":"timestamp_without_timezone"},
      "tstz":{"type":"string","format":"date-time"},"j":{"type":"object"})");
  stream.cursor_field = {"tstz"};
  sql(tables_of_an_earlier_version);
  SqlLiteral const columns =
      "SELECT attname, atttypid::regtype, attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > "
      "0";
  auto const before = ask(columns);
  auto const kept = ask("SELECT * FROM users WHERE id = 1");
  auto const waited = ask("SELECT _airbyte_raw_id, _airbyte_meta, tstz, j FROM users_work_bb790a5bb0 WHERE id = 2");
  sync({{R"({"id":3,"s":"newer","tstz":"2024-03-01T00:00:00Z"})"}, {R"({"id":4})"}});
  EXPECT_EQ(ask(columns), before);
  EXPECT_EQ(ask("SELECT * FROM users WHERE id = 1"), kept);
  EXPECT_EQ(ask("SELECT _airbyte_raw_id, _airbyte_meta, tstz, j FROM users WHERE id = 2"), waited);
  EXPECT_EQ(ask("SELECT id, s FROM users WHERE id > 2 ORDER BY id"), (Rows{"3 newer", "4 -"}));
  EXPECT_EQ(ask("SELECT count(*) FROM pg_class WHERE relname LIKE 'users\\_%' AND relkind = 'r'"), Rows{"0"});
  EXPECT_THAT(notices, IsEmpty());
  in(DestinationSyncMode::append_dedup, 2, 2);
  sync({{R"({"id":5})"}});
  EXPECT_EQ(ask("SELECT id FROM users"), Rows{"5"});
}

}  // namespace
}  // namespace postgres
