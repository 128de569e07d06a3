#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "exact_json.hpp"
#include "rows.hpp"

namespace acceptance {

namespace fs = std::filesystem;

/// What the destination gets to see of a name between ${ and }.
struct Placeholders {
  std::string case_name;  ///< ${CASE}: unique, and good for a schema or a folder
  fs::path scratch;       ///< ${SCRATCH}: a fresh folder

  /// Also ${N}: `number`; ${FILL:1000}: so many letters x. Any other is left as it is.
  std::string apply(std::string const& text, std::size_t number = 0) const;
};

/// The text of a file with configurations, with ${ENV:NAME} replaced by the environment's variable NAME, as it stands
/// in JSON between quotes: so no address and no password has to be written into a file that is kept. Errors:
/// std::runtime_error which names a variable that is not set.
std::string with_environment(std::string const& text);

/// One thing that is done to the destination while it runs.
struct Step {
  enum class Kind { send, await_states, close_stdin, close_stdout, signal };
  Kind kind = Kind::send;
  std::size_t count = 0;  ///< send: lines; await_states: STATEs in all
  int signal_number = 0;
};

/// Which STATEs of the input, numbered from 1, come back.
struct ExpectedStates {
  bool all = false;
  std::vector<std::size_t> must;
  bool may_be_more = false;
};

/// What a stream must hold after a sync.
struct RowsCheck {
  std::string stream;
  std::optional<std::string> name_space;
  ExpectedRows expected;
};

/// One start of the destination, and what is expected of it.
struct Sync {
  std::string command = "write";  ///< or check, spec
  std::string config;             ///< name of one of the destination's other configurations; empty: its usual one
  std::optional<std::string> config_text;  ///< a configuration of the case's own
  std::string catalog;                     ///< text
  std::vector<std::string> input;          ///< lines, with their ends
  std::vector<Step> steps;

  bool any_exit = false;        ///< the exit code does not matter
  std::vector<int> exit_codes;  ///< any of them; empty: anything but 0
  std::string failure_type;     ///< of the first TRACE of type ERROR; empty: any
  std::string status;           ///< check: SUCCEEDED or FAILED; empty: not looked at
  ExpectedStates states;
  std::vector<std::string> never_prints;
  std::vector<RowsCheck> rows;
};

struct Case {
  std::string name;
  std::string description;
  std::vector<std::string> covers;  ///< items of the official suites
  std::vector<std::string> needs;   ///< features; with "!": what the destination must not have
  bool missing_is_null = false;
  std::vector<Sync> syncs;
};

/// Reads the case in `folder`.
/// Errors: std::runtime_error which names the file, and the member that makes no sense.
Case read_case(fs::path const& folder, Placeholders const& placeholders);

/// Name of each case below `cases`, in order.
std::vector<std::string> case_names(fs::path const& cases);

/// A whole file.
/// Errors: std::runtime_error which names it.
std::string read_file(fs::path const& path);

}  // namespace acceptance
