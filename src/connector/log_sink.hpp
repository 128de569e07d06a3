#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include <spdlog/common.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include "connector/error_text.hpp"
#include "connector/fd_sink.hpp"
#include "connector/secret_mask.hpp"
#include "protocol/message_printer.hpp"

namespace landfall {

/// LOG messages of the protocol on stdout. A log that cannot be printed is dropped: the sync itself learns from its
/// next STATE that stdout is gone.
///
/// Lifetime: the FdSink and the SecretMask, whose secrets no log shows, outlive it.
class AirbyteLogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  AirbyteLogSink(FdSink& protocol_sink, SecretMask const& secrets) : sink_(protocol_sink), secrets_(secrets) {}

 private:
  void sink_it_(spdlog::details::log_msg const& message) override;
  void flush_() override {}  // nothing is held back

  FdSink& sink_;
  SecretMask const& secrets_;
};

/// Logs as text for a person, on stderr: each is one line, in the form of terminal_text(). On a terminal each clears
/// what is left of a progress line.
///
/// Lifetime: the ErrorText and the SecretMask outlive it.
class PlainLogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  PlainLogSink(ErrorText& text, SecretMask const& secrets);

 private:
  void sink_it_(spdlog::details::log_msg const& message) override;
  void flush_() override {}

  ErrorText& text_;
  SecretMask const& secrets_;
  bool is_terminal_;
};

LogLevel log_level(spdlog::level::level_enum level) noexcept;

/// "debug", "INFO", "Warning", ... as the platform's LOG_LEVEL has it; empty when it is none of them.
std::optional<spdlog::level::level_enum> parse_log_level(std::string_view name);

/// The one logger of a connector's run. `level_name` is the value of LOG_LEVEL, null or empty for "info"; a name that
/// is unknown is "info" too, and said so in a log.
std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink, char const* level_name);

}  // namespace landfall
