// Tables of ours that somebody publishes.

#include <gmock/gmock.h>

#include "examples/postgres_fixture.hpp"
#include "server_error.hpp"

namespace postgres {
namespace {

using landfall::ErrorClass;
using landfall::SentRecord;
using landfall::SqlLiteral;
using ::testing::HasSubstr;

class PostgresPublications : public PostgresFixture {
 protected:
  PostgresPublications() { make(users, schema({"id"})); }

  static std::vector<SentRecord> records() { return {{R"({"id":1,"at":1,"name":"Ada"})"}, {R"({"id":2,"at":1})"}}; }

  /// How rows are told apart: d(efault), i(ndex), f(ull), n(othing).
  Rows identity() { return ask("SELECT relreplident FROM pg_class WHERE oid = 'users'::regclass"); }
};

struct Row {
  char const* name;
  SqlLiteral before;
  char const* identity;
};

TEST_F(PostgresPublications, ATableIsIdentifiedByItsWholeRowsOnlyWhereThatIsNeeded) {
  Row const table[] = {
      {"no publication", "SELECT 1", "d"},
      {"all tables", "CREATE PUBLICATION p FOR ALL TABLES", "f"},
      {"this table", "CREATE PUBLICATION p FOR TABLE users", "f"},
      {"its schema", "CREATE PUBLICATION p FOR TABLES IN SCHEMA public", "f"},
      {"one of two", "CREATE PUBLICATION o FOR TABLE other; CREATE PUBLICATION p FOR TABLE users", "f"},
      {"updates only", "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'update')", "f"},
      {"deletes only", "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'delete')", "f"},
      {"inserts only", "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert, truncate')", "d"},
      {"another table", "CREATE PUBLICATION p FOR TABLE other", "d"},
      {"another schema", "CREATE SCHEMA s; CREATE PUBLICATION p FOR TABLES IN SCHEMA s", "d"},
      {"it has a primary key", "ALTER TABLE users ADD PRIMARY KEY (id); CREATE PUBLICATION p FOR ALL TABLES", "d"},
      {"its primary key is deferrable, which does not count",
       "ALTER TABLE users ADD PRIMARY KEY (id) DEFERRABLE; CREATE PUBLICATION p FOR ALL TABLES", "f"},
      {"it has an index for it",
       "ALTER TABLE users ALTER id SET NOT NULL; CREATE UNIQUE INDEX i ON users (id); ALTER TABLE users REPLICA "
       "IDENTITY "
       "USING INDEX i; CREATE PUBLICATION p FOR ALL TABLES",
       "i"},
      {"that index is gone",
       "ALTER TABLE users ALTER id SET NOT NULL; CREATE UNIQUE INDEX i ON users (id); ALTER TABLE users REPLICA "
       "IDENTITY "
       "USING INDEX i; DROP INDEX i; CREATE PUBLICATION p FOR ALL TABLES",
       "f"},
      {"it is to have none", "ALTER TABLE users REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR ALL TABLES", "f"},
      {"some of its rows", "CREATE PUBLICATION p FOR TABLE users WHERE (id > 1)", "f"},
  };
  for (Row const& row : table) {
    SCOPED_TRACE(row.name);
    sql("DROP TABLE users; DROP TABLE IF EXISTS other; CREATE TABLE other (a int)");
    make(users, schema({"id"}));
    run(merge(records()));
    sql(row.before);
    run(merge({{R"({"id":1,"at":2,"name":"Bea"})"}}));
    EXPECT_EQ(ask("SELECT name FROM users WHERE id = 1"), Rows{"Bea"});
    EXPECT_EQ(identity(), Rows{row.identity});
    sql("DROP PUBLICATION IF EXISTS p, o; DROP SCHEMA IF EXISTS s");
  }
}

TEST_F(PostgresPublications, ATableThatWillTakeItsPlaceIsPublished) {
  sql("CREATE PUBLICATION p FOR ALL TABLES");
  TableName const swap = named("swap"), work = named("work");
  make(swap, schema({"id"}));
  make(work, waiting(schema()));
  copy(work, records(), waiting(schema()));
  run(tables.upsert(work, swap, schema({"id"}), rule(), Source::stays));
  run(tables.replace(users, swap, work));
  EXPECT_EQ(identity(), Rows{"f"});
  sql("DELETE FROM users WHERE id = 1");
}

TEST_F(PostgresPublications, PublishedMarksCanBeForgotten) {
  copy(users, records());
  sql("CREATE PUBLICATION p FOR ALL TABLES");
  landfall::StreamRun const next("public.users", "next");
  run(tables.begin_run(next, {}));
  EXPECT_EQ(ask("SELECT count(*) FROM _landfall_batches"), Rows{"0"});
  run(tables.end_run(next));
  EXPECT_EQ(ask("SELECT count(*) FROM _landfall_runs"), Rows{"0"});
}

TEST_F(PostgresPublications, WhoPublishesSomeColumnsOnlyIsToldWhatToDo) {
  sql("CREATE PUBLICATION \"some columns\" FOR TABLE users (id)");
  auto const error = failure_of(merge(records()));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->error_class(), ErrorClass::config);
  EXPECT_THAT(error->message(),
              HasSubstr("public.users: the publication \"some columns\" publishes some of its columns"));
  sql("ALTER TABLE users ALTER id SET NOT NULL; CREATE UNIQUE INDEX i ON users (id); ALTER TABLE users REPLICA "
      "IDENTITY "
      "USING INDEX i");
  run(merge(records()));
}

TEST_F(PostgresPublications, ATableWithoutAKeyMayHaveSomeColumnsPublished) {
  sql("DROP TABLE users");
  make(users, schema());
  sql("CREATE PUBLICATION p FOR TABLE users (id)");
  for (int turn = 0; turn < 2; ++turn) {
    make(named("swap"), schema());
    copy(named("swap"), records());
    run(tables.replace(users, named("swap"), std::nullopt));
    EXPECT_EQ(ask("SELECT attnames FROM pg_publication_tables"), Rows{"{id}"});
  }
}

TEST_F(PostgresPublications, WhoDoesNotOwnTheTableIsToldWhatToDo) {
  std::string const name = "loader_" + database.settings().database;
  landfall::SqlText role, remove;
  role << "CREATE ROLE " << Identifier(name) << " LOGIN; GRANT ALL ON SCHEMA public TO " << Identifier(name)
       << "; GRANT ALL ON users TO " << Identifier(name);
  remove << "DROP OWNED BY " << Identifier(name) << "; DROP ROLE " << Identifier(name);
  database.run(role);
  sql("CREATE PUBLICATION p FOR ALL TABLES");
  Settings settings = database.settings();
  settings.username = name;
  {
    PostgresTables loader(settings);
    TableName const work = named("waiting");
    run(loader.create(work, waiting(schema()), {}));
    auto const error = failure_of(loader.upsert(work, users, schema({"id"}), rule(), Source::is_dropped));
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->error_class(), ErrorClass::config);
    EXPECT_THAT(error->message(), HasSubstr("ALTER TABLE public.users REPLICA IDENTITY FULL"));
    EXPECT_THAT(error->message(), HasSubstr("the publication p "));
  }
  database.run(remove);
}

TEST_F(PostgresPublications, ARefusedChangeIsNoMatterOfAStandby) {
  sql("CREATE PUBLICATION p FOR ALL TABLES");
  try {
    sql("DELETE FROM users");
    FAIL() << "it is let";
  } catch (ServerError const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.message(), HasSubstr("\"users\""));
    EXPECT_THAT(error.message(), HasSubstr("REPLICA IDENTITY FULL"));
  }
}

}  // namespace
}  // namespace postgres
