// Whole syncs of one stream into tables that users have had their hands on.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "examples/sqlite_fixture.hpp"
#include "table/sync_player.hpp"

namespace landfall {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto append = DestinationSyncMode::append;
constexpr auto overwrite = DestinationSyncMode::overwrite;
constexpr auto dedup = DestinationSyncMode::append_dedup;

class SqliteSync : public SqliteTables {
 protected:
  static TableSettings settings() {
    TableSettings settings;
    settings.names = sqlite::name_rules();
    settings.limits = sqlite::value_limits();
    return settings;
  }

  void sql(std::string const& text) { database().run_stored(text); }

  /// SQLite gives a table that is there no constraint: users make it anew.
  void make_anew(std::string const& more, std::string const& options = "") {
    std::string made = texts(SqlText() << "SELECT sql FROM sqlite_master WHERE name = 'users'").front();
    made.pop_back();
    sql("ALTER TABLE users RENAME TO before");
    sql(made + ", " + more + ")" + options);
    sql("INSERT INTO users SELECT * FROM before");
    sql("DROP TABLE before");
  }

  /// Another definition for a column of the stream's: users make the table anew for that, too.
  void redefine(std::string const& before, std::string const& after) {
    std::string made = texts(SqlText() << "SELECT sql FROM sqlite_master WHERE name = 'users'").front();
    made.replace(made.find(before), before.size(), after);
    sql("ALTER TABLE users RENAME TO before");
    sql(made);
    sql("INSERT INTO users SELECT * FROM before");
    sql("DROP TABLE before");
  }

  /// All that is in the database, but for the marks of batches.
  std::vector<std::string> everything() {
    auto all = texts(SqlText() << "SELECT type, name, sql FROM sqlite_master ORDER BY name");
    for (auto const& row : texts(SqlText() << "SELECT * FROM users ORDER BY id")) all.push_back(row);
    for (auto const& row : texts(SqlText() << "SELECT * FROM _landfall_owners")) all.push_back(row);
    return all;
  }

  SyncPlayer player{tables, settings()};
};

struct Refresh {
  char const* name;
  DestinationSyncMode mode;
  bool has_generations;
};
constexpr Refresh refreshes[] = {{"append", append, true},
                                 {"append_dedup", dedup, true},
                                 {"overwrite", overwrite, true},
                                 {"overwrite without generations", overwrite, false}};

TEST_F(SqliteSync, WhatANewTableCannotHaveFailsARefreshBeforeAnythingIsChanged) {
  struct Row {
    std::function<void()> make;
    char const* named;
  };
  Row const rows[] = {
      {[&] { sql("ALTER TABLE users ADD COLUMN twice AS (id * 2)"); }, "the generated column twice"},
      {[&] { make_anew("PRIMARY KEY (id)"); }, "the primary key (id)"},
      {[&] { make_anew("UNIQUE (name, at)"); }, "the constraint UNIQUE (name, at)"},
      {[&] { make_anew("CHECK (id > 0)"); }, "a CHECK constraint"},
      {[&] { make_anew("FOREIGN KEY (at) REFERENCES users (id)"); }, "the foreign key to users"},
      {[&] { make_anew("PRIMARY KEY (id)", " WITHOUT ROWID"); }, "the option WITHOUT ROWID"},
  };
  std::string const fields = R"("id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"string"})";
  for (Refresh const& refresh : refreshes) {
    for (Row const& row : rows) {
      SCOPED_TRACE(fmt::format("{}, {}", refresh.name, row.named));
      sql("DROP TABLE IF EXISTS users");
      player.set_fields(fields);
      player.in(append);
      player.sync({{R"({"id":1,"at":2,"name":"Ada"})"}});
      row.make();
      player.in(append);
      player.sync({{R"({"id":2,"at":3,"name":"Bob"})"}});  // a table that stays may have it
      auto const before = everything();
      player.set_fields(fields + R"(,"more":{"type":"string"})");
      player.in(refresh.mode, refresh.has_generations ? std::optional(2) : std::nullopt,
                refresh.has_generations ? std::optional(2) : std::nullopt);
      std::string const message = player.refusal();
      EXPECT_THAT(message, HasSubstr("stream users: users is to be replaced by a new table, which cannot have "));
      EXPECT_THAT(message, HasSubstr(row.named));
      EXPECT_EQ(everything(), before);
    }
  }
}

