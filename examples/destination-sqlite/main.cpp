#include "sqlite_destination.hpp"

int main(int argc, char** argv) { return landfall::run_connector<sqlite::SqliteDestination>(argc, argv); }
