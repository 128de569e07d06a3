#include "case.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

namespace acceptance {
namespace {

/// An object of a case file, of which every member must be known: a misspelt expectation would expect nothing.
class Members {
 public:
  Members(json::value const& value, std::string what) : object_(value.as_object()), what_(std::move(what)) {}

  json::value const* find(std::string_view name) {
    known_.push_back(name);
    return object_.if_contains(name);
  }

  std::string text(std::string_view name, std::string absent = "") {
    auto const* value = find(name);
    return value ? std::string(value->as_string()) : absent;
  }

  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> texts;
    if (auto const* value = find(name)) {
      for (auto const& item : value->as_array()) texts.emplace_back(item.as_string());
    }
    return texts;
  }

  bool flag(std::string_view name) {
    auto const* value = find(name);
    return value && value->as_bool();
  }

  void refuse_others() const {
    for (auto const& member : object_) {
      if (std::ranges::find(known_, std::string_view(member.key())) != known_.end()) continue;
      throw std::runtime_error(fmt::format("{} has an unknown member \"{}\"", what_, std::string_view(member.key())));
    }
  }

 private:
  json::object const& object_;
  std::string what_;
  std::vector<std::string_view> known_;
};

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

int signal_number(std::string_view name) {
  if (name == "KILL") return SIGKILL;
  if (name == "TERM") return SIGTERM;
  if (name == "INT") return SIGINT;
  throw std::runtime_error(fmt::format("signal \"{}\": KILL, TERM or INT", name));
}

class CaseReader {
 public:
  CaseReader(fs::path folder, Placeholders const& placeholders)
      : folder_(std::move(folder)), placeholders_(placeholders) {}

  Case read() {
    auto const value = parse_exact(read_file(folder_ / "case.json"), true);
    Members members(value, "the case");
    Case result;
    result.name = folder_.filename();
    result.description = members.text("description");
    result.covers = members.texts("covers");
    result.needs = members.texts("needs");
    result.missing_is_null = members.flag("missing_is_null");
    for (auto const& sync : members.find("syncs")->as_array()) result.syncs.push_back(read_sync(sync));
    members.refuse_others();
    if (result.description.empty()) throw std::runtime_error("the case has no description");
    return result;
  }

 private:
  Sync read_sync(json::value const& value) {
    Members members(value, "a sync");
    Sync sync;
    sync.command = members.text("command", "write");
    sync.config = members.text("config");
    if (auto const* file = members.find("config_file")) sync.config_text = text_of(std::string(file->as_string()));
    if (auto const* file = members.find("catalog")) sync.catalog = text_of(std::string(file->as_string()));
    if (auto const* changes = members.find("set")) sync.catalog = changed_catalog(sync.catalog, changes->as_object());
    if (auto const* files = members.find("input")) sync.input = lines_of(*files);
    sync.steps = read_steps(members.find("steps"), sync.input.size());
    auto const* exit = members.find("exit");
    sync.any_exit = exit && exit->is_string() && exit->get_string() == "any";
    if (!sync.any_exit) sync.exit_codes = read_exit(exit, sync);
    sync.failure_type = members.text("failure_type");
    sync.status = members.text("status");
    sync.states = read_states(members.find("states"), sync);
    sync.never_prints = members.texts("never_prints");
    if (auto const* checks = members.find("rows")) {
      for (auto const& check : checks->as_array()) sync.rows.push_back(read_rows(check));
    }
    members.refuse_others();
    return sync;
  }

  std::string text_of(std::string const& file) { return placeholders_.apply(read_file(folder_ / file)); }

  /// One file or several, each of them once or repeated.
  std::vector<std::string> lines_of(json::value const& files) {
    std::vector<std::string> lines;
    auto const append = [&lines](std::string const& text) {
      for (auto& line : split_lines(text)) lines.push_back(std::move(line));
    };
    if (files.is_string()) {
      append(text_of(std::string(files.as_string())));
    } else if (files.is_object()) {
      Members members(files, "a repeated file");
      auto const text = read_file(folder_ / members.text("file"));
      auto const count = members.find("repeat")->to_number<std::size_t>();
      members.refuse_others();
      for (std::size_t number = 0; number < count; ++number) append(placeholders_.apply(text, number));
    } else {
      for (auto const& file : files.as_array()) {
        for (auto& line : lines_of(file)) lines.push_back(std::move(line));
      }
    }
    return lines;
  }

  std::vector<json::value> rows_of(json::value const& files) {
    std::vector<json::value> rows;
    for (auto const& line : lines_of(files)) rows.push_back(parse_exact(line));
    return rows;
  }

  /// The same catalog with members of every configured stream set; null takes one away.
  static std::string changed_catalog(std::string const& text, json::object const& changes) {
    auto catalog = parse_exact(text);
    for (auto& stream : catalog.at("streams").as_array()) {
      for (auto const& [name, value] : changes) {
        if (value.is_null()) {
          stream.as_object().erase(name);
        } else {
          stream.as_object()[name] = value;
        }
      }
    }
    return to_text(catalog);
  }

