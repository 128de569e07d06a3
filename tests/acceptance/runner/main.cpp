// Holds any Airbyte destination to the platform's contract: cases that are data, real processes, real pipes.
//
//   landfall-acceptance --command 'build/bin/destination-jsonl' --config CONFIG.json --reader 'sh reader.sh'
//
// Exit code: 0 when no case failed, 1 when one did, 2 when the command line or a case makes no sense.

#include <fnmatch.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/program_options.hpp>

#include "case.hpp"
#include "report.hpp"
#include "run_case.hpp"

namespace acceptance {
namespace {

namespace options = boost::program_options;

struct Arguments {
  std::string command, config, reader, features, junit, prepare, clean;
  std::string cases = LANDFALL_ACCEPTANCE_CASES;
  std::string only = "*";
  unsigned jobs = 1;
  unsigned timeout_s = 60;
  bool keep = false;
};

/// Nothing when only help was asked for.
std::optional<Arguments> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  options::options_description all("landfall-acceptance holds an Airbyte destination to the platform's contract");
  auto add = all.add_options();
  add("help", "this text");
  add("command", options::value(&arguments.command)->required(),
      "the destination, a shell command: spec, check or write, and files are put behind it");
  add("config", options::value(&arguments.config)->required(),
      "its configuration; ${SCRATCH} is a fresh folder for each case, ${CASE} a unique short name");
  add("reader", options::value(&arguments.reader)->required(),
      "a shell command that prints the rows of one stream as JSON lines; it is told by LANDFALL_CONFIG, "
      "LANDFALL_CATALOG, LANDFALL_STREAM and LANDFALL_NAMESPACE");
  add("features", options::value(&arguments.features), "a file with what the destination does not do");
  add("prepare", options::value(&arguments.prepare),
      "a shell command that makes what each case needs; it is told by CASE and SCRATCH, as in the configuration, and "
      "by LANDFALL_CONFIG");
  add("clean", options::value(&arguments.clean), "a shell command that takes it away again");
  add("cases", options::value(&arguments.cases)->default_value(arguments.cases), "the folder of the cases");
  add("only", options::value(&arguments.only)->default_value("*"), "run the cases whose name matches");
  add("junit", options::value(&arguments.junit), "write a report in JUnit's XML to this file");
  add("jobs", options::value(&arguments.jobs)->default_value(1), "how many cases at once");
  add("timeout", options::value(&arguments.timeout_s)->default_value(60), "seconds for one start of the destination");
  add("keep", options::bool_switch(&arguments.keep), "keep what the cases wrote, and say where it is");
  options::variables_map values;
  options::store(options::parse_command_line(argc, argv, all), values);
  if (values.count("help") != 0) {
    std::cout << all;
    return std::nullopt;
  }
  options::notify(values);
  return arguments;
}

/// The names that cases and destinations may use, from features.json among the cases.
std::set<std::string> known_features(fs::path const& cases) {
  std::set<std::string> names;
  auto const features = parse_exact(read_file(cases / "features.json"), true);
  for (auto const& member : features.as_object()) names.emplace(member.key());
  return names;
}

void refuse_unknown(std::string const& name, std::set<std::string> const& known, std::string const& where) {
  if (known.contains(name)) return;
  throw std::runtime_error(fmt::format("{}: \"{}\" is no feature that features.json explains", where, name));
}

void read_features(fs::path const& file, std::set<std::string> const& known, Judged& judged) {
  auto const value = parse_exact(with_environment(read_file(file)), true);
  for (auto const& [name, member] : value.as_object()) {
    if (name == "lacks") {
      for (auto const& lacked : member.as_object()) {
        refuse_unknown(lacked.key(), known, file);
        judged.features.lacks.emplace(lacked.key());
      }
    } else if (name == "missing_is_null") {
      judged.features.missing_is_null = member.as_bool();
    } else if (name == "configs") {
      for (auto const& config : member.as_object()) judged.configs[config.key()] = to_text(config.value());
    } else {
      throw std::runtime_error(fmt::format("{}: unknown member \"{}\"", file.string(), std::string_view(name)));
    }
  }
}

Judged read_judged(Arguments const& arguments, std::set<std::string> const& known) {
  Judged judged;
  judged.command = arguments.command;
  judged.reader = arguments.reader;
  judged.prepare = arguments.prepare;
  if (!arguments.keep) judged.clean = arguments.clean;
  judged.config = with_environment(read_file(arguments.config));
  judged.timeout = std::chrono::seconds(arguments.timeout_s);
  if (!arguments.features.empty()) read_features(arguments.features, known, judged);
  return judged;
}

/// A case with the names and the folder that are its own.
struct Prepared {
  Placeholders placeholders;
  Case one;
};

std::vector<Prepared> prepare(Arguments const& arguments, std::set<std::string> const& known, fs::path const& scratch) {
  std::vector<Prepared> prepared;
  std::random_device random;
  auto const run = fmt::format("acc{:07x}", random() & 0xfffffff);
  for (auto const& name : case_names(arguments.cases)) {
    if (::fnmatch(arguments.only.c_str(), name.c_str(), 0) != 0) continue;
    Placeholders placeholders{fmt::format("{}_{}", run, prepared.size() + 1), scratch / name};
    auto one = read_case(fs::path(arguments.cases) / name, placeholders);
    for (auto const& need : one.needs) refuse_unknown(need.substr(need.starts_with('!') ? 1 : 0), known, name);
    prepared.push_back(Prepared{std::move(placeholders), std::move(one)});
  }
  if (prepared.empty()) throw std::runtime_error(fmt::format("no case is called {}", arguments.only));
  return prepared;
}

Verdict verdict_of(Prepared const& prepared, Judged const& judged) {
  Verdict verdict;
  verdict.text = reason_to_skip(prepared.one, judged);
  if (!verdict.text.empty()) {
    verdict.kind = Verdict::Kind::skipped;
    return verdict;
  }
  return run_case(prepared.one, judged, prepared.placeholders);
}

void run_all(std::vector<Prepared> const& prepared, Judged const& judged, unsigned jobs, Report& report) {
  std::atomic<std::size_t> next = 0;
  auto const work = [&] {
    for (auto i = next++; i < prepared.size(); i = next++) {
      report.add(prepared[i].one, verdict_of(prepared[i], judged));
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < jobs; ++i) threads.emplace_back(work);
  work();
}

/// A folder that goes with this object, unless it is kept.
class Scratch {
 public:
  explicit Scratch(bool keep) : keep_(keep) {
    auto folder = (fs::temp_directory_path() / "landfall-acceptance-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder can be made: " + folder);
    folder_ = folder;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!keep_) fs::remove_all(folder_, ignored);
  }
  Scratch(Scratch const&) = delete;
  Scratch& operator=(Scratch const&) = delete;

  fs::path const& folder() const { return folder_; }

 private:
  bool keep_;
  fs::path folder_;
};

int run(Arguments const& arguments) {
  auto const known = known_features(arguments.cases);
  auto const judged = read_judged(arguments, known);
  Scratch const scratch(arguments.keep);
  Report report;
  run_all(prepare(arguments, known, scratch.folder()), judged, std::max(1U, arguments.jobs), report);
  if (!arguments.junit.empty()) std::ofstream(arguments.junit) << report.junit();
  if (arguments.keep) fmt::print("what the cases wrote is in {}\n", scratch.folder().string());
  report.print_summary();
  return report.count(Verdict::Kind::failed) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace acceptance

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a destination that reads no more is a finding
  try {
    auto const arguments = acceptance::parse_arguments(argc, argv);
    return arguments ? acceptance::run(*arguments) : 0;
  } catch (std::exception const& error) {
    std::cerr << "landfall-acceptance: " << error.what() << '\n';
    return 2;
  }
}
