#pragma once

#include <functional>
#include <optional>
#include <string>

#include <landfall/connector/run_sync.hpp>
#include <landfall/destination/configuration.hpp>

namespace landfall {

/// The value of an environment variable; empty when it is not set.
using Environment = std::function<std::optional<std::string>(char const* name)>;

/// The environment of this process.
std::optional<std::string> process_environment(char const* name);

/// What an operator may set of a sync, each in the environment or in the section `landfall` of the configuration (the
/// environment wins): LANDFALL_MEMORY_BYTES or memory_bytes, and so on. Retries of each phase are in the configuration
/// alone: landfall.retry.PHASE. There, a member which is not given follows those that are, when it would contradict
/// them: attempt_seconds beyond the default of total_seconds raises that one too.
/// Errors: Error(config) which names the setting and what it may be; also for a name that is no setting.
/// Source: README, "Settings of every connector".
SyncOptions sync_options(Configuration const& configuration, Environment const& environment);

/// LANDFALL_REJECT_FILE or reject_file; empty when there is none.
std::string reject_file_path(Configuration const& configuration, Environment const& environment);

}  // namespace landfall
