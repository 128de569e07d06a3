#include "connector/command_line.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>

namespace landfall {

namespace {

namespace po = boost::program_options;

constexpr std::array<std::pair<char const*, Command>, 4> commands{
    {{"help", Command::help}, {"spec", Command::spec}, {"check", Command::check}, {"write", Command::write}}};

po::variables_map parse_options(std::vector<std::string> const& arguments) {
  po::options_description options;
  auto add = options.add_options();
  add("command", po::value<std::vector<std::string>>());
  for (auto const& [name, command] : commands) add(name, "");
  for (char const* const name : {"config", "catalog", "reject-file", "log"}) add(name, po::value<std::string>());
  po::positional_options_description words;
  words.add("command", -1);

  // Options are written out: a guessed one would change its meaning when another is added.
  constexpr int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::variables_map values;
  po::store(po::command_line_parser(arguments).options(options).positional(words).style(style).run(), values);
  return values;
}

Command command_named(std::string const& word) {
  for (auto const& [name, command] : commands) {
    if (word == name) return command;
  }
  throw UsageError(fmt::format("unknown command '{}'", word));
}

Command find_command(po::variables_map const& values) {
  std::vector<Command> found;
  if (values.count("command") != 0) {
    for (auto const& word : values["command"].as<std::vector<std::string>>()) found.push_back(command_named(word));
  }
  for (auto const& [name, command] : commands) {
    if (values.count(name) != 0) found.push_back(command);
  }
  for (Command const command : found) {
    if (command == Command::help) return command;
  }
  if (found.empty()) throw UsageError("a command is missing");
  if (found.size() > 1) throw UsageError("more than one command");
  return found.front();
}

std::string text(po::variables_map const& values, char const* name) {
  return values.count(name) == 0 ? std::string() : values[name].as<std::string>();
}

LogFormat log_format(std::string const& name) {
  if (name.empty() || name == "airbyte") return LogFormat::airbyte;
  if (name == "plain") return LogFormat::plain;
  throw UsageError(fmt::format("--log is 'airbyte' or 'plain', not '{}'", name));
}

void require_files(CommandLine const& line) {
  bool const needs_config = line.command == Command::check || line.command == Command::write;
  if (needs_config && line.config_path.empty()) throw UsageError("--config FILE is missing");
  if (line.command == Command::write && line.catalog_path.empty()) throw UsageError("--catalog FILE is missing");
}

}  // namespace

CommandLine parse_command_line(std::vector<std::string> const& arguments) {
  CommandLine line;
  try {
    auto const values = parse_options(arguments);
    line.command = find_command(values);
    line.config_path = text(values, "config");
    line.catalog_path = text(values, "catalog");
    line.reject_path = text(values, "reject-file");
    line.log_format = log_format(text(values, "log"));
  } catch (po::error const& error) {
    throw UsageError(error.what());
  }
  require_files(line);
  return line;
}

std::string usage(std::string_view program) {
  return fmt::format(
      "usage: {0} spec\n"
      "       {0} check --config FILE\n"
      "       {0} write --config FILE --catalog FILE [--reject-file FILE]\n"
      "\n"
      "An Airbyte destination. `write` reads Airbyte messages from stdin and answers on stdout.\n"
      "\n"
      "  --config FILE        the connector's configuration (JSON)\n"
      "  --catalog FILE       the configured catalog (JSON)\n"
      "  --reject-file FILE   where records go that cannot be loaded; without one their stream fails\n"
      "  --log airbyte|plain  logs as Airbyte messages on stdout (default), or as text on stderr\n"
      "  --help               this text\n",
      program);
}

}  // namespace landfall
