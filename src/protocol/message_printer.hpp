#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include <landfall/protocol/catalog.hpp>
#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// Protocol messages as lines, each ended by '\n'. Text that is no valid UTF-8 is repaired (U+FFFD).
/// Source: protocol reference 2.3 to 2.7.

/// Text with U+FFFD in the place of each byte that belongs to no valid UTF-8.
std::string repaired_utf8(std::string text);

enum class LogLevel { fatal, error, warn, info, debug, trace };
std::string print_log(LogLevel level, std::string_view message);

/// "config_error", "transient_error" or "system_error".
std::string_view failure_type(ErrorClass error_class) noexcept;

/// A TRACE ERROR for `error`; attached errors are listed in its internal_message.
std::string print_trace_error(Error const& error, std::chrono::system_clock::time_point emitted_at,
                              std::optional<StreamDescriptor> const& stream = std::nullopt);

std::string print_connection_status(bool succeeded, std::string_view message);

/// A SPEC message. `connection_specification` is a JSON schema.
std::string print_spec(boost::json::object const& connection_specification,
                       std::vector<DestinationSyncMode> const& supported_destination_sync_modes,
                       std::string_view documentation_url, std::string_view changelog_url, bool supports_incremental);

}  // namespace landfall
