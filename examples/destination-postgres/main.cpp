#include "postgres_destination.hpp"

int main(int argc, char** argv) { return landfall::run_connector<postgres::PostgresDestination>(argc, argv); }
