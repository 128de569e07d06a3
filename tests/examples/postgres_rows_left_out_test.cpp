// Rows that something of a user's leaves out without an error.

#include <gmock/gmock.h>

#include "examples/postgres_fixture.hpp"

namespace postgres {
namespace {

using landfall::ErrorClass;
using ::testing::HasSubstr;

class PostgresRowsLeftOut : public PostgresFixture {
 protected:
  PostgresRowsLeftOut() {
    make(users, schema({"id"}));
    copy(users, {{R"({"id":1,"at":1,"name":"Ada"})"}, {R"({"id":2,"at":1,"name":"Bob"})"}});
    sql("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$");
  }
  std::vector<std::string> all() { return ask("SELECT id, at, name FROM users ORDER BY id, at"); }
};

TEST_F(PostgresRowsLeftOut, WhateverLeavesThemOutNothingIsCommitted) {
  struct Row {
    landfall::SqlLiteral made;
    bool beside_users_column;  // then rows are replaced in their place
  };
  for (Row const& row : {Row{"CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION nothing()", false},
                         Row{"CREATE TRIGGER t BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION nothing()", false},
                         Row{"CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION nothing()", true},
                         Row{"CREATE RULE r AS ON INSERT TO users DO INSTEAD NOTHING", false},
                         Row{"CREATE RULE r AS ON DELETE TO users DO INSTEAD NOTHING", false},
                         Row{"CREATE RULE r AS ON UPDATE TO users DO INSTEAD NOTHING", true}}) {
    landfall::SqlText statement;
    statement << row.made;
    SCOPED_TRACE(statement.text());
    if (row.beside_users_column) sql("ALTER TABLE users ADD COLUMN mine text");
    database.run(statement);
    auto const error = failure_of(merge({{R"({"id":1,"at":2,"name":"Ada B."})"}, {R"({"id":3,"at":1})"}}));
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->error_class(), ErrorClass::config);
    EXPECT_THAT(error->message(), HasSubstr("public.users: "));
    EXPECT_EQ(all(), (Rows{"1 1 Ada", "2 1 Bob"}));
    EXPECT_EQ(ask("SELECT count(*) FROM work"), Rows{"2"});
    sql("DROP TRIGGER IF EXISTS t ON users; DROP RULE IF EXISTS r ON users; ALTER TABLE users DROP COLUMN IF EXISTS "
        "mine");
  }
}

TEST_F(PostgresRowsLeftOut, ABatchThatATriggerLeavesOutIsNotMarked) {
  sql("CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.id = 4) EXECUTE FUNCTION nothing()");
  auto rows = rows_for(users, {{R"({"id":3})"}, {R"({"id":4})"}}, schema({"id"}));
  landfall::BatchMark const mark = rows.mark;
  auto const error = failure_of(tables.copy_in(std::move(rows)));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error_class(), ErrorClass::config);
  EXPECT_EQ(all().size(), 2U);
  EXPECT_EQ(run(tables.numbers_of(mark)).count(), 0U);
}

TEST_F(PostgresRowsLeftOut, ATriggerThatPutsRowsElsewhereMayBeAllowed) {
  sql("CREATE TABLE users_2 () INHERITS (users)");
  sql("CREATE FUNCTION elsewhere() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO users_2 SELECT NEW.*; "
      "RETURN "
      "NULL; END$$");
  sql("CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION elsewhere()");
  Settings settings = database.settings();
  settings.allow_row_triggers = true;
  PostgresTables allowing(settings);
  EXPECT_EQ(run(allowing.copy_in(rows_for(users, {{R"({"id":3})"}}, schema({"id"})))).written, 1U);
  EXPECT_EQ(ask("SELECT id FROM users_2"), Rows{"3"});
}

TEST_F(PostgresRowsLeftOut, WhatCouldKeepThemOutIsFound) {
  auto const found = [this] { return run(tables.find(users)).value(); };
  EXPECT_TRUE(found().keeps_rows_out.empty());
  EXPECT_TRUE(found().may_keep_rows_out.empty());
  sql("CREATE TRIGGER before BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION nothing(); CREATE TRIGGER after "
      "AFTER "
      "INSERT ON users FOR EACH ROW EXECUTE FUNCTION nothing(); CREATE TRIGGER once BEFORE INSERT ON users EXECUTE "
      "FUNCTION nothing(); CREATE TRIGGER off BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION nothing(); ALTER "
      "TABLE users DISABLE TRIGGER off");
  EXPECT_EQ(found().may_keep_rows_out, (Rows{"the trigger before"}));
  EXPECT_TRUE(found().keeps_rows_out.empty());
  sql("CREATE RULE audit AS ON INSERT TO users DO ALSO NOTHING; CREATE RULE also AS ON UPDATE TO users DO ALSO "
      "NOTHING; "
      "CREATE RULE never AS ON DELETE TO users DO INSTEAD NOTHING");
  EXPECT_EQ(found().keeps_rows_out, (Rows{"the rule audit", "the rule never"}));
}

TEST_F(PostgresRowsLeftOut, RowSecurityCountsWhereItHoldsForTheRole) {
  sql("ALTER TABLE users ENABLE ROW LEVEL SECURITY");
  EXPECT_TRUE(run(tables.find(users)).value().keeps_rows_out.empty());  // a superuser's
  Settings settings = database.settings();
  settings.username = "bound_" + settings.database;  // roles are the server's, for all its databases
  Identifier const role(settings.username);
  landfall::SqlText make_role, drop_role;
  make_role << "CREATE ROLE " << role << " LOGIN; GRANT ALL ON SCHEMA public TO " << role
            << "; GRANT ALL ON ALL TABLES IN SCHEMA public TO " << role;
  drop_role << "DROP OWNED BY " << role << "; DROP ROLE " << role;
  database.run(make_role);
  {
    PostgresTables bound(settings);
    EXPECT_EQ(run(bound.find(users)).value().keeps_rows_out,
              Rows{"row security, which holds for the role " + settings.username});
  }
  database.run(drop_role);
}

}  // namespace
}  // namespace postgres
