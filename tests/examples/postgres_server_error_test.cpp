#include "server_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "examples/scratch_database.hpp"

namespace postgres {
namespace {

using landfall::ErrorClass;
using ::testing::HasSubstr;
using ::testing::Not;

struct ClassRow {
  char const* name;
  char const* sqlstate;
  ErrorClass error_class;
  char const* advice;  // a part of it
};

constexpr std::array<ClassRow, 34> class_rows = {{
    {"the connection is lost", "", ErrorClass::transient, ""},
    {"connection failure", "08006", ErrorClass::transient, ""},
    {"protocol violation", "08P01", ErrorClass::transient, ""},
    {"number out of range", "22003", ErrorClass::config, ""},
    {"not null", "23502", ErrorClass::config, "drop it"},
    {"foreign key", "23503", ErrorClass::config, "drop it"},
    {"unique violation", "23505", ErrorClass::config, "unique index that is not of this destination"},
    {"check constraint", "23514", ErrorClass::config, "drop it"},
    {"exclusion constraint", "23P01", ErrorClass::config, "drop it"},
    {"read-only transaction, or a standby", "25006", ErrorClass::transient, "name the primary"},
    {"transaction timeout", "25P04", ErrorClass::transient, "transaction_timeout"},
    {"wrong password", "28P01", ErrorClass::config, "check username, password"},
    {"not let in", "28000", ErrorClass::config, "pg_hba.conf"},
    {"a view depends on it", "2BP01", ErrorClass::config, "set drop_cascade"},
    {"no such database", "3D000", ErrorClass::config, "create the database"},
    {"no such schema", "3F000", ErrorClass::config, "create the schema"},
    {"serialization failure", "40001", ErrorClass::transient, ""},
    {"deadlock", "40P01", ErrorClass::transient, ""},
    {"permission denied", "42501", ErrorClass::config, "grant it"},
    {"something has the name", "42P07", ErrorClass::config, "rename it"},
    {"syntax error", "42601", ErrorClass::system, ""},
    {"disk full", "53100", ErrorClass::transient, "make room"},
    {"out of memory", "53200", ErrorClass::transient, "too little memory"},
    {"too many connections", "53300", ErrorClass::transient, "raise max_connections"},
    {"a value too large", "54000", ErrorClass::config, "too large"},
    {"a value nested too deeply", "54001", ErrorClass::config, "max_stack_depth"},
    {"too many columns", "54011", ErrorClass::config, "deselect some"},
    {"lock timeout", "55P03", ErrorClass::transient, "raise lock_timeout_seconds"},
    {"query cancelled", "57014", ErrorClass::transient, "statement_timeout"},
    {"admin shutdown", "57P01", ErrorClass::transient, ""},
    {"crash shutdown", "57P02", ErrorClass::transient, ""},
    {"cannot connect now", "57P03", ErrorClass::transient, ""},
    {"I/O error", "58030", ErrorClass::transient, ""},
    {"internal error", "XX000", ErrorClass::system, ""},
}};

TEST(PostgresServerError, EachSqlstateHasAClassAndMostHaveAdvice) {
  for (ClassRow const& row : class_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(class_of(row.sqlstate), row.error_class);
    EXPECT_THAT(std::string(advice_for(row.sqlstate)), HasSubstr(row.advice));
    EXPECT_EQ(advice_for(row.sqlstate).empty(), *row.advice == '\0');
  }
}

struct FunctionRow {
  char const* name;
  char const* sqlstate;
  char const* function;
  ErrorClass error_class;
  char const* advice;
};

// What one SQLSTATE has several causes of.
TEST(PostgresServerError, CausesOfOneSqlstateAreToldApartByTheServersFunction) {
  std::array<FunctionRow, 8> const rows = {{
      {"no replica identity", "55000", "CheckCmdReplicaIdentity", ErrorClass::config, "REPLICA IDENTITY FULL"},
      {"a publication of other columns", "42P10", "CheckCmdReplicaIdentity", ErrorClass::config, "publication"},
      {"a column that is not there", "42P10", "checkInsertTargets", ErrorClass::system, ""},
      {"a standby", "55000", "LockAcquireExtended", ErrorClass::transient, "name the primary"},
      {"a database that takes no connections", "55000", "CheckMyDatabase", ErrorClass::config, ""},
      {"no transaction ids left", "54000", "GetNewTransactionId", ErrorClass::transient, "VACUUM"},
      {"no multixact ids left", "54000", "GetNewMultiXactId", ErrorClass::transient, "VACUUM"},
      {"a key too long for its index", "54000", "_bt_check_third_page", ErrorClass::config, "too large"},
  }};
  for (FunctionRow const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(class_of(row.sqlstate, row.function), row.error_class);
    EXPECT_THAT(std::string(advice_for(row.sqlstate, row.function)), HasSubstr(row.advice));
    EXPECT_EQ(advice_for(row.sqlstate, row.function).empty(), *row.advice == '\0');
  }
  EXPECT_FALSE(is_about_a_value("54000", "GetNewTransactionId"));
  EXPECT_TRUE(is_about_a_value("54000", "_bt_check_third_page"));
}

TEST(PostgresServerError, OnlyValuesAreRejected) {
  for (char const* const value : {"22003", "22P05", "22021", "22P03", "54000", "54001"}) {
    EXPECT_TRUE(is_about_a_value(value)) << value;
  }
  for (char const* const other : {"", "23505", "54011", "53100", "57014", "08006", "42P01"}) {
    EXPECT_FALSE(is_about_a_value(other)) << other;
  }
}

ServerError error_with(std::string context) {
  ServerError error(nullptr, nullptr);
  error.context = std::move(context);
  return error;
}

struct RowRow {
  char const* name;
  char const* context;
  std::optional<std::size_t> row;
};

TEST(PostgresServerError, ARowOfACopyIsFoundInItsContext) {
  std::array<RowRow, 11> const rows = {{
      {"a column", "COPY users, line 3, column id", 2},
      {"the first row", "COPY users, line 1, column id", 0},
      {"when it is inserted", "COPY users, line 12", 11},
      {"below what the reader of a value says", "JSON data, line 1: {\"a\":...\nCOPY users, line 7, column data", 6},
      {"a value that looks like it", "JSON data, line 1: \nCOPY users, line 5\nCOPY users, line 7, column data", 6},
      {"no context", "", std::nullopt},
      {"another table", "COPY orders, line 3, column id", std::nullopt},
      {"no number", "COPY users, line x", std::nullopt},
      {"row 0", "COPY users, line 0", std::nullopt},
      {"in other words", "COPY users, Zeile 3, Spalte id", std::nullopt},
      {"a number too large", "COPY users, line 99999999999999999999999", std::nullopt},
  }};
  for (RowRow const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(error_with(row.context).row_of_copy("users"), row.row);
  }
}

// What the server itself says, about rows that lie among others.
TEST(PostgresServerError, ARowOfACopyIsFoundInWhatTheServerSays) {
  ScratchDatabase const database;
  Settings const settings = database.settings();
  SecretFiles const secrets(settings.tls);
  Connection connection(settings, secrets);
  auto const sql_of = [](landfall::SqlLiteral text) {
    landfall::SqlText sql;
    sql << text;
    return sql;
  };
  connection.run(sql_of("CREATE TABLE \"a, line 9\" (data jsonb)"));
  auto const error_of = [&](std::string_view third_row) {
    try {
      connection.begin_copy(sql_of("COPY \"a, line 9\" FROM STDIN (FORMAT text)"));
      connection.put("{}\n[]\n");
      connection.put(third_row);
      connection.put("\n{}\n");
      connection.end_copy();
    } catch (ServerError const& error) {
      return error;
    }
    throw landfall::system_error("the server takes {}", third_row.substr(0, 100));
  };
  std::string const deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (std::string const& json :
       {std::string(R"("\\u0000")"), std::string(R"({"a":1e999999})"), std::string("{"), deep}) {
    SCOPED_TRACE(json.substr(0, 100));
    ServerError const error = error_of(json);
    EXPECT_TRUE(is_about_a_value(error.sqlstate)) << error.what();
    EXPECT_EQ(error.row_of_copy("a, line 9"), 2U) << error.context;
    EXPECT_FALSE(error.is_fatal);
    EXPECT_TRUE(connection.is_reusable());
  }
}

TEST(PostgresServerError, WhatEndsAConnectionIsFatal) {
  ScratchDatabase const database;
  Settings const settings = database.settings();
  SecretFiles const secrets(settings.tls);
  Connection connection(settings, secrets);
  landfall::SqlText sql;
  sql << "SELECT pg_terminate_backend(pg_backend_pid())";
  try {
    connection.run(sql);
    FAIL() << "it goes on";
  } catch (ServerError const& error) {
    EXPECT_TRUE(error.is_fatal);
    EXPECT_EQ(error.error_class(), ErrorClass::transient);
    EXPECT_THAT(error.message(), Not(HasSubstr("\n")));
    EXPECT_THAT(error.message(), Not(HasSubstr("\t")));
  }
  EXPECT_TRUE(connection.is_lost());
  EXPECT_FALSE(connection.is_reusable());
  EXPECT_TRUE(connection.is_stale());
}

}  // namespace
}  // namespace postgres
