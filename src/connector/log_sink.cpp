#include "connector/log_sink.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include <landfall/runtime/error.hpp>

#include "connector/terminal_text.hpp"

namespace landfall {

namespace {

std::string_view text_of(spdlog::details::log_msg const& message) {
  return std::string_view(message.payload.data(), message.payload.size());
}

}  // namespace

void AirbyteLogSink::sink_it_(spdlog::details::log_msg const& message) {
  auto const line = print_log(log_level(message.level), secrets_.apply(text_of(message)));
  try {
    sink_.write_line_blocking(line);
  } catch (Error const&) {  // there is no other place to tell it
  }
}

PlainLogSink::PlainLogSink(ErrorText& text, SecretMask const& secrets)
    : text_(text), secrets_(secrets), is_terminal_(::isatty(text.fd()) == 1) {
  set_pattern_("%H:%M:%S %l %v");
}

void PlainLogSink::sink_it_(spdlog::details::log_msg const& message) {
  std::string const text = terminal_text(secrets_.apply(text_of(message)));
  auto shown = message;
  shown.payload = text;
  spdlog::memory_buf_t line;
  if (is_terminal_) line.append(std::string_view("\r\x1b[K"));
  formatter_->format(shown, line);
  text_.blocking_write(std::string_view(line.data(), line.size()));
}

LogLevel log_level(spdlog::level::level_enum level) noexcept {
  switch (level) {
    case spdlog::level::trace:
      return LogLevel::trace;
    case spdlog::level::debug:
      return LogLevel::debug;
    case spdlog::level::warn:
      return LogLevel::warn;
    case spdlog::level::err:
      return LogLevel::error;
    case spdlog::level::critical:
      return LogLevel::fatal;
    default:
      return LogLevel::info;
  }
}

std::optional<spdlog::level::level_enum> parse_log_level(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (lower == "trace") return spdlog::level::trace;
  if (lower == "debug") return spdlog::level::debug;
  if (lower == "info") return spdlog::level::info;
  if (lower == "warn" || lower == "warning") return spdlog::level::warn;
  if (lower == "error") return spdlog::level::err;
  if (lower == "fatal" || lower == "critical") return spdlog::level::critical;
  if (lower == "off") return spdlog::level::off;
  return std::nullopt;
}

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink, char const* level_name) {
  auto logger = std::make_shared<spdlog::logger>("landfall", std::move(sink));
  std::string_view const name = level_name == nullptr ? "" : level_name;
  auto const level = parse_log_level(name);
  logger->set_level(level.value_or(spdlog::level::info));
  if (!level && !name.empty()) logger->warn("LOG_LEVEL has an unknown value and is taken as info");
  return logger;
}

}  // namespace landfall
