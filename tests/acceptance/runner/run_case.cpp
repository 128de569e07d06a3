#include "run_case.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json/parse.hpp>

#include "child.hpp"
#include "messages.hpp"

namespace acceptance {
namespace {

constexpr std::size_t longest_shown_line = 300;

std::string shortened(std::string text) {
  if (text.size() > longest_shown_line) text = text.substr(0, longest_shown_line) + "...";
  return text;
}

std::string exit_text(int code) {
  return code > 128 ? fmt::format("{} (signal {})", code, code - 128) : fmt::format("{}", code);
}

/// One start of the destination: what is sent to it, what it prints.
class Run {
 public:
  Run(Sync const& sync, Judged const& judged, Placeholders const& placeholders, fs::path folder)
      : sync_(sync), judged_(judged), placeholders_(placeholders), folder_(std::move(folder)), states_(sync.input) {}

  /// What is wrong, a line for each.
  std::string problems() {
    write_files();
    deadline_ = std::chrono::steady_clock::now() + judged_.timeout;
    Child child(judged_.command, arguments(), stderr_file());
    try {
      converse(child);
      judge();
    } catch (Hung const& hung) {
      take_lines(child);
      report("it hangs: after {} s it {}; {} of {} STATEs have come back", judged_.timeout.count(), hung.what(),
             states_.count_back(), states_.states().size());
    }
    return text_;
  }

 private:
  template <typename... Parts>
  void report(fmt::format_string<Parts...> format, Parts&&... parts) {
    text_ += fmt::format(format, std::forward<Parts>(parts)...) + '\n';
  }

  void write_files() {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "config.json") << config();
    std::ofstream(folder_ / "catalog.json") << sync_.catalog;
  }

  std::string config() const {
    if (sync_.config_text) return *sync_.config_text;
    return placeholders_.apply(sync_.config.empty() ? judged_.config : judged_.configs.at(sync_.config));
  }

  std::string stderr_file() const { return folder_ / "stderr"; }

  std::vector<std::string> arguments() const {
    std::vector<std::string> arguments{sync_.command};
    if (sync_.command == "spec") return arguments;
    arguments.insert(arguments.end(), {"--config", folder_ / "config.json"});
    if (sync_.command == "write") arguments.insert(arguments.end(), {"--catalog", folder_ / "catalog.json"});
    return arguments;
  }

  void converse(Child& child) {
    for (auto const& step : sync_.steps) obey(step, child);
    if (!was_stopped_) child.close_stdin();  // who is stopped must not need the end of the input
    exit_code_ = child.await_end(deadline_);
    take_lines(child);
  }

  void obey(Step const& step, Child& child) {
    switch (step.kind) {
      case Step::Kind::send:
        return send(step.count, child);
      case Step::Kind::await_states:
        return await_states(step.count, child);
      case Step::Kind::close_stdin:
        return child.close_stdin();
      case Step::Kind::close_stdout:
        was_stopped_ = true;
        return child.close_stdout();
      case Step::Kind::signal:
        if (step.signal_number == SIGKILL) return child.kill_group();
        was_stopped_ = true;
        return child.signal(step.signal_number);
    }
  }

  void send(std::size_t count, Child& child) {
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) bytes += sync_.input[next_line_++];
    if (is_deaf_) return;
    is_deaf_ = !child.send(bytes, deadline_);
    take_lines(child);
  }

  void await_states(std::size_t count, Child& child) {
    while (states_.count_back() < count && text_.empty()) {
      bool const more = child.await_output(deadline_);
      take_lines(child);
      if (more) continue;
      return report("its output ended when {} STATEs had come back, before the {} that the case waits for",
                    states_.count_back(), count);
    }
  }

  void take_lines(Child& child) {
    for (auto const& line : child.take_lines()) {
      stdout_ += line.text + '\n';
      if (!line.ended && exit_code_ != 128 + SIGKILL) report("the last line of stdout has no end");
      try {
        take_message(read_message(line.text), line.sent_bytes);
      } catch (std::exception const& error) {
        if (line.ended)
          report("stdout has a line that the platform would drop ({}): {}", error.what(), shortened(line.text));
      }
    }
  }

  void take_message(Message const& message, std::size_t sent_bytes) {
    if (message.type == "STATE") {
      auto const problem = states_.check(message.payload, sent_bytes);
      if (!problem.empty()) report("a STATE {}: {}", problem, shortened(to_text(message.payload)));
    } else if (message.type == "TRACE" && message.payload.contains("error")) {
      errors_.push_back(message.payload.at("error").as_object());
    } else if (message.type == "CONNECTION_STATUS") {
      statuses_.emplace_back(message.payload.at("status").as_string());
    } else if (message.type == "SPEC") {
      ++spec_count_;
    }
  }

  void judge() {
    judge_exit();
    judge_errors();
    judge_states();
    judge_secrets();
    if (sync_.command == "spec" && spec_count_ != 1) report("it printed {} SPEC messages", spec_count_);
    if (!sync_.status.empty() && statuses_ != std::vector{sync_.status}) {
      report("CONNECTION_STATUS: expected {}, got {}", sync_.status,
             statuses_.empty() ? "none" : fmt::format("{}", fmt::join(statuses_, ", ")));
    }
  }

