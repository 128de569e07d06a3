// What a program reaches that does only this one thing: single-threaded, no recovery, no promises. landfall's times are
// compared with its times.
//
//   landfall-limits ondemand < INPUT             reads, splits and parses each line: type, stream, the span of `data`
//   landfall-limits raw --out DIR < INPUT        and writes `data` to a file for each stream
//   landfall-limits envelope --out DIR < INPUT   the same with Airbyte's columns around it
//   landfall-limits spill --out DIR --spill DIR < INPUT   raw, in batches that go over the disk
//
// --sync end: one fdatasync of each file at the end; --sync frames: one for each batch of 4 MiB that goes over the
// disk.

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <boost/program_options.hpp>

#include "envelope.hpp"
#include "input.hpp"
#include "row_files.hpp"
#include "spill.hpp"

namespace landfall::limits {
namespace {

struct Options {
  std::string mode;
  std::string out_folder;
  std::string spill_folder;
  std::string sync = "none";
};

void ondemand() {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  for_each_record([&](Record const& record) {
    ++records;
    bytes += record.data.size();
  });
  fmt::print("{} records, {} bytes of data\n", records, bytes);
}

void raw(RowFiles& files) {
  for_each_record([&](Record const& record) {
    RowFile& file = files.find(record.stream);
    file.row() += record.data;
    file.end_row();
  });
}

void envelope(RowFiles& files) {
  Envelope columns;
  for_each_record([&](Record const& record) {
    RowFile& file = files.find(record.stream);
    columns.append(file.row(), record);
    file.end_row();
  });
}

Options parse_options(int argc, char** argv) {
  namespace po = boost::program_options;
  Options options;
  po::options_description description;
  auto add = description.add_options();
  add("mode", po::value(&options.mode)->required());
  add("out", po::value(&options.out_folder));
  add("spill", po::value(&options.spill_folder));
  add("sync", po::value(&options.sync));
  po::positional_options_description words;
  words.add("mode", 1);
  po::variables_map values;
  po::store(po::command_line_parser(argc, argv).options(description).positional(words).run(), values);
  po::notify(values);
  return options;
}

void run(Options const& options) {
  if (options.mode == "ondemand") return ondemand();
  if (options.out_folder.empty()) throw std::invalid_argument("--out DIR is missing");
  RowFiles files(options.out_folder);
  if (options.mode == "raw") {
    raw(files);
  } else if (options.mode == "envelope") {
    envelope(files);
  } else if (options.mode == "spill") {
    spill(files, options.spill_folder, options.sync == "frames");
  } else {
    throw std::invalid_argument(fmt::format("unknown mode '{}'", options.mode));
  }
  files.finish(options.sync == "end");
}

}  // namespace
}  // namespace landfall::limits

int main(int argc, char** argv) {
  try {
    landfall::limits::run(landfall::limits::parse_options(argc, argv));
    return EXIT_SUCCESS;
  } catch (std::exception const& error) {
    fmt::print(stderr, "landfall-limits: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
