#include <latch>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <landfall/testing/simulation.hpp>

#include "examples/scratch_database.hpp"
#include "postgres_tables.hpp"

namespace landfall {
namespace {

TableSchema small_schema() {
  TableSchema schema;
  schema.columns = {TableColumn(Identifier("_airbyte_generation_id"), ColumnType::integer)};
  return schema;
}

/// Makes tables over and over, on connections of its own. What went wrong.
std::string make_tables(postgres::Settings const& settings, std::string const& name, std::latch& begin) {
  constexpr int rounds = 30;
  postgres::PostgresTables tables(settings);
  testing::Simulation simulation;
  TableName const table(Identifier("public"), Identifier(name));
  begin.arrive_and_wait();
  try {
    for (int round = 0; round < rounds; ++round) {
      simulation.run_coroutine(tables.create(table, small_schema(), {}));
      simulation.run_coroutine(tables.drop(table));
    }
  } catch (Error const& error) {
    return error.what();
  }
  return "";
}

// "_c" is also what the server calls the array type of "c".
TEST(PostgresConcurrency, TablesWhoseNamesDifferByAnUnderscoreAreMadeAtOnce) {
  postgres::ScratchDatabase const database;
  std::latch begin(2);
  std::string other_failed;
  std::thread other([&] { other_failed = make_tables(database.settings(), "_c", begin); });
  std::string const failed = make_tables(database.settings(), "c", begin);
  other.join();
  EXPECT_EQ(failed, "");
  EXPECT_EQ(other_failed, "");
}

}  // namespace
}  // namespace landfall
