#pragma once

#include <atomic>
#include <chrono>
#include <string_view>
#include <system_error>

namespace landfall {

/// How long a reader may take nothing before it is given up. Set from any thread, also while somebody waits.
using ReaderDeadline = std::atomic<std::chrono::milliseconds>;

/// Writes to a descriptor, and takes off `bytes` what was written. Blocks.
///
/// Errors: std::errc::timed_out when the reader has taken nothing for so long; what write() says. 0: what does not go
///         out at once is left.
/// Meaning: leaves the O_NONBLOCK flag of the descriptor as it is, since other processes share it.
std::error_code write_within(ReaderDeadline const& deadline, int fd, std::string_view& bytes);

}  // namespace landfall
