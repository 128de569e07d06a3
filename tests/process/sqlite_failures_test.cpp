// What others do to the file of destination-sqlite.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "few_threads.hpp"
#include "program_test.hpp"
#include "sqlite_catalog.hpp"

namespace {

using landfall::SqlText;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SqliteFailures : public ProgramTest {
 protected:
  SqliteFailures() { settings({{"checkpoint_seconds", 1}}); }

  std::string program() const override { return DESTINATION_SQLITE; }

  void settings(json::object const& landfall) { settings(landfall, path()); }
  void settings(json::object const& landfall, std::string const& file) {
    write_file("config.json", json::serialize(json::object{{"destination_path", file}, {"landfall", landfall}}));
  }

  static Stream stream(std::string name) { return Stream(std::move(name)).fields({{"id", {{"type", "integer"}}}}); }

  std::string path() const { return folder_ / "test.sqlite"; }
  sqlite::Database database() const { return sqlite::Database(path(), 10'000); }

  std::vector<std::int64_t> ids(std::string const& table) const {
    auto other = database();
    auto found = other.prepare(SqlText() << "SELECT id FROM " << landfall::Identifier(table) << " ORDER BY rowid");
    std::vector<std::int64_t> ids;
    while (found.step()) ids.push_back(found.integer(0));
    return ids;
  }

  static std::vector<std::int64_t> numbers(int begin, int end) {
    std::vector<std::int64_t> numbers;
    for (int n = begin; n < end; ++n) numbers.push_back(n);
    return numbers;
  }
};

using SqliteFewThreads = WithFewThreads<SqliteFailures>;

TEST_F(SqliteFewThreads, AreEnoughOrTheSyncSaysSoBeforeItReadsAnything) {
  auto const users = stream("users");
  catalog({users});
  for (int threads = 1; threads <= 12; ++threads) {
    SCOPED_TRACE(threads);
    fs::remove(path());
    bool const is_loaded = ends_in_words(threads, records(users, 0, 100) + state(users, 1));
    EXPECT_EQ(fs::exists(path()), is_loaded);
    if (!is_loaded) continue;
    EXPECT_EQ(ids("users"), numbers(0, 100));
  }
}

TEST_F(SqliteFailures, AFileThatIsHeldForAWhileIsWaitedFor) {
  auto const users = stream("users");
  catalog({users});
  auto const process = start();
  process->feed(records(users, 0, 10) + state(users, 1));
  auto result = read_until_state(*process, 1);
  auto other = database();
  {
    sqlite::Transaction const held(other);
    process->feed(records(users, 10, 10) + state(users, 2));
    process->await_output(std::chrono::seconds(2));
    EXPECT_EQ(ids("users"), numbers(0, 10)) << "loaded while another program holds the file";
  }
  result = finish(*process, result);
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_THAT(result.state_ids, ElementsAre(1, 2));
  EXPECT_EQ(ids("users"), numbers(0, 20));
}

TEST_F(SqliteFailures, AFileThatIsHeldForLongFailsTheSyncWhichSaysWhy) {
  auto const users = stream("users");
  catalog({users});
  settings({{"checkpoint_seconds", 1}, {"retry", {{"process", {{"attempts", 2}, {"first_delay_ms", 1}}}}}});
  auto const process = start();
  process->feed(records(users, 0, 10) + state(users, 1));
  auto result = read_until_state(*process, 1);
  auto other = database();
  {
    sqlite::Transaction const held(other);
    process->feed(records(users, 10, 10) + state(users, 2));
    result = finish(*process, result);
  }
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.failure_types, ElementsAre("transient_error"));
  EXPECT_THAT(result.failure(),
              HasSubstr(path() + ": database is locked: another program writes to it: wait for it, or "
                                 "end it"));
  EXPECT_THAT(result.state_ids, ElementsAre(1));
  EXPECT_EQ(ids("users"), numbers(0, 10));
}

// It waits for 5 s by itself, and for as long again with each further call.
TEST_F(SqliteFailures, AFileThatIsHeldDoesNotHoldUpAStop) {
  auto const users = stream("users");
  auto const orders = stream("orders");
  catalog({users, orders});
  for (char const* const on_stop : {"finish", "cancel"}) {
    SCOPED_TRACE(on_stop);
    fs::remove(path());
    settings({{"checkpoint_seconds", 1},
              {"batch_records", 5},
              {"stop_seconds", 1},
              {"patience_seconds", 3},
              {"on_stop", on_stop}});
    auto const process = start();
    process->feed(records(users, 0, 10) + state(users, 1));
    auto result = read_until_state(*process, 1);
    auto other = database();
    sqlite::Transaction const held(other);
    process->feed(records(users, 10, 10) + records(orders, 0, 10) + state(users, 2) + state(orders, 3));
    process->await_output(std::chrono::milliseconds(200));
    process->signal(SIGTERM);
    for (auto const& line : process->read_lines()) result.add(line);
    EXPECT_EQ(process->wait(), 143);
    EXPECT_THAT(result.state_ids, ElementsAre(1));
    EXPECT_FALSE(result.says("still running")) << result.failure();
    EXPECT_THAT(result.failure(), HasSubstr("stopped by SIGTERM"));
  }
}

TEST_F(SqliteFailures, TwoSyncsMayLoadDifferentStreamsAtOnce) {
  auto const users = stream("users");
  auto const orders = stream("orders");
  catalog({users});
  auto const first = start();
  first->feed(records(users, 0, 100) + state(users, 1));
  auto first_result = read_until_state(*first, 1);  // it has read its catalog
  catalog({orders});
  auto const second = start();
  for (int turn = 1; turn <= 20; ++turn) {
    first->feed(records(users, 100 * turn, 100) + state(users, turn + 1));
    second->feed(records(orders, 100 * (turn - 1), 100) + state(orders, turn));
  }
  first_result = finish(*first, first_result);
  auto const second_result = finish(*second);
  EXPECT_EQ(first_result.exit_code, 0) << first_result.failure();
  EXPECT_EQ(second_result.exit_code, 0) << second_result.failure();
  EXPECT_EQ(ids("users"), numbers(0, 2100));
  EXPECT_EQ(ids("orders"), numbers(0, 2000));
}

TEST_F(SqliteFailures, AViewInThePlaceOfATableFailsThatStreamAlone) {
  auto const users = stream("users");
  auto const orders = stream("orders");
  catalog({users, orders});
  database().run(SqlText() << "CREATE VIEW users AS SELECT 42 AS id");
  auto const result = run(records(users, 0, 10) + records(orders, 0, 10) + state(users, 1) + state(orders, 2));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.failure_types, ElementsAre("config_error"));
  EXPECT_THAT(result.failure(), HasSubstr("users is a view, not a table: rename it"));
  EXPECT_THAT(result.state_ids, ElementsAre(2));
  EXPECT_EQ(ids("orders"), numbers(0, 10));
  EXPECT_EQ(ids("users"), numbers(42, 43));
}

TEST_F(SqliteFailures, ATableOfSomebodyElseIsLeftAlone) {
  auto const users = stream("users");
  catalog({users});
  database().run(SqlText() << "CREATE TABLE users (id INTEGER, note TEXT)");
  database().run(SqlText() << "INSERT INTO users VALUES (42, 'mine')");
  for (auto const* const mode : {"append", "overwrite"}) {
    SCOPED_TRACE(mode);
    catalog({stream("users").mode(mode)});
    auto const result = run(records(users, 0, 10) + state(users, 1));
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.failure_types, ElementsAre("config_error"));
    EXPECT_THAT(result.failure(), HasSubstr("users"));
    EXPECT_THAT(result.state_ids, IsEmpty());
    EXPECT_EQ(ids("users"), numbers(42, 43));
  }
}

