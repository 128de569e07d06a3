// What users have made of a table, when another one takes its place.

#include <gmock/gmock.h>

#include "examples/postgres_fixture.hpp"

namespace postgres {
namespace {

using landfall::ErrorClass;
using landfall::SqlLiteral;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PostgresCarryOver : public PostgresFixture {
 protected:
  PostgresCarryOver() {
    make(users, schema({"id"}));
    copy(users, {{R"({"id":1,"name":"Ada"})"}});
  }

  std::vector<std::string> immovable() { return run(tables.find(users))->immovable; }

  landfall::awaitable<void> replace() {
    run(tables.drop(named("swap")));
    make(named("swap"), schema({"id"}));
    copy(named("swap"), {{R"({"id":3,"name":"Cid"})"}, {R"({"id":4,"name":null})"}});
    return tables.replace(users, named("swap"), std::nullopt);
  }
};

TEST_F(PostgresCarryOver, TheNewTableHasTheColumnsOfTheOldOne) {
  sql("CREATE TYPE mood AS ENUM ('good', 'bad')");
  sql("ALTER TABLE users ADD COLUMN note text, ADD COLUMN \"by default\" numeric(5,2) DEFAULT 1.5, ADD COLUMN must "
      "varchar(20) NOT NULL DEFAULT 'it''s', ADD COLUMN feels mood, ADD COLUMN c text COLLATE \"C\", ADD COLUMN list "
      "integer[] DEFAULT '{1,2}', ADD COLUMN number serial, ALTER COLUMN name SET DEFAULT 'nobody'");
  SqlLiteral const columns =
      "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation, "
      "pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND "
      "d.adnum = a.attnum WHERE a.attrelid = 'users'::regclass AND a.attnum > 0 ORDER BY a.attnum";
  auto const before = ask(columns);
  for (int turn = 0; turn < 2; ++turn) {
    run(replace());
    EXPECT_EQ(ask(columns), before);
    EXPECT_EQ(ask("SELECT id, note, \"by default\", must, list FROM users ORDER BY id"),
              (Rows{"3 - 1.50 it's {1,2}", "4 - 1.50 it's {1,2}"}));
  }
  sql("INSERT INTO users (_airbyte_raw_id, _airbyte_extracted_at, _airbyte_meta) VALUES ('x', now(), '{}')");
  EXPECT_EQ(ask("SELECT name FROM users WHERE number > 5"), Rows{"nobody"});
}

/// Two roles of this database alone: one that loads, and one that it belongs to.
class PostgresCarryOverOfAnothers : public PostgresCarryOver {
 protected:
  PostgresCarryOverOfAnothers() {
    landfall::SqlText make;
    make << "CREATE ROLE " << owner << "; CREATE ROLE " << loader << " LOGIN; GRANT ALL ON SCHEMA public TO " << loader
         << "; GRANT " << owner << " TO " << loader << "; GRANT SELECT, INSERT ON users TO " << loader
         << "; ALTER TABLE users OWNER TO " << owner;
    database.run(make);
  }
  ~PostgresCarryOverOfAnothers() override {
    landfall::SqlText remove;
    for (Identifier const& role : {loader, owner}) remove << "DROP OWNED BY " << role << "; DROP ROLE " << role << "; ";
    database.run(remove);
  }

