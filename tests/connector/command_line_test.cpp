#include "connector/command_line.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

using Arguments = std::vector<std::string>;

TEST(CommandLineParsing, TakesBothSpellingsOfACommand) {
  EXPECT_EQ(parse_command_line({"spec"}).command, Command::spec);
  EXPECT_EQ(parse_command_line({"--spec"}).command, Command::spec);
  EXPECT_EQ(parse_command_line({"check", "--config", "c.json"}).command, Command::check);
  EXPECT_EQ(parse_command_line({"--config=c.json", "--check"}).command, Command::check);
  for (auto const& word : {"write", "--write"}) {
    auto const line = parse_command_line({word, "--config", "c.json", "--catalog", "k.json"});
    EXPECT_EQ(line.command, Command::write);
    EXPECT_EQ(line.config_path, "c.json");
    EXPECT_EQ(line.catalog_path, "k.json");
    EXPECT_EQ(line.log_format, LogFormat::airbyte);
  }
}

TEST(CommandLineParsing, HelpNeedsNothingElse) {
  EXPECT_EQ(parse_command_line({"--help"}).command, Command::help);
  EXPECT_EQ(parse_command_line({"write", "--help"}).command, Command::help);
}

TEST(CommandLineParsing, LogsCanBePlain) {
  EXPECT_EQ(parse_command_line({"spec", "--log", "plain"}).log_format, LogFormat::plain);
  EXPECT_EQ(parse_command_line({"spec", "--log", "airbyte"}).log_format, LogFormat::airbyte);
}

TEST(CommandLineParsing, NamesTheRejectFile) {
  Arguments arguments{"write", "--config", "c.json", "--catalog", "k.json"};
  EXPECT_EQ(parse_command_line(arguments).reject_path, "");
  arguments.insert(arguments.end(), {"--reject-file", "r.jsonl"});
  EXPECT_EQ(parse_command_line(arguments).reject_path, "r.jsonl");
}

TEST(CommandLineParsing, RefusesWhatNobodyCanObey) {
  struct Row {
    char const* name;
    Arguments arguments;
  };
  for (Row const& row :
       {Row{"nothing", {}}, Row{"an unknown command", {"read"}}, Row{"an unknown option", {"spec", "--verbose"}},
        Row{"a shortened option", {"check", "--conf", "c.json"}},
        Row{"two commands", {"spec", "check", "--config", "c.json"}}, Row{"two spellings", {"spec", "--spec"}},
        Row{"check without a configuration", {"check"}}, Row{"an option without its value", {"check", "--config"}},
        Row{"write without a catalog", {"write", "--config", "c.json"}},
        Row{"write without a configuration", {"write", "--catalog", "k.json"}},
        Row{"an option given twice", {"check", "--config", "a", "--config", "b"}},
        Row{"an unknown log format", {"spec", "--log", "xml"}}}) {
    SCOPED_TRACE(row.name);
    EXPECT_THROW(parse_command_line(row.arguments), UsageError);
  }
}

}  // namespace
}  // namespace landfall
