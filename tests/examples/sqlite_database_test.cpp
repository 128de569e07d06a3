#include "database.hpp"

#include <atomic>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>
#include <landfall/testing/simulation.hpp>

#include "examples/scratch_folder.hpp"
#include "sqlite_tables.hpp"

namespace sqlite {
namespace {

namespace fs = std::filesystem;
using landfall::Error;
using landfall::ErrorClass;
using landfall::Identifier;
using landfall::SqlText;
using ::testing::HasSubstr;

class SqliteDatabase : public ::testing::Test {
 protected:
  std::string path(std::string const& name = "test.sqlite") const { return (folder.path() / name).string(); }

  /// What `check` finds out.
  std::optional<Error> check(std::string const& file) {
    landfall::testing::Simulation simulation;
    SqliteTables tables(file, 1);
    try {
      simulation.run_coroutine(tables.check());
    } catch (Error const& error) {
      return error;
    }
    return std::nullopt;
  }

  void expect_refusal(std::string const& file, ErrorClass error_class, std::string const& text) {
    SCOPED_TRACE(file);
    auto const error = check(file);
    ASSERT_TRUE(error.has_value()) << "it finds nothing wrong";
    EXPECT_EQ(error->error_class(), error_class);
    EXPECT_EQ(std::string(error->what()), file + ": " + text);
  }

  landfall::ScratchFolder folder;
};

TEST_F(SqliteDatabase, ANameOfNoColumnIsAnErrorAndNoString) {
  Database database(path(), 1000);
  database.run(SqlText() << "CREATE TABLE t (a)");
  EXPECT_THROW(database.run(SqlText() << "SELECT " << Identifier("b") << " FROM t"), Error);
  EXPECT_THROW(database.run(SqlText() << "CREATE INDEX i ON t (" << Identifier("b") << ")"), Error);
}

TEST_F(SqliteDatabase, CheckTakesAFileThatIsMissingOrEmptyOrADatabase) {
  std::ofstream(path("empty"));
  for (std::string const name : {"missing", "empty", "missing"}) {
    SCOPED_TRACE(name);
    EXPECT_FALSE(check(path(name)).has_value());
  }
}

TEST_F(SqliteDatabase, CheckSaysWhatIsWrongWithThePlaceOfAFile) {
  fs::create_directories(path("folder"));
  std::ofstream(path("file")) << "x";
  expect_refusal(path("folder"), ErrorClass::config, "it is a folder: name a file in it");
  expect_refusal("/dev/null", ErrorClass::config, "this is a device or the like: choose another destination_path");
  expect_refusal(path("none/test.sqlite"), ErrorClass::config, "its folder " + path("none") + " is not there: make it");
  expect_refusal(path("file/test.sqlite"), ErrorClass::config,
                 path("file") + " is no folder: choose another destination_path");
}

TEST_F(SqliteDatabase, CheckTellsAFileThatIsNoDatabaseFromOneThatIsBroken) {
  std::ofstream(path("text")) << std::string(5000, 'x');
  expect_refusal(path("text"), ErrorClass::config, "this is no SQLite database: choose another destination_path");
  {
    Database database(path("broken"), 1);
    database.run(SqlText() << "PRAGMA journal_mode = DELETE");
    database.run(SqlText() << "CREATE TABLE t (a)");
  }
  {
    std::fstream file(path("broken"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);  // behind the header: the tree of tables
    file << std::string(3000, '\xff');
  }
  expect_refusal(path("broken"), ErrorClass::config,
                 "database disk image is malformed: the file is broken: restore it from a backup, or move it away");
}

TEST_F(SqliteDatabase, CheckOfAFileThatAnotherProgramHoldsMayBeRepeated) {
  Database other(path(), 1);
  std::optional<Transaction> held(other);
  expect_refusal(path(), ErrorClass::transient,
                 "database is locked: another program writes to it: wait for it, or end it");
  held.reset();
  EXPECT_FALSE(check(path()).has_value());
}

/// Interrupts a call for as long as this lives: where it comes too early once, it comes again.
class Interrupting {
 public:
  explicit Interrupting(Interruption& call)
      : thread_([this, &call] {
          while (!ended_) {
            call.interrupt();
            std::this_thread::yield();
          }
        }) {}
  ~Interrupting() {
    ended_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

TEST_F(SqliteDatabase, WaitingForAnotherProgramEndsWithTheCallThatWaits) {
  constexpr int hours_in_ms = 36'000'000;
  Interruption call;
  Database database(path(), hours_in_ms, &call);
  Database other(path(), 1);
  Transaction const held(other);
  Interrupting const interrupting(call);
  try {
    Transaction const never(database);
    ADD_FAILURE() << "two have the file";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::transient);
    EXPECT_THAT(error.what(), HasSubstr("another program writes to it"));
  }
}

TEST_F(SqliteDatabase, AStatementEndsWithItsCallAndTheNextCallWorks) {
  Interruption call;
  Database database(path(), 1);
  {
    WorkFor const work(database, call);
    Transaction const transaction(database);
    Interrupting const interrupting(call);
    try {
      database.run(SqlText() << "CREATE TABLE endless AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
                                "n) SELECT i FROM n");
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::transient);
      EXPECT_THAT(error.what(), HasSubstr("the call was cancelled"));
    }
  }
  Transaction next(database);
  database.run(SqlText() << "CREATE TABLE endless (i)");
  next.commit();
}

TEST_F(SqliteDatabase, AConstraintOfSomebodyElseIsNamed) {
  Database database(path(), 1);
  database.run(SqlText() << "CREATE TABLE t (a UNIQUE)");
  database.run(SqlText() << "INSERT INTO t VALUES (1)");
  try {
    database.run(SqlText() << "INSERT INTO t VALUES (1)");
    FAIL() << "it is taken twice";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.what(), HasSubstr("UNIQUE constraint failed: t.a: somebody has put a constraint on the table"));
  }
}

}  // namespace
}  // namespace sqlite
