// Columns that a user has added to a table, and what a user has made that hangs on its rows.

#include <gmock/gmock.h>

#include "examples/postgres_fixture.hpp"

namespace postgres {
namespace {

class PostgresUsersColumns : public PostgresFixture {
 protected:
  PostgresUsersColumns() { make(users, schema({"id"})); }
};

TEST_F(PostgresUsersColumns, AReplacedRowKeepsThem) {
  run(merge({{R"({"id":1,"at":1,"name":"Ada"})"}, {R"({"id":2,"at":1,"name":"Bob"})"}, {R"({"id":3,"at":9})"}}));
  sql("ALTER TABLE users ADD COLUMN note text DEFAULT 'new', ADD COLUMN number serial, ADD COLUMN own bigint GENERATED "
      "ALWAYS AS IDENTITY, ADD COLUMN doubled bigint GENERATED ALWAYS AS (id * 2) STORED");
  sql("UPDATE users SET note = 'of ' || id, number = 100 + id");
  run(merge({{R"({"id":1,"at":2,"name":"Ada B."})"}, {R"({"id":3,"at":8,"name":"older"})"}, {R"({"id":4,"at":1})"}}));
  EXPECT_EQ(ask("SELECT id, name, note, number, doubled FROM users ORDER BY id"),
            (Rows{"1 Ada B. of 1 101 2", "2 Bob of 2 102 4", "3 - of 3 103 6", "4 - new 4 8"}));
}

TEST_F(PostgresUsersColumns, OfDoublesTheNewestKeepsThem) {
  copy(users, {{R"({"id":1,"at":1})"},
               {R"({"id":1,"at":3})"},
               {R"({"id":1,"at":2})"},
               {R"({"id":2,"at":5})"},
               {R"({"id":2,"at":7})"}});
  sql("ALTER TABLE users ADD COLUMN note text");
  sql("UPDATE users SET note = 'was ' || at::text");
  run(merge({{R"({"id":1,"at":4,"name":"new"})"}, {R"({"id":2,"at":6,"name":"too old"})"}}));
  EXPECT_EQ(ask("SELECT id, at, name, note FROM users ORDER BY id"), (Rows{"1 4 new was 3", "2 7 - was 7"}));
}

TEST_F(PostgresUsersColumns, ADeletedRowGoesWithThem) {
  sql("ALTER TABLE users ADD COLUMN note text DEFAULT 'mine'");
  copy(users, {{R"({"id":1,"at":1,"name":null})"}, {R"({"id":2,"at":1})"}});
  landfall::UpsertRule deleting = rule();
  deleting.deleted_at = Identifier("name");
  make(named("waiting"), waiting(schema()));
  copy(named("waiting"), {{R"({"id":1,"at":2,"name":"deleted"})"}, {R"({"id":2,"at":2})"}}, waiting(schema()));
  run(tables.upsert(named("waiting"), users, schema({"id"}), deleting, Source::is_dropped));
  EXPECT_EQ(ask("SELECT id, at, note FROM users"), Rows{"2 2 mine"});
}

TEST_F(PostgresUsersColumns, WhatRefersToARowGoesOnReferringToIt) {
  sql("ALTER TABLE users ADD PRIMARY KEY (id)");
  run(merge({{R"({"id":1,"at":1,"name":"Ada"})"}, {R"({"id":2,"at":1})"}}));
  sql("CREATE TABLE orders (buyer bigint REFERENCES users, seller bigint REFERENCES users ON DELETE CASCADE)");
  sql("INSERT INTO orders VALUES (1, 2)");
  run(merge({{R"({"id":1,"at":2,"name":"Bea"})"}, {R"({"id":2,"at":2})"}, {R"({"id":3,"at":2})"}}));
  EXPECT_EQ(ask("SELECT id, at, name FROM users ORDER BY id"), (Rows{"1 2 Bea", "2 2 -", "3 2 -"}));
  EXPECT_EQ(ask("SELECT buyer, seller FROM orders"), Rows{"1 2"});
}

}  // namespace
}  // namespace postgres
