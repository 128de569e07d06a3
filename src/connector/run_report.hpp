#pragma once

#include <string>
#include <vector>

#include <landfall/connector/run_sync.hpp>

namespace landfall {

/// What a person wants to know of a finished run: one line for each stream in catalog order, the STATEs, the whole.
std::vector<std::string> format_run_report(SyncReport const& report);

}  // namespace landfall
