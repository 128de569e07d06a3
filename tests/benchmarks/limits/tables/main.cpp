// What a program reaches that loads tables and does nothing else: no recovery, no promises. landfall's times are
// compared with its times.
//
//   landfall-table-limits postgres-raw --conninfo INFO < INPUT       a row for each record, the record as jsonb; by
//   COPY landfall-table-limits postgres-columns --conninfo INFO --catalog CATALOG < INPUT   with a column for each
//   member landfall-table-limits postgres-dedup --conninfo INFO --catalog CATALOG < INPUT     COPY to a temporary
//   table, and from
//                                                          there INSERT ... ON CONFLICT: the latest record of each id
//   landfall-table-limits sqlite-raw --out FILE < INPUT    the record as text, one prepared INSERT for each table
//   landfall-table-limits sqlite-dedup --out FILE --catalog CATALOG < INPUT   the same with ON CONFLICT and a column
//   for
//                                                          each member
//
// --connections N: PostgreSQL is given the streams by so many connections. --journal wal or delete: how SQLite keeps a
// transaction. Tables may be there before.

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <boost/program_options.hpp>

#include "columns.hpp"
#include "postgres.hpp"
#include "sqlite.hpp"

namespace landfall::limits {
namespace {

struct Options {
  std::string mode;
  std::string out_file;
  std::string conninfo;
  std::string catalog_path;
  std::string journal = "wal";
  std::size_t connections = 2;
};

Options parse_options(int argc, char** argv) {
  namespace po = boost::program_options;
  Options options;
  po::options_description description;
  auto add = description.add_options();
  add("mode", po::value(&options.mode)->required());
  add("out", po::value(&options.out_file));
  add("conninfo", po::value(&options.conninfo));
  add("catalog", po::value(&options.catalog_path));
  add("journal", po::value(&options.journal));
  add("connections", po::value(&options.connections));
  po::positional_options_description words;
  words.add("mode", 1);
  po::variables_map values;
  po::store(po::command_line_parser(argc, argv).options(description).positional(words).run(), values);
  po::notify(values);
  if (options.connections == 0) throw std::invalid_argument("--connections: at least 1");
  return options;
}

void run(Options const& options) {
  if (options.mode == "sqlite-raw") return load_sqlite(options.out_file, options.journal, nullptr);
  if (options.mode == "postgres-raw") {
    return load_postgres(options.conninfo, options.connections, Layout::raw, nullptr);
  }
  Catalog const catalog(options.catalog_path);
  if (options.mode == "sqlite-dedup") {
    load_sqlite(options.out_file, options.journal, &catalog);
  } else if (options.mode == "postgres-columns") {
    load_postgres(options.conninfo, options.connections, Layout::columns, &catalog);
  } else if (options.mode == "postgres-dedup") {
    load_postgres(options.conninfo, options.connections, Layout::dedup, &catalog);
  } else {
    throw std::invalid_argument(fmt::format("unknown mode '{}'", options.mode));
  }
}

}  // namespace
}  // namespace landfall::limits

int main(int argc, char** argv) {
  try {
    landfall::limits::run(landfall::limits::parse_options(argc, argv));
    return EXIT_SUCCESS;
  } catch (std::exception const& error) {
    fmt::print(stderr, "landfall-table-limits: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