  void judge_exit() {
    auto const& wanted = sync_.exit_codes;
    bool const good = wanted.empty() ? exit_code_ != 0 : std::ranges::find(wanted, exit_code_) != wanted.end();
    if (good || sync_.any_exit) return;
    report("exit code: expected {}, got {}",
           wanted.empty() ? "any but 0" : fmt::format("{}", fmt::join(wanted, " or ")), exit_text(exit_code_));
    for (auto const& error : errors_) report("  it says: {}", std::string_view(error.at("message").as_string()));
  }

  void judge_errors() {
    if (sync_.command != "write") return;
    if (exit_code_ == 0 && !errors_.empty()) {
      report("exit code 0, but a TRACE of type ERROR: {}", std::string_view(errors_[0].at("message").as_string()));
    }
    bool const failed_itself = exit_code_ != 0 && exit_code_ != 128 + SIGKILL && !was_stopped_;
    if (failed_itself && errors_.empty()) report("it failed without a TRACE of type ERROR that says why");
    if (sync_.failure_type.empty() || errors_.empty()) return;
    auto const got = std::string(errors_[0].at("failure_type").as_string());
    if (got == sync_.failure_type) return;
    report("failure_type: expected {}, got {} ({})", sync_.failure_type, got,
           std::string_view(errors_[0].at("message").as_string()));
  }

  void judge_states() {
    auto const& sent = states_.states();
    for (std::size_t i = 0; i < sent.size(); ++i) {
      bool const must = sync_.states.all || std::ranges::find(sync_.states.must, i + 1) != sync_.states.must.end();
      if (must && !sent[i].came_back)
        report("STATE {} did not come back: {}", i + 1, shortened(to_text(sent[i].state)));
      if (sent[i].came_back && !must && !sync_.states.may_be_more) {
        report("STATE {} came back and must not: {}", i + 1, shortened(to_text(sent[i].state)));
      }
    }
  }

  void judge_secrets() {
    auto const stderr_text = read_file(stderr_file());
    for (auto const& secret : sync_.never_prints) {
      if (stdout_.find(secret) != stdout_.npos) report("\"{}\" is on stdout", secret);
      if (stderr_text.find(secret) != stderr_text.npos) report("\"{}\" is on stderr", secret);
    }
  }

  Sync const& sync_;
  Judged const& judged_;
  Placeholders const& placeholders_;
  fs::path folder_;
  StateBook states_;
  Deadline deadline_;

  std::size_t next_line_ = 0;
  bool is_deaf_ = false;      // it reads no more
  bool was_stopped_ = false;  // by a signal, or because nobody reads what it prints
  int exit_code_ = 0;
  std::string stdout_;
  std::vector<json::object> errors_;
  std::vector<std::string> statuses_;
  int spec_count_ = 0;
  std::string text_;
};

bool has_stream(std::string const& catalog, RowsCheck const& check) {
  boost::system::error_code error;
  auto const parsed = json::parse(catalog, error);  // some cases have catalogs that are none
  if (error || !parsed.is_object() || !parsed.as_object().contains("streams")) return false;
  return std::ranges::any_of(parsed.at("streams").as_array(), [&](json::value const& configured) {
    auto const& stream = configured.at("stream").as_object();
    auto const* const name_space = stream.if_contains("namespace");
    bool const has_none = name_space == nullptr || name_space->is_null();
    if (has_none != !check.name_space) return false;
    return stream.at("name").as_string() == check.stream && (has_none || name_space->as_string() == *check.name_space);
  });
}

/// The folder of a sync.
fs::path folder_of(std::size_t sync, Placeholders const& placeholders) {
  return placeholders.scratch / fmt::format("sync-{}", sync + 1);
}

/// Up to `sync`, the last catalog that has the stream; else that of the sync.
fs::path catalog_of(RowsCheck const& check, Case const& one, std::size_t sync, Placeholders const& placeholders) {
  std::size_t last = sync;
  while (last > 0 && !has_stream(one.syncs[last].catalog, check)) --last;
  if (!has_stream(one.syncs[last].catalog, check)) last = sync;
  return folder_of(last, placeholders) / "catalog.json";
}

/// The rows that a stream holds, as the reader prints them.
/// Errors: std::runtime_error which says what went wrong; Hung.
std::vector<json::value> read_rows(RowsCheck const& check, Judged const& judged, fs::path const& folder,
                                   fs::path const& catalog) {
  std::vector<std::string> variables{"LANDFALL_CONFIG=" + (folder / "config.json").string(),
                                     "LANDFALL_CATALOG=" + catalog.string(), "LANDFALL_STREAM=" + check.stream};
  if (check.name_space) variables.push_back("LANDFALL_NAMESPACE=" + *check.name_space);
  auto const deadline = std::chrono::steady_clock::now() + judged.timeout;
  Child child(judged.reader, {}, folder / "reader.stderr", variables);
  child.close_stdin();
  auto const code = child.await_end(deadline);
  if (code != 0) throw std::runtime_error(fmt::format("the reader ended with {}", exit_text(code)));
  std::vector<json::value> rows;
  for (auto const& line : child.take_lines()) {
    if (line.text.empty()) continue;
    rows.push_back(parse_exact(line.text));
  }
  return rows;
}

