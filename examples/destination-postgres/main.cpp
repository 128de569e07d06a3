#include <cstdlib>

#include "postgres_destination.hpp"

int main(int argc, char** argv) {
  // What libpq looks at though every option is given (Connection). There is no other thread yet.
  for (char const* const name : {"PGSERVICE", "PGTZ", "PGDATESTYLE", "PGGEQO"}) ::unsetenv(name);
  return landfall::run_connector<postgres::PostgresDestination>(argc, argv);
}
