#include "connector/sync_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

/// A whole number.
struct Setting {
  char const* name;      // in the configuration
  char const* variable;  // in the environment; null when it has none
  std::int64_t minimum;
  std::int64_t maximum;
};

constexpr std::int64_t tebibyte = std::int64_t{1} << 40;
constexpr std::int64_t day_seconds = 24 * 60 * 60;
constexpr std::int64_t year_seconds = 365 * day_seconds;
constexpr Setting memory_bytes{"memory_bytes", "LANDFALL_MEMORY_BYTES", 1 << 20, tebibyte};
constexpr Setting batch_bytes{"batch_bytes", "LANDFALL_BATCH_BYTES", 1, tebibyte};
constexpr Setting batch_records{"batch_records", "LANDFALL_BATCH_RECORDS", 1, 1'000'000'000};
constexpr Setting batch_seconds{"batch_seconds", "LANDFALL_BATCH_SECONDS", 1, day_seconds};
constexpr Setting checkpoint_seconds{"checkpoint_seconds", "LANDFALL_CHECKPOINT_SECONDS", 1, day_seconds};
constexpr Setting stop_seconds{"stop_seconds", "LANDFALL_STOP_SECONDS", 1, day_seconds};
constexpr Setting patience_seconds{"patience_seconds", "LANDFALL_PATIENCE_SECONDS", 1, day_seconds};
constexpr Setting answer_seconds{"answer_seconds", "LANDFALL_ANSWER_SECONDS", 1, day_seconds};

// Of what adapts, in landfall.load.NAME or, fixed, as its value; in the environment fixed.
constexpr Setting load_concurrency{"concurrency", "LANDFALL_LOAD_CONCURRENCY", 1, 10'000};
constexpr Setting load_batch_bytes{"batch_bytes", "LANDFALL_LOAD_BATCH_BYTES", 1, tebibyte};

// Of a phase, in landfall.retry.PHASE.
constexpr Setting attempts{"attempts", nullptr, 1, 1'000};
constexpr Setting system_attempts{"system_attempts", nullptr, 1, 1'000};
constexpr Setting attempt_seconds{"attempt_seconds", nullptr, 1, year_seconds};
constexpr Setting total_seconds{"total_seconds", nullptr, 1, year_seconds};
constexpr Setting first_delay_ms{"first_delay_ms", nullptr, 0, day_seconds * 1'000};
constexpr Setting longest_delay_ms{"longest_delay_ms", nullptr, 0, day_seconds * 1'000};

/// One of a few words.
template <class Value, std::size_t count = 2>
struct Choice {
  char const* name;
  char const* variable;
  std::array<std::pair<std::string_view, Value>, count> values;
};

constexpr Choice<OnStreamFailure> on_stream_failure{
    "on_stream_failure",
    "LANDFALL_ON_STREAM_FAILURE",
    {{{"isolate", OnStreamFailure::isolate}, {"fail_fast", OnStreamFailure::fail_fast}}}};
constexpr Choice<OnStop> on_stop{
    "on_stop", "LANDFALL_ON_STOP", {{{"finish", OnStop::finish}, {"cancel", OnStop::cancel}}}};

constexpr Setting longest_line_bytes{"longest_line_bytes", "LANDFALL_LONGEST_LINE_BYTES", 1 << 20,
                                     std::int64_t{1} << 30};
constexpr Setting max_streams{"max_streams", "LANDFALL_MAX_STREAMS", 1, 1'000'000};

// Of landfall.spill.
constexpr Choice<SpillPolicy, 3> spill_policy{
    "policy",
    "LANDFALL_SPILL_POLICY",
    {{{"never", SpillPolicy::never}, {"over_budget", SpillPolicy::over_budget}, {"always", SpillPolicy::always}}}};
constexpr Choice<SpillSync> spill_sync{
    "sync", "LANDFALL_SPILL_SYNC", {{{"none", SpillSync::none}, {"group", SpillSync::group}}}};
constexpr Setting max_disk_bytes{"max_disk_bytes", "LANDFALL_SPILL_MAX_DISK_BYTES", 1 << 20, std::int64_t{1} << 50};
constexpr char const* spill_directory_variable = "LANDFALL_SPILL_DIRECTORY";
constexpr Choice<bool> spill_resume{"resume", "LANDFALL_SPILL_RESUME", {{{"true", true}, {"false", false}}}};
constexpr Choice<bool> discard_damaged{
    "discard_damaged", "LANDFALL_SPILL_DISCARD_DAMAGED", {{{"true", true}, {"false", false}}}};
constexpr std::array<std::string_view, 6> spill_members{"policy",         "sync",   "directory",
                                                        "max_disk_bytes", "resume", "discard_damaged"};

constexpr char const* reject_file_variable = "LANDFALL_REJECT_FILE";

constexpr std::array<std::string_view, 16> landfall_members{
    "memory_bytes", "batch_bytes",  "batch_records",      "batch_seconds",  "checkpoint_seconds", "on_stream_failure",
    "on_stop",      "stop_seconds", "patience_seconds",   "answer_seconds", "reject_file",        "load",
    "retry",        "spill",        "longest_line_bytes", "max_streams"};
constexpr std::array<std::string_view, 2> load_members{"concurrency", "batch_bytes"};
constexpr std::array<std::string_view, 3> range_members{"min", "max", "initial"};
constexpr std::array<std::string_view, 6> policy_members{"attempts",      "system_attempts", "attempt_seconds",
                                                         "total_seconds", "first_delay_ms",  "longest_delay_ms"};

// A misspelt setting must not silently mean its default.
void require_known_members(Configuration const& section, std::string_view where,
                           std::span<std::string_view const> known) {
  for (auto const& member : section.members()) {
    if (std::ranges::find(known, std::string_view(member.key())) != known.end()) continue;
    throw config_error("{}.{} is no setting; {} may hold {}", where, std::string_view(member.key()), where,
                       fmt::join(known, ", "));
  }
}

std::int64_t in_range(Setting const& setting, std::string_view where, std::int64_t value) {
  if (value >= setting.minimum && value <= setting.maximum) return value;
  throw config_error("{} must be from {} to {}", where, setting.minimum, setting.maximum);
}

std::int64_t parse_variable(Setting const& setting, std::string_view text) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw config_error("{} must be a whole number from {} to {}", setting.variable, setting.minimum, setting.maximum);
  }
  return in_range(setting, setting.variable, value);
}

template <class Value, std::size_t count>
Value chosen(Choice<Value, count> const& choice, std::string_view where, std::string_view word) {
  std::string known;
  for (auto const& [name, value] : choice.values) {
    if (name == word) return value;
    if (!known.empty()) known += " or ";
    known += fmt::format("\"{}\"", name);
  }
  throw config_error("{} must be {}", where, known);
}

class Settings {
 public:
  Settings(Configuration const& configuration, Environment const& environment)
      : section_(configuration.section("landfall")), environment_(environment) {
    require_known_members(section_, "landfall", landfall_members);
    require_known_members(section_.section("load"), "landfall.load", load_members);
    require_known_members(section_.section("spill"), "landfall.spill", spill_members);
  }

  std::uint64_t number(Setting const& setting, std::uint64_t fallback) const {
    if (auto const text = variable(setting.variable)) {
      return static_cast<std::uint64_t>(parse_variable(setting, *text));
    }
    auto const value = section_.integer(setting.name, static_cast<std::int64_t>(fallback));
    return static_cast<std::uint64_t>(in_range(setting, fmt::format("landfall.{}", setting.name), value));
  }

  Duration time(Setting const& setting, Duration fallback) const {
    auto const whole = std::chrono::duration_cast<std::chrono::seconds>(fallback).count();
    return std::chrono::seconds(number(setting, static_cast<std::uint64_t>(whole)));
  }

  template <class Value>
  Value choice(Choice<Value> const& choice, Value fallback) const {
    return choice_of(section_, "landfall", choice, fallback);
  }

  SpillSettings spill() const {
    auto const section = section_.section("spill");
    SpillSettings spill;
    spill.resume = section.boolean(spill_resume.name, false);
    if (auto const word = variable(spill_resume.variable)) {
      spill.resume = chosen(spill_resume, spill_resume.variable, *word);
    }
    spill.discard_damaged = section.boolean(discard_damaged.name, false);
    if (auto const word = variable(discard_damaged.variable)) {
      spill.discard_damaged = chosen(discard_damaged, discard_damaged.variable, *word);
    }
    if (spill.resume) {  // what it needs, unless it is contradicted
      spill.policy = SpillPolicy::always;
      spill.sync = SpillSync::group;
    }
    spill.policy = choice_of(section, "landfall.spill", spill_policy, spill.policy);
    spill.sync = choice_of(section, "landfall.spill", spill_sync, spill.sync);
    spill.directory = section.string("directory", "");
    if (auto const path = variable(spill_directory_variable)) spill.directory = *path;
    if (auto const text = variable(max_disk_bytes.variable)) {
      spill.max_disk_bytes = static_cast<std::uint64_t>(parse_variable(max_disk_bytes, *text));
    } else if (auto const value = section.integer(max_disk_bytes.name, 0); value != 0) {
      auto const where = fmt::format("landfall.spill.{}", max_disk_bytes.name);
      spill.max_disk_bytes = static_cast<std::uint64_t>(in_range(max_disk_bytes, where, value));
    }
    return spill;
  }

  /// Something that adapts, of the section `load`.
  LoadRange range(Setting const& setting) const {
    if (auto const text = variable(setting.variable)) {
      return LoadRange::fixed(static_cast<std::uint64_t>(parse_variable(setting, *text)));
    }
    auto const section = section_.section("load");
    auto const* const value = section.members().if_contains(setting.name);
    if (value == nullptr || value->is_null()) return {};
    auto const where = fmt::format("landfall.load.{}", setting.name);
    if (value->is_object()) return given_range(setting, where, section.section(setting.name));
    if (!value->is_number()) throw config_error("{} must be a whole number or an object", where);
    return LoadRange::fixed(static_cast<std::uint64_t>(in_range(setting, where, section.integer(setting.name, 0))));
  }

  /// Whether an operator says anything about it.
  bool gives(Setting const& setting) const {
    auto const* const value = section_.members().if_contains(setting.name);
    return variable(setting.variable) || (value != nullptr && !value->is_null());
  }

  std::string text(char const* name, char const* variable_name) const {
    if (auto const value = variable(variable_name)) return *value;
    return section_.string(name, "");
  }

  Configuration section(char const* name) const { return section_.section(name); }

 private:
  template <class Value, std::size_t count>
  Value choice_of(Configuration const& section, std::string_view where, Choice<Value, count> const& choice,
                  Value fallback) const {
    if (auto const word = variable(choice.variable)) return chosen(choice, choice.variable, *word);
    auto const word = section.string(choice.name, "");
    return word.empty() ? fallback : chosen(choice, fmt::format("{}.{}", where, choice.name), word);
  }

  static LoadRange given_range(Setting const& setting, std::string const& where, Configuration const& given) {
    require_known_members(given, where, range_members);
    auto const member = [&](char const* name) -> std::optional<std::uint64_t> {
      auto const* const value = given.members().if_contains(name);
      if (value == nullptr || value->is_null()) return std::nullopt;
      return static_cast<std::uint64_t>(in_range(setting, fmt::format("{}.{}", where, name), given.integer(name, 0)));
    };
    LoadRange const range(member("min"), member("max"), member("initial"));
    static_cast<void>(narrowed(LoadBounds(), range, where));  // refuses what contradicts itself
    return range;
  }

  // An empty one is not set.
  std::optional<std::string> variable(char const* name) const {
    auto value = environment_(name);
    if (value && value->empty()) value.reset();
    return value;
  }

  Configuration section_;
  Environment const& environment_;
};

/// What the configuration says of one phase; each member only when it is given.
class GivenPolicy {
 public:
  GivenPolicy(Configuration section, std::string where) : section_(std::move(section)), where_(std::move(where)) {
    require_known_members(section_, where_, policy_members);
  }

  RetryPolicy over(RetryPolicy policy) const {
    merge(system_attempts, policy.system_attempts, attempts, policy.attempts,
          [](std::int64_t count) { return static_cast<std::size_t>(count); });
    merge(attempt_seconds, policy.attempt_deadline, total_seconds, policy.total_deadline,
          [](std::int64_t count) { return Duration(std::chrono::seconds(count)); });
    merge(first_delay_ms, policy.first_delay, longest_delay_ms, policy.longest_delay,
          [](std::int64_t count) { return Duration(std::chrono::milliseconds(count)); });
    return policy;
  }

 private:
  std::optional<std::int64_t> number(Setting const& setting) const {
    auto const* const value = section_.members().if_contains(setting.name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return in_range(setting, fmt::format("{}.{}", where_, setting.name), section_.integer(setting.name, 0));
  }

  // `small` must not be more than `large`. Where only one of them is given, the other follows it.
  template <class Value, class Convert>
  void merge(Setting const& small_setting, Value& small, Setting const& large_setting, Value& large,
             Convert convert) const {
    auto const given_small = number(small_setting);
    auto const given_large = number(large_setting);
    if (given_small && given_large && *given_small > *given_large) {
      throw config_error("{0}.{1} must not be more than {0}.{2}", where_, small_setting.name, large_setting.name);
    }
    if (given_small) small = convert(*given_small);
    if (given_large) large = convert(*given_large);
    if (given_small && !given_large) large = std::max(large, small);
    if (given_large && !given_small) small = std::min(small, large);
  }

  Configuration section_;
  std::string where_;
};

RetryPolicies retry_policies(Configuration const& section, RetryPolicies policies) {
  std::vector<std::string_view> phases;
  for (Phase const phase : all_phases) phases.push_back(to_string(phase));
  require_known_members(section, "landfall.retry", phases);
  for (Phase const phase : all_phases) {
    GivenPolicy const given(section.section(to_string(phase)), fmt::format("landfall.retry.{}", to_string(phase)));
    policies[phase] = given.over(policies[phase]);
  }
  policies.check();
  return policies;
}

// Small enough that a small budget still holds several blocks.
std::uint64_t block_bytes_for(std::uint64_t budget_bytes) {
  return std::clamp<std::uint64_t>(budget_bytes / 16, 64 << 10, 1 << 20);
}

}  // namespace

std::optional<std::string> process_environment(char const* name) {
  char const* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

SyncOptions sync_options(Configuration const& configuration, Environment const& environment) {
  Settings const settings(configuration, environment);
  SyncOptions options;
  options.memory_budget_bytes = settings.number(memory_bytes, options.memory_budget_bytes);
  options.block_bytes = block_bytes_for(options.memory_budget_bytes);
  options.longest_line_bytes = settings.number(longest_line_bytes, options.longest_line_bytes);
  options.max_streams = settings.number(max_streams, options.max_streams);
  options.spill = settings.spill();
  options.batch.bytes = settings.number(batch_bytes, options.batch.bytes);
  options.batch.records = settings.number(batch_records, options.batch.records);
  options.batch.age = settings.time(batch_seconds, options.batch.age);
  options.batch.checkpoint_wait = settings.time(checkpoint_seconds, options.batch.checkpoint_wait);
  options.launcher.on_stream_failure = settings.choice(on_stream_failure, options.launcher.on_stream_failure);
  options.launcher.on_stop = settings.choice(on_stop, options.launcher.on_stop);
  options.launcher.stop_deadline = settings.time(stop_seconds, options.launcher.stop_deadline);
  options.patience = settings.time(patience_seconds, options.patience);
  options.answer_deadline = settings.time(answer_seconds, options.answer_deadline);
  options.load_concurrency = settings.range(load_concurrency);
  options.load_batch_bytes = settings.range(load_batch_bytes);
  // The limit that an operator sets holds against what a destination would like.
  if (settings.gives(batch_bytes) && !options.load_batch_bytes.max) {
    options.load_batch_bytes.max = options.batch.bytes;
    static_cast<void>(narrowed(LoadBounds(), options.load_batch_bytes,
                               "landfall.load.batch_bytes, whose max is landfall.batch_bytes"));
  }
  options.retry = retry_policies(settings.section("retry"), std::move(options.retry));
  return options;
}

std::string reject_file_path(Configuration const& configuration, Environment const& environment) {
  return Settings(configuration, environment).text("reject_file", reject_file_variable);
}

}  // namespace landfall