std::string indented(std::string const& text) {
  std::string result;
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != text.npos; begin = end + 1, end = text.find('\n', begin)) {
    result += "    " + text.substr(begin, end - begin + 1);
  }
  return result;
}

std::string rows_problems(RowsCheck const& check, Judged const& judged, Features const& features,
                          fs::path const& folder, fs::path const& catalog) {
  try {
    auto const rows = read_rows(check, judged, folder, catalog);
    return compare_rows(check.expected, rows, features);
  } catch (std::exception const& error) {
    return fmt::format("the rows cannot be read: {}\n", error.what());
  }
}

std::string last_lines(std::string const& text, std::size_t count) {
  std::size_t begin = text.size();
  while (begin > 0 && count > 0) {
    auto const newline = text.rfind('\n', begin - 1);
    begin = newline == text.npos ? 0 : newline;
    --count;
  }
  return text.substr(begin);
}

/// Runs `command` in the place of the case. What is wrong, or nothing.
std::string problems_of_helper(char const* name, std::string const& command, Judged const& judged,
                               Placeholders const& placeholders) {
  if (command.empty()) return "";
  fs::create_directories(placeholders.scratch);
  auto const config = placeholders.scratch / "config.json";
  std::ofstream(config) << placeholders.apply(judged.config);
  auto const errors = placeholders.scratch / fmt::format("{}.stderr", name);
  try {
    Child child("sh -c", {command}, errors,
                {"CASE=" + placeholders.case_name, "SCRATCH=" + placeholders.scratch.string(),
                 "LANDFALL_CONFIG=" + config.string()});
    child.close_stdin();
    auto const code = child.await_end(std::chrono::steady_clock::now() + judged.timeout);
    if (code == 0) return "";
    return fmt::format("  --{} ended with {}\n{}", name, exit_text(code),
                       indented(last_lines(read_file(errors), 10) + "\n"));
  } catch (Hung const& hung) {
    return fmt::format("  --{} hangs: after {} s it {}\n", name, judged.timeout.count(), hung.what());
  } catch (std::exception const& error) {
    return fmt::format("  --{}: {}\n", name, error.what());
  }
}

/// What is wrong, sync by sync; nothing behind the first that went wrong.
std::string problems_of_syncs(Case const& one, Judged const& judged, Placeholders const& placeholders) {
  auto features = judged.features;
  features.missing_is_null = features.missing_is_null || one.missing_is_null;
  std::string text;
  for (std::size_t i = 0; i < one.syncs.size() && text.empty(); ++i) {
    auto const folder = folder_of(i, placeholders);
    Run run(one.syncs[i], judged, placeholders, folder);
    auto const problems = run.problems();
    if (!problems.empty()) text += fmt::format("  sync {}:\n{}", i + 1, indented(problems));
    for (auto const& check : one.syncs[i].rows) {
      auto const rows = rows_problems(check, judged, features, folder, catalog_of(check, one, i, placeholders));
      if (rows.empty()) continue;
      auto const place = check.name_space ? *check.name_space + "." + check.stream : check.stream;
      text += fmt::format("  rows of {} after sync {}:\n{}", place, i + 1, indented(rows));
    }
    if (text.empty()) continue;
    auto const stderr_text = last_lines(read_file(folder / "stderr"), 10);
    if (!stderr_text.empty()) text += fmt::format("  stderr:\n{}", indented(stderr_text + "\n"));
  }
  return text;
}

}  // namespace

std::string reason_to_skip(Case const& one, Judged const& judged) {
  for (auto const& need : one.needs) {
    bool const unwanted = need.starts_with('!');
    if (judged.features.has(unwanted ? need.substr(1) : need) == unwanted) {
      return unwanted ? "for destinations without " + need.substr(1) : "needs " + need;
    }
  }
  for (auto const& sync : one.syncs) {
    if (!sync.config.empty() && !judged.configs.contains(sync.config)) {
      return fmt::format("no configuration \"{}\" is given", sync.config);
    }
  }
  return "";
}

Verdict run_case(Case const& one, Judged const& judged, Placeholders const& placeholders) {
  auto const begin = std::chrono::steady_clock::now();
  std::string text = problems_of_helper("prepare", judged.prepare, judged, placeholders);
  try {
    if (text.empty()) text = problems_of_syncs(one, judged, placeholders);
  } catch (std::exception const& error) {
    text = fmt::format("  {}\n", error.what());
  }
  text += problems_of_helper("clean", judged.clean, judged, placeholders);
  Verdict verdict;
  verdict.kind = text.empty() ? Verdict::Kind::passed : Verdict::Kind::failed;
  verdict.text = text;
  verdict.took = std::chrono::steady_clock::now() - begin;
  return verdict;
}

}  // namespace acceptance