TEST_F(SqliteFailures, AColumnOfSomebodyElseIsNoHindrance) {
  auto const users = stream("users");
  catalog({users});
  ASSERT_EQ(run(records(users, 0, 10)).exit_code, 0);
  database().run(SqlText() << "ALTER TABLE users ADD COLUMN note TEXT DEFAULT 'mine'");
  auto wider = stream("users");
  wider.fields({{"id", {{"type", "integer"}}}, {"more", {{"type", "string"}}}});
  catalog({wider});
  auto const result = run(records(users, 10, 10) + state(users, 1));
  EXPECT_EQ(result.exit_code, 0) << result.failure();
  EXPECT_EQ(ids("users"), numbers(0, 20));
}

// ---- the file goes, or another one comes ----

void remove_file(std::string const& file) { fs::remove(file); }
void replace_by_a_copy(std::string const& file) {
  fs::copy_file(file, file + ".copy");
  fs::rename(file + ".copy", file);
}
struct Removal {
  char const* name;
  void (*act)(std::string const& file);
};

TEST_F(SqliteFailures, NothingIsAcknowledgedThatWentToAFileWhichIsNotThere) {
  constexpr Removal removals[] = {{"removed", remove_file}, {"replaced by a copy", replace_by_a_copy}};
  for (char const* const what : {"", "-wal"}) {
    for (Removal const& removal : removals) {
      SCOPED_TRACE(std::string(*what == '\0' ? "the database " : "its log ") + removal.name);
      for (char const* const end : {"", "-wal", "-shm"}) fs::remove(path() + end);
      auto const users = stream("users");
      catalog({users});
      auto const process = start();
      process->feed(records(users, 0, 10) + state(users, 1));
      auto result = read_until_state(*process, 1);
      removal.act(path() + what);
      process->feed(records(users, 10, 10) + state(users, 2));
      result = finish(*process, result);
      EXPECT_EQ(result.exit_code, 1);
      EXPECT_THAT(result.failure_types, ElementsAre("system_error"));
      EXPECT_THAT(result.failure(), HasSubstr(path() + ": another program has removed or replaced"));
      EXPECT_THAT(result.failure(), HasSubstr(*what == '\0' ? "replaced the file" : "replaced its write-ahead log"));
      EXPECT_THAT(result.state_ids, ElementsAre(1));
    }
  }
}

TEST_F(SqliteFailures, TheLogOfADatabaseThatTookTheFilesPlaceIsLeftAlone) {
  auto const users = stream("users");
  catalog({users});
  auto const process = start();
  process->feed(records(users, 0, 10) + state(users, 1));
  auto result = read_until_state(*process, 1);
  for (char const* const end : {"", "-wal", "-shm"}) fs::remove(path() + end);
  auto other = database();
  other.run(SqlText() << "CREATE TABLE mine (id INTEGER)");
  other.run(SqlText() << "INSERT INTO mine VALUES (42)");
  result = finish(*process, result);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(fs::exists(path() + "-wal"));
  EXPECT_EQ(ids("mine"), numbers(42, 43));
}

TEST_F(SqliteFailures, ADatabaseInMemoryIsRefused) {
  catalog({stream("users")});
  settings({}, ":memory:");
  auto const result = run(records(stream("users"), 0, 10) + state(stream("users"), 1));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.failure_types, ElementsAre("config_error"));
  EXPECT_THAT(result.failure(), HasSubstr("name a file"));
  EXPECT_THAT(result.state_ids, IsEmpty());
}

}  // namespace