TEST_F(SqliteSync, WhatIsMadeWhileARefreshRunsFailsItAtItsEndAndTheOldTableStands) {
  player.sync({{R"({"id":1,"at":2,"name":"Ada"})"}});
  player.in(dedup, 2, 2);
  player.begin();
  player.load({{R"({"id":2,"at":2,"name":"Bob"})"}});
  sql("ALTER TABLE users ADD COLUMN twice AS (id * 2)");
  try {
    player.close();
    FAIL() << "the column is lost";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.message(), HasSubstr("users is to be replaced by a new table, which cannot have the generated "
                                           "column twice"));
  }
  EXPECT_THAT(texts(SqlText() << "SELECT id, twice FROM users"), ElementsAre("1 2"));
  sql("ALTER TABLE users DROP COLUMN twice");
  player.close();
  EXPECT_THAT(texts(SqlText() << "SELECT id FROM users"), ElementsAre("2"));
}

// ---- columns of users ----

TEST_F(SqliteSync, ADeletedRowGoesAndAReplacedOneKeepsAUsersColumn) {
  player.set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})");
  player.sync({{R"({"id":1,"at":1})"}, {R"({"id":2,"at":1})"}, {R"({"id":3,"at":9})"}, {R"({"id":4,"at":1})"}});
  sql("ALTER TABLE users ADD COLUMN note TEXT DEFAULT 'new'");
  sql("UPDATE users SET note = 'of ' || id");
  player.sync({{R"({"id":1,"at":2,"_ab_cdc_deleted_at":"2024"})"},
               {R"({"id":2,"at":2})"},
               {R"({"id":3,"at":2,"_ab_cdc_deleted_at":"too early"})"},
               {R"({"id":4,"at":2,"_ab_cdc_deleted_at":"2024"})"},
               {R"({"id":4,"at":3})"},
               {R"({"id":5,"at":1})"},
               {R"({"id":6,"at":1})"},
               {R"({"id":6,"at":2,"_ab_cdc_deleted_at":"2024"})"}});
  EXPECT_THAT(texts(SqlText() << "SELECT id, at, note FROM users ORDER BY id"),
              ElementsAre("2 2 of 2", "3 9 of 3", "4 3 of 4", "5 1 new"));
  player.sync({{R"({"id":1,"at":3})"}, {R"({"id":2,"at":3,"_ab_cdc_deleted_at":"2024"})"}});
  EXPECT_THAT(texts(SqlText() << "SELECT id, at, note FROM users ORDER BY id"),
              ElementsAre("1 3 new", "3 9 of 3", "4 3 of 4", "5 1 new"));
}

// ---- what users have made of columns of the stream ----

TEST_F(SqliteSync, ADefaultANotNullAndACollationGoAlongInARefresh) {
  for (Refresh const& refresh : refreshes) {
    SCOPED_TRACE(refresh.name);
    sql("DROP TABLE IF EXISTS users");
    player.in(append);
    player.sync({{R"({"id":1,"at":2,"name":"Ada"})"}});
    redefine("\"name\" TEXT", "\"name\" TEXT COLLATE NOCASE NOT NULL DEFAULT 'it''s'");
    redefine("\"at\" BIGINT", "\"at\" BIGINT DEFAULT (1 + 1)");
    sql("CREATE INDEX by_name ON users (name)");
    for (std::int64_t generation = 2; generation <= 3; ++generation) {
      player.in(refresh.mode, refresh.has_generations ? std::optional(generation) : std::nullopt,
                refresh.has_generations ? std::optional(generation) : std::nullopt);
      player.sync({{fmt::format(R"({{"id":{},"name":"Bob"}})", generation)}});
      EXPECT_THAT(texts(SqlText() << "SELECT id, at, name FROM users WHERE name = 'BOB'"),
                  ElementsAre(fmt::format("{} - Bob", generation)));
      EXPECT_THAT(texts(SqlText() << "SELECT name, \"notnull\", dflt_value FROM pragma_table_info('users') WHERE "
                                     "dflt_value IS NOT NULL ORDER BY name"),
                  ElementsAre("at 0 1 + 1", "name 1 'it''s'"));
      EXPECT_EQ(run(tables.find(named("users")))->schema.primary_key.size(), refresh.mode == dedup ? 1U : 0U);
      EXPECT_THAT(texts(SqlText() << "SELECT name FROM sqlite_master WHERE name = 'by_name'"), ElementsAre("by_name"));
    }
    player.begin();
    EXPECT_THROW(player.load({{R"({"id":9})"}}), Error) << "a null where a user wants none";
  }
}

