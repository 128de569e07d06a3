#include "connector/sync_settings.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

struct Setting {
  char const* name;      // in the configuration
  char const* variable;  // in the environment
  std::int64_t minimum;
  std::int64_t maximum;
};

constexpr std::int64_t tebibyte = std::int64_t{1} << 40;
constexpr std::int64_t day_seconds = 24 * 60 * 60;
constexpr Setting memory_bytes{"memory_bytes", "LANDFALL_MEMORY_BYTES", 1 << 20, tebibyte};
constexpr Setting batch_bytes{"batch_bytes", "LANDFALL_BATCH_BYTES", 1, tebibyte};
constexpr Setting batch_records{"batch_records", "LANDFALL_BATCH_RECORDS", 1, 1'000'000'000};
constexpr Setting batch_seconds{"batch_seconds", "LANDFALL_BATCH_SECONDS", 1, day_seconds};
constexpr Setting checkpoint_seconds{"checkpoint_seconds", "LANDFALL_CHECKPOINT_SECONDS", 1, day_seconds};

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

class Settings {
 public:
  Settings(Configuration const& configuration, Environment const& environment)
      : section_(configuration.section("landfall")), environment_(environment) {}

  std::uint64_t number(Setting const& setting, std::uint64_t fallback) const {
    auto const variable = environment_(setting.variable);
    if (variable && !variable->empty()) return static_cast<std::uint64_t>(parse_variable(setting, *variable));
    auto const value = section_.integer(setting.name, static_cast<std::int64_t>(fallback));
    return static_cast<std::uint64_t>(in_range(setting, fmt::format("landfall.{}", setting.name), value));
  }

  Duration time(Setting const& setting, Duration fallback) const {
    auto const whole = std::chrono::duration_cast<std::chrono::seconds>(fallback).count();
    return std::chrono::seconds(number(setting, static_cast<std::uint64_t>(whole)));
  }

 private:
  Configuration section_;
  Environment const& environment_;
};

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
  options.batch.bytes = settings.number(batch_bytes, options.batch.bytes);
  options.batch.records = settings.number(batch_records, options.batch.records);
  options.batch.age = settings.time(batch_seconds, options.batch.age);
  options.batch.checkpoint_wait = settings.time(checkpoint_seconds, options.batch.checkpoint_wait);
  return options;
}

}  // namespace landfall