  Identifier const owner{"owner_" + database.settings().database};
  Identifier const loader{"loader_" + database.settings().database};
};

TEST_F(PostgresCarryOverOfAnothers, TheNewTableBelongsToTheOwnerOfTheOldOne) {
  SqlLiteral const owner_and_grants =
      "SELECT pg_get_userbyid(relowner), (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(relacl) AS a) "
      "FROM pg_class WHERE oid = 'users'::regclass";
  sql("ALTER TABLE users ADD COLUMN number serial");
  auto const before = ask(owner_and_grants);
  ASSERT_THAT(before[0], HasSubstr(owner.text()));
  ASSERT_THAT(before[0], HasSubstr(loader.text() + "=ar/"));
  run(replace());
  EXPECT_EQ(ask(owner_and_grants), before);
}

TEST_F(PostgresCarryOverOfAnothers, AnOwnerThatMayHaveNoTableThereIsFoundBeforehand) {
  Settings settings = database.settings();
  settings.username = loader.text();
  landfall::SqlText allow, forbid;
  allow << "GRANT CREATE ON SCHEMA public TO " << owner;
  forbid << "REVOKE CREATE ON SCHEMA public FROM " << owner;
  {
    PostgresTables by_loader(settings);
    EXPECT_THAT(run(by_loader.find(users))->immovable, ElementsAre(HasSubstr("its owner " + owner.text())));
    database.run(allow);
    EXPECT_THAT(run(by_loader.find(users))->immovable, IsEmpty());
    run(by_loader.create(named("swap"), schema({"id"}), {}));
    run(by_loader.replace(users, named("swap"), std::nullopt));
  }
  EXPECT_EQ(ask("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'users'::regclass"), Rows{owner.text()});
  database.run(forbid);
}

TEST_F(PostgresCarryOver, IndexesAndStatisticsAreMadeAgain) {
  sql("CREATE INDEX \"it's \"\" ON mine\" ON users (lower(name) text_pattern_ops DESC NULLS LAST) INCLUDE (id) WHERE "
      "name <> ' ON x USING y'");
  sql("CREATE UNIQUE INDEX only_once ON users USING btree (id) WITH (fillfactor = 70)");
  sql("CREATE INDEX docs ON users USING gin (at jsonb_path_ops)");
  sql("CREATE STATISTICS together (dependencies) ON id, name FROM users");
  sql("COMMENT ON INDEX docs IS 'of mine'");
  SqlLiteral const indexes =
      "SELECT pg_get_indexdef(indexrelid), obj_description(indexrelid) FROM pg_index WHERE indrelid = "
      "'users'::regclass "
      "AND indexrelid::regclass::text NOT LIKE '\\_landfall\\_key%' UNION ALL SELECT pg_get_statisticsobjdef(oid), '' "
      "FROM pg_statistic_ext WHERE stxrelid = 'users'::regclass ORDER BY 1";
  auto const before = ask(indexes);
  ASSERT_EQ(before.size(), 4U);
  for (int turn = 0; turn < 2; ++turn) {
    run(replace());
    EXPECT_EQ(ask(indexes), before);
  }
}

TEST_F(PostgresCarryOver, AnIndexThatTheNewRowsDoNotFitIsNamedAndNothingChanges) {
  sql("UPDATE users SET name = 'Ada'; CREATE UNIQUE INDEX only_once ON users ((name IS NULL OR true))");
  auto const error = failure_of(replace());
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error_class(), ErrorClass::config);
  EXPECT_THAT(error->message(), HasSubstr("public.users: the table that takes its place cannot have all"));
  EXPECT_EQ(ask("SELECT id FROM users"), Rows{"1"});
}

TEST_F(PostgresCarryOver, CommentsOptionsAndGrantsGoOn) {
  std::string const name = "reader_" + database.settings().database;
  landfall::SqlText role, grant, remove;
  role << "CREATE ROLE " << Identifier(name) << "; ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO "
       << Identifier(name);
  database.run(role);
  grant << "GRANT SELECT (id, name), UPDATE (note) ON users TO " << Identifier(name)
        << "; GRANT TRIGGER ON users TO PUBLIC";
  sql("ALTER TABLE users ADD COLUMN note text, SET (fillfactor = 80, autovacuum_enabled = false)");
  sql("COMMENT ON TABLE users IS 'our''s'; COMMENT ON COLUMN users.note IS 'a note'; COMMENT ON COLUMN users.id IS "
      "'id'");
  database.run(grant);
  SqlLiteral const all =
      "SELECT c.relname, c.reloptions, obj_description(c.oid), c.relacl::text FROM pg_class AS c WHERE c.oid = "
      "'users'::regclass UNION ALL SELECT attname, null, col_description(attrelid, attnum), attacl::text FROM "
      "pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0";
  auto const before = ask(all);
  run(replace());
  EXPECT_EQ(ask(all), before);
  remove << "DROP OWNED BY " << Identifier(name) << "; DROP ROLE " << Identifier(name);
  database.run(remove);
}

TEST_F(PostgresCarryOver, ATableStaysInItsPublications) {
  sql("CREATE PUBLICATION whole FOR TABLE users; CREATE PUBLICATION part FOR TABLE users (id, name) WHERE (id > 3) "
      "WITH "
      "(publish = 'insert')");
  sql("ALTER TABLE users ALTER id SET NOT NULL; CREATE UNIQUE INDEX of_id ON users (id); ALTER TABLE users REPLICA "
      "IDENTITY USING INDEX of_id");
  SqlLiteral const publications = "SELECT pubname, attnames, rowfilter FROM pg_publication_tables ORDER BY 1";
  auto const before = ask(publications);
  for (int turn = 0; turn < 2; ++turn) {
    run(replace());
    EXPECT_EQ(ask(publications), before);
    EXPECT_EQ(ask("SELECT relreplident FROM pg_class WHERE oid = 'users'::regclass"), Rows{"i"});
    sql("UPDATE users SET name = 'Dan'");
  }
}

TEST_F(PostgresCarryOver, WhatCannotBeGivenToAnotherTableIsKnown) {
  EXPECT_THAT(immovable(), IsEmpty());
  sql("ALTER TABLE users ADD COLUMN note text NOT NULL DEFAULT '', ADD COLUMN number serial; CREATE INDEX i ON users "
      "(id)");
  EXPECT_THAT(immovable(), IsEmpty());
  sql("ALTER TABLE users ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) STORED, ADD COLUMN n bigint GENERATED BY "
      "DEFAULT AS IDENTITY, ADD PRIMARY KEY (id), ADD CONSTRAINT few CHECK (id < 100)");
  sql("CREATE TABLE orders (buyer bigint REFERENCES users); CREATE TABLE heirs () INHERITS (users)");
  sql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT "
      "ON "
      "users FOR EACH ROW EXECUTE FUNCTION f(); CREATE RULE r AS ON DELETE TO users DO ALSO SELECT 1; CREATE POLICY p "
      "ON "
      "users; ALTER TABLE users ENABLE ROW LEVEL SECURITY");
  EXPECT_THAT(immovable(),
              ElementsAre("the generated column twice", "the identity column n", "the constraint few",
                          "the constraint users_pkey", "the foreign key orders_buyer_fkey of orders", "the trigger t",
                          "the rule r", "the policy p", "its row level security", "its heir heirs"));
}

}  // namespace
}  // namespace postgres
