#include "protocol/message_printer.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace landfall {
namespace {

/// The length of the UTF-8 sequence at the beginning of `text`; 0 when there is no valid one.
std::size_t utf8_length(std::string_view text) {
  auto const byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto const continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  unsigned const first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return continues(1) ? 2 : 0;
  if (first < 0xf0) {  // neither overlong nor a surrogate
    bool const valid = continues(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && continues(2);
    return valid ? 3 : 0;
  }
  if (first < 0xf5) {  // neither overlong nor above U+10FFFF
    bool const valid =
        continues(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && continues(2) && continues(3);
    return valid ? 4 : 0;
  }
  return 0;
}

/// The message as a line. Repaired as a whole: what JSON adds is ASCII.
std::string print_line(boost::json::object const& message) {
  std::string line = repaired_utf8(boost::json::serialize(message));
  line += '\n';
  return line;
}

boost::json::object envelope(std::string_view type, std::string_view member, boost::json::object payload) {
  boost::json::object message;
  message.emplace("type", type);
  message.emplace(member, std::move(payload));
  return message;
}

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::fatal:
      return "FATAL";
    case LogLevel::error:
      return "ERROR";
    case LogLevel::warn:
      return "WARN";
    case LogLevel::info:
      return "INFO";
    case LogLevel::debug:
      return "DEBUG";
    case LogLevel::trace:
      return "TRACE";
  }
  return "INFO";
}

void append_with_attached(std::string& text, Error const& error) {
  text += error.what();
  for (Error const& later : error.attached()) {
    text += '\n';
    append_with_attached(text, later);
  }
}

boost::json::object describe(StreamDescriptor const& stream) {
  boost::json::object descriptor;
  descriptor.emplace("name", stream.name);
  if (stream.name_space) descriptor.emplace("namespace", *stream.name_space);
  return descriptor;
}

}  // namespace

std::string repaired_utf8(std::string text) {
  std::size_t valid = 0;
  while (valid < text.size()) {
    std::size_t const length = utf8_length(std::string_view(text).substr(valid));
    if (length == 0) break;
    valid += length;
  }
  if (valid == text.size()) return text;

  std::string repaired = text.substr(0, valid);
  for (std::string_view rest = std::string_view(text).substr(valid); !rest.empty();) {
    std::size_t const length = utf8_length(rest);
    repaired += length == 0 ? std::string_view("\xef\xbf\xbd") : rest.substr(0, length);
    rest.remove_prefix(length == 0 ? 1 : length);
  }
  return repaired;
}

std::string print_log(LogLevel level, std::string_view message) {
  boost::json::object log;
  log.emplace("level", to_string(level));
  log.emplace("message", message);
  return print_line(envelope("LOG", "log", std::move(log)));
}

std::string_view failure_type(ErrorClass error_class) noexcept {
  switch (error_class) {
    case ErrorClass::config:
      return "config_error";
    case ErrorClass::transient:
    case ErrorClass::unknown_outcome:
      return "transient_error";
    case ErrorClass::rejected_records:  // has ended a sync only where it was not expected
    case ErrorClass::system:
      return "system_error";
  }
  return "system_error";
}

std::string print_trace_error(Error const& error, std::chrono::system_clock::time_point emitted_at,
                              std::optional<StreamDescriptor> const& stream) {
  std::string internal_message;
  append_with_attached(internal_message, error);

  boost::json::object details;
  details.emplace("message", error.what());
  details.emplace("internal_message", internal_message);
  details.emplace("failure_type", failure_type(error.error_class()));
  if (stream) details.emplace("stream_descriptor", describe(*stream));

  auto const since_epoch = std::chrono::floor<std::chrono::milliseconds>(emitted_at.time_since_epoch());
  boost::json::object trace;
  trace.emplace("type", "ERROR");
  trace.emplace("emitted_at", std::int64_t{since_epoch.count()});
  trace.emplace("error", std::move(details));
  return print_line(envelope("TRACE", "trace", std::move(trace)));
}

std::string print_connection_status(bool succeeded, std::string_view message) {
  boost::json::object status;
  status.emplace("status", succeeded ? "SUCCEEDED" : "FAILED");
  if (!message.empty()) status.emplace("message", message);
  return print_line(envelope("CONNECTION_STATUS", "connectionStatus", std::move(status)));
}

std::string print_spec(boost::json::object const& connection_specification,
                       std::vector<DestinationSyncMode> const& supported_destination_sync_modes,
                       std::string_view documentation_url, std::string_view changelog_url, bool supports_incremental) {
  boost::json::array modes;
  for (DestinationSyncMode const mode : supported_destination_sync_modes) modes.emplace_back(to_string(mode));

  boost::json::object spec;
  if (!documentation_url.empty()) spec.emplace("documentationUrl", documentation_url);
  if (!changelog_url.empty()) spec.emplace("changelogUrl", changelog_url);
  spec.emplace("connectionSpecification", connection_specification);
  spec.emplace("supportsIncremental", supports_incremental);
  spec.emplace("supportsNormalization", false);
  spec.emplace("supportsDBT", false);
  spec.emplace("supported_destination_sync_modes", std::move(modes));
  return print_line(envelope("SPEC", "spec", std::move(spec)));
}

}  // namespace landfall
