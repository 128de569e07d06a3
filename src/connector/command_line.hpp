#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace landfall {

enum class Command { help, spec, check, write };
enum class LogFormat { airbyte, plain };

/// What the platform, or a person, asked this process to do.
struct CommandLine {
  CommandLine() = default;
  Command command = Command::help;
  std::string config_path;
  std::string catalog_path;
  std::string reject_path;  // empty: as the settings say
  LogFormat log_format = LogFormat::airbyte;
};

/// A command line that nobody can obey; what() says why.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `arguments` without the program's name. Both spellings of a command are taken: `check` and `--check`.
/// Errors: UsageError.
/// Source: protocol reference 1.1.
CommandLine parse_command_line(std::vector<std::string> const& arguments);

std::string usage(std::string_view program);

}  // namespace landfall
