#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <landfall/connector/run_sync.hpp>

namespace landfall {

/// What a person wants to know of a finished run: one line for each stream in catalog order, how the load was
/// adapted, the STATEs, the whole.
/// `reject_path`: where records went that could not be loaded; named when there are any.
std::vector<std::string> format_run_report(SyncReport const& report, std::string_view reject_path = "");

}  // namespace landfall