  static std::vector<Step> read_steps(json::value const* value, std::size_t line_count) {
    std::vector<Step> steps;
    if (value == nullptr) {
      steps.push_back(Step{Step::Kind::send, line_count, 0});
      steps.push_back(Step{Step::Kind::close_stdin, 0, 0});
      return steps;
    }
    std::size_t rest = line_count;
    for (auto const& item : value->as_array()) {
      Members members(item, "a step");
      if (auto const* count = members.find("send")) {
        auto const lines = count->is_string() ? rest : count->to_number<std::size_t>();  // "rest"
        if (lines > rest) throw std::runtime_error("a step sends more lines than there are");
        rest -= lines;
        steps.push_back(Step{Step::Kind::send, lines, 0});
      }
      if (auto const* count = members.find("await_states")) {
        steps.push_back(Step{Step::Kind::await_states, count->to_number<std::size_t>(), 0});
      }
      if (auto const* name = members.find("signal")) {
        steps.push_back(Step{Step::Kind::signal, 0, signal_number(name->as_string())});
      }
      if (members.flag("close")) steps.push_back(Step{Step::Kind::close_stdin, 0, 0});
      if (members.flag("close_stdout")) steps.push_back(Step{Step::Kind::close_stdout, 0, 0});
      members.refuse_others();
    }
    return steps;
  }

  static std::vector<int> read_exit(json::value const* value, Sync const& sync) {
    if (value == nullptr) {
      bool const is_killed = std::ranges::any_of(sync.steps, [](auto& step) { return step.signal_number == SIGKILL; });
      return {is_killed ? 128 + SIGKILL : 0};
    }
    if (value->is_int64()) return {value->to_number<int>()};
    if (value->is_array()) {
      std::vector<int> codes;
      for (auto const& code : value->get_array()) codes.push_back(code.to_number<int>());
      return codes;
    }
    if (value->as_string() != "nonzero")
      throw std::runtime_error("exit: a number, a list of numbers, \"nonzero\" or \"any\"");
    return {};
  }

  /// By default: all of them when the sync succeeds; some of them otherwise.
  static ExpectedStates read_states(json::value const* value, Sync const& sync) {
    ExpectedStates states;
    if (value == nullptr) {
      states.all = std::ranges::find(sync.exit_codes, 0) != sync.exit_codes.end();
      states.may_be_more = true;
      return states;
    }
    if (value->is_string() && value->get_string() == "all") {
      states.all = true;
      return states;
    }
    auto const* numbers = value;
    if (value->is_object()) {
      numbers = &value->at("at_least");
      states.may_be_more = true;
    }
    for (auto const& number : numbers->as_array()) states.must.push_back(number.to_number<std::size_t>());
    return states;
  }

  RowsCheck read_rows(json::value const& value) {
    Members members(value, "a check of rows");
    RowsCheck check;
    check.stream = placeholders_.apply(members.text("stream", "users"));
    if (auto const* name_space = members.find("namespace")) {
      check.name_space = placeholders_.apply(std::string(name_space->as_string()));
    }
    if (auto const* files = members.find("are")) check.expected.rows = rows_of(*files);
    if (auto const* files = members.find("may_be")) check.expected.optional = rows_of(*files);
    check.expected.repeats = members.flag("repeats");
    check.expected.ordered = members.flag("ordered");
    members.refuse_others();
    return check;
  }

  fs::path folder_;
  Placeholders placeholders_;
};

/// `replacement` answers for what stands between ${ and }: nothing leaves it as it is.
template <class Replacement>
std::string replaced(std::string const& text, Replacement replacement) {
  std::string result;
  std::size_t done = 0;
  for (auto at = text.find("${"); at != text.npos; at = text.find("${", done)) {
    auto const end = text.find('}', at);
    if (end == text.npos) break;
    std::optional<std::string> const value = replacement(std::string_view(text).substr(at + 2, end - at - 2));
    result.append(text, done, at - done);
    result += value ? *value : text.substr(at, end + 1 - at);
    done = end + 1;
  }
  return result.append(text, done);
}

std::string in_json(char const* text) {
  auto const quoted = json::serialize(json::string(text));
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

std::string Placeholders::apply(std::string const& text, std::size_t number) const {
  return replaced(text, [&](std::string_view name) -> std::optional<std::string> {
    if (name == "CASE") return case_name;
    if (name == "SCRATCH") return scratch;
    if (name == "N") return std::to_string(number);
    constexpr std::string_view fill = "FILL:";
    if (!name.starts_with(fill)) return std::nullopt;
    std::size_t count = 0;
    std::from_chars(name.data() + fill.size(), name.data() + name.size(), count);
    return std::string(count, 'x');
  });
}

std::string with_environment(std::string const& text) {
  return replaced(text, [](std::string_view name) -> std::optional<std::string> {
    constexpr std::string_view env = "ENV:";
    if (!name.starts_with(env)) return std::nullopt;
    std::string const variable(name.substr(env.size()));
    char const* const value = std::getenv(variable.c_str());
    if (value == nullptr) throw std::runtime_error(fmt::format("the environment has no {}", variable));
    return in_json(value);
  });
}

Case read_case(fs::path const& folder, Placeholders const& placeholders) {
  try {
    return CaseReader(folder, placeholders).read();
  } catch (std::exception const& error) {
    throw std::runtime_error(fmt::format("{}: {}", folder.string(), error.what()));
  }
}

std::vector<std::string> case_names(fs::path const& cases) {
  std::vector<std::string> names;
  for (auto const& entry : fs::directory_iterator(cases)) {
    if (fs::exists(entry.path() / "case.json")) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

std::string read_file(fs::path const& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(fmt::format("cannot read {}", path.string()));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace acceptance
