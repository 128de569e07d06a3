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
/// environment wins): LANDFALL_MEMORY_BYTES or memory_bytes, and so on for batch_bytes, batch_records, batch_seconds
/// and checkpoint_seconds. Errors: Error(config) which names the setting and what it may be.
SyncOptions sync_options(Configuration const& configuration, Environment const& environment);

}  // namespace landfall