TEST_F(SqliteSync, ADefaultThatANewTypeCannotHaveFailsARefreshBeforeAnythingIsChanged) {
  player.in(append);
  player.sync({{R"({"id":1,"at":2,"name":"Ada"})"}});
  redefine("\"name\" TEXT", "\"name\" TEXT DEFAULT 'nobody'");
  auto const before = everything();
  player.set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"integer"})");
  for (Refresh const& refresh : refreshes) {
    SCOPED_TRACE(refresh.name);
    player.in(refresh.mode, refresh.has_generations ? std::optional(2) : std::nullopt,
              refresh.has_generations ? std::optional(2) : std::nullopt);
    EXPECT_THAT(player.refusal(),
                HasSubstr("stream users: the column name of users gets another type (integer instead of text), and "
                          "somebody has given it a default"));
    EXPECT_EQ(everything(), before);
  }
}

TEST_F(SqliteSync, WaitingRowsThatDoNotFitANotNullOfAUserFailTheRefreshAndTheOldTableStands) {
  player.in(append);
  player.sync({{R"({"id":1,"at":2,"name":"Ada"})"}});
  player.in(append, 2, 2);
  player.begin();
  player.load({{R"({"id":2,"at":2})"}});  // the process ends here
  redefine("\"name\" TEXT", "\"name\" TEXT NOT NULL");
  player.begin();
  try {
    player.close();
    FAIL() << "the NOT NULL is lost";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.message(), HasSubstr("the rows that are to take the place of those of users do not fit"));
    EXPECT_THAT(error.message(), HasSubstr("NOT NULL"));
  }
  EXPECT_THAT(texts(SqlText() << "SELECT id, name FROM users"), ElementsAre("1 Ada"));
}

// ---- tables of before ----

TEST_F(SqliteSync, AColumnThatNoFieldHadWhenItsTableWasAdoptedIsNamedWhenItsFieldReturnsWithAnotherType) {
  std::string const fields = R"("id":{"type":"integer"},"at":{"type":"integer"})";
  player.set_fields(fields + R"(,"name":{"type":"string"})");
  player.sync({{R"({"id":1,"at":1,"name":"Ada"})"}});
  sql("DELETE FROM _landfall_owners");  // as a version before notes leaves it
  player.set_fields(fields);
  player.sync({{R"({"id":2,"at":1})"}});
  auto const before = everything();
  player.set_fields(fields + R"(,"name":{"type":"integer"})");
  std::string const message = player.refusal();
  for (char const* const part :
       {"stream users: ", "field name ", "type integer", "users has a column name of type text",
        "its field was not in the schema when the table was adopted", "Rename or drop that column",
        "give the field that type", "deselect the field"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_EQ(everything(), before);
  player.set_fields(fields + R"(,"name":{"type":"string"})");
  player.sync({{R"({"id":3,"at":1,"name":"Eve"})"}});
  EXPECT_THAT(texts(SqlText() << "SELECT id, name FROM users ORDER BY id"), ElementsAre("1 Ada", "2 -", "3 Eve"));
}

}  // namespace
}  // namespace landfall
