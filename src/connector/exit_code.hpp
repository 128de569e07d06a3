#pragma once

#include <landfall/connector/run_sync.hpp>

namespace landfall {

/// What the process ends with. The platform takes 0 for success and accepts 143 when it has sent SIGTERM.
///
/// | code | meaning                                                                                 |
/// |-----:|-----------------------------------------------------------------------------------------|
/// |    0 | write: every stream is complete, every STATE answered; check: answered, good or bad     |
/// |    1 | write failed, and the TRACE says why; any command: nobody reads stdout                  |
/// |    2 | wrong usage: the command line is explained on stderr                                    |
/// |  130 | SIGINT came before the sync was through                                                 |
/// |  143 | SIGTERM came before the sync was through                                                |
///
/// 128 and the number of a signal, as a shell has it, also when a second signal ended the process at once.
/// Source: protocol reference 1.5.
constexpr int exit_success = 0;
constexpr int exit_failure = 1;
constexpr int exit_usage = 2;
constexpr int exit_code_of_signal(int signal_number) noexcept { return 128 + signal_number; }

/// Of `write`. `signal_number`: the first one that asked it to stop; 0 when there was none. A sync that was through
/// before it could be stopped is a success.
inline int exit_code(SyncReport const& report, int signal_number) noexcept {
  if (report.succeeded()) return exit_success;
  return signal_number != 0 ? exit_code_of_signal(signal_number) : exit_failure;
}

}  // namespace landfall
