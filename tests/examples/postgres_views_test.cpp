// Views of users, in the way of a table that is replaced, or of a column that gets another type.

#include <gmock/gmock.h>

#include "examples/postgres_fixture.hpp"

namespace postgres {
namespace {

using landfall::ErrorClass;
using landfall::SqlLiteral;
using ::testing::HasSubstr;

class PostgresViews : public PostgresFixture {
 protected:
  PostgresViews() {
    make(users, schema());
    copy(users, {{R"({"id":1,"name":"Ada"})"}, {R"({"id":2,"name":"Bob"})"}});
  }

  landfall::awaitable<void> replace(PostgresTables& by) {
    run(tables.drop(named("swap")));
    make(named("swap"), schema());
    copy(named("swap"), {{R"({"id":3,"name":"Cid"})"}});
    return by.replace(users, named("swap"), std::nullopt);
  }
  landfall::awaitable<void> replace() { return replace(tables); }

  landfall::awaitable<void> retype(std::string const& column, ColumnType type) {
    TableSchema wanted = schema();
    for (TableColumn& one : wanted.columns) {
      if (one.name.text() == column) one.type = type;
    }
    auto const actual = run(tables.find(users))->schema;
    return tables.alter(users, change_between(users, actual, wanted), wanted, std::nullopt);
  }

  PostgresTables cascading() {
    Settings settings = database.settings();
    settings.drop_cascade = true;
    return PostgresTables(settings, notices);
  }

  landfall::Notices notices;
};

TEST_F(PostgresViews, APlainViewReadsTheNewTable) {
  sql("CREATE VIEW readers (number, \"The Name\") AS SELECT id, name FROM users WHERE id > 0");
  run(replace());
  EXPECT_EQ(ask("SELECT number, \"The Name\" FROM readers"), Rows{"3 Cid"});
  run(retype("id", ColumnType::number));
  EXPECT_EQ(ask("SELECT number, pg_typeof(number) FROM readers"), Rows{"3 numeric"});
}

TEST_F(PostgresViews, AViewKeepsWhatWasMadeOfIt) {
  std::string const name = "reader_" + database.settings().database;
  landfall::SqlText role, grant, remove;
  role << "CREATE ROLE " << Identifier(name) << "; ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO "
       << Identifier(name);
  database.run(role);
  sql("CREATE SCHEMA \"Other one\"");
  sql("CREATE VIEW \"Other one\".\"a \"\"view\" WITH (security_barrier, check_option = local) AS SELECT id, name FROM "
      "users WHERE id > 0");
  sql("COMMENT ON VIEW \"Other one\".\"a \"\"view\" IS 'it''s mine'; COMMENT ON COLUMN \"Other one\".\"a \"\"view\".id "
      "IS 'the id'");
  grant << "REVOKE ALL ON \"Other one\".\"a \"\"view\" FROM " << Identifier(name)
        << "; GRANT SELECT ON \"Other one\".\"a \"\"view\" TO " << Identifier(name)
        << " WITH GRANT OPTION; GRANT UPDATE (name) ON \"Other one\".\"a \"\"view\" TO PUBLIC";
  database.run(grant);
  SqlLiteral const all =
      "SELECT v.reloptions, obj_description(v.oid), col_description(v.oid, 1), v.relacl, a.attacl FROM pg_class AS v "
      "JOIN "
      "pg_attribute AS a ON a.attrelid = v.oid AND a.attname = 'name' WHERE v.relname = 'a \"view'";
  auto const before = ask(all);
  run(replace());
  EXPECT_EQ(ask(all), before);
  run(retype("id", ColumnType::number));
  EXPECT_EQ(ask(all), before);
  remove << "DROP OWNED BY " << Identifier(name) << "; DROP ROLE " << Identifier(name);
  database.run(remove);
}

struct Obstacle {
  char const* name;
  SqlLiteral statement;
};

TEST_F(PostgresViews, WhatCannotBeMadeAgainIsInTheWay) {
  Obstacle const table[] = {
      {"a view that another one reads", "CREATE VIEW v AS SELECT id FROM users; CREATE VIEW w AS SELECT id FROM v"},
      {"a materialized view", "CREATE MATERIALIZED VIEW v AS SELECT id FROM users"},
      {"a view with a rule",
       "CREATE VIEW v AS SELECT id FROM users; CREATE RULE r AS ON DELETE TO v DO INSTEAD NOTHING"},
      {"a view with a default", "CREATE VIEW v AS SELECT id FROM users; ALTER VIEW v ALTER id SET DEFAULT 7"},
      {"a view whose rows a function returns",
       "CREATE VIEW v AS SELECT id FROM users; CREATE FUNCTION f() RETURNS SETOF v LANGUAGE sql AS 'SELECT * FROM v'"},
      {"a view of somebody else",
       "CREATE VIEW v AS SELECT id FROM users; ALTER VIEW v OWNER TO pg_database_owner; GRANT SELECT ON users TO "
       "pg_database_owner"},
  };
  for (Obstacle const& obstacle : table) {
    SCOPED_TRACE(obstacle.name);
    sql(obstacle.statement);
    auto const error = failure_of(replace());
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->error_class(), ErrorClass::config);
    EXPECT_THAT(error->message(), HasSubstr("drop_cascade"));
    EXPECT_EQ(ask("SELECT id FROM v"), (Rows{"1", "2"})) << "the old rows";
    auto const of_type = failure_of(retype("id", ColumnType::text));
    ASSERT_TRUE(of_type.has_value());
    EXPECT_EQ(of_type->error_class(), ErrorClass::config);
    PostgresTables with_cascade(cascading());
    run(replace(with_cascade));
    EXPECT_EQ(ask("SELECT count(*) FROM pg_class WHERE relname IN ('v', 'w')"), Rows{"0"});
    run(tables.drop(users));
    make(users, schema());
    copy(users, {{R"({"id":1})"}, {R"({"id":2})"}});
  }
}

TEST_F(PostgresViews, AViewThatMakesNoSenseAnyMoreIsNamed) {
  sql("CREATE VIEW sums AS SELECT sum(id) AS total FROM users");
  auto const error = failure_of(retype("id", ColumnType::json));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error_class(), ErrorClass::config);
  EXPECT_THAT(error->message(), HasSubstr("the view public.sums cannot be made again"));
  EXPECT_EQ(ask("SELECT total FROM sums"), Rows{"3"});
}

TEST_F(PostgresViews, AViewOfOtherColumnsIsLeftAlone) {
  sql("CREATE VIEW names AS SELECT name FROM users; CREATE VIEW counts AS SELECT count(*) FROM users; CREATE VIEW w AS "
      "SELECT * FROM names");
  auto const before = ask("SELECT oid FROM pg_class WHERE relkind = 'v' AND relname IN ('names', 'counts', 'w')");
  run(retype("id", ColumnType::text));
  EXPECT_EQ(ask("SELECT oid FROM pg_class WHERE relkind = 'v' AND relname IN ('names', 'counts', 'w')"), before);
}

}  // namespace
}  // namespace postgres
