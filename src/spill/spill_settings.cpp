#include <landfall/spill/spill_settings.hpp>

#include <filesystem>
#include <system_error>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

std::string_view to_string(SpillPolicy policy) noexcept {
  switch (policy) {
    case SpillPolicy::never:
      return "never";
    case SpillPolicy::over_budget:
      return "over_budget";
    case SpillPolicy::always:
      return "always";
  }
  assertion_failed("a known spill policy", __FILE__, __LINE__);
  return "";
}

std::string_view to_string(SpillSync sync) noexcept {
  switch (sync) {
    case SpillSync::none:
      return "none";
    case SpillSync::group:
      return "group";
  }
  assertion_failed("a known spill sync", __FILE__, __LINE__);
  return "";
}

void SpillSettings::check() const {
  constexpr std::uint64_t least_segment_bytes = 4096;
  if (segment_bytes < least_segment_bytes) {
    throw config_error("spill: a segment of {} bytes is too small: give it at least {}", segment_bytes,
                       least_segment_bytes);
  }
  if (full_deadline < Duration::zero() || full_retry_pause <= Duration::zero()) {
    throw config_error("spill: the wait for a full disk cannot be negative, nor its pauses nothing");
  }
  if (!resume) return;
  if (policy != SpillPolicy::always) {
    throw config_error(
        "spill: resume needs the policy always, not {}: a batch that is only in memory is lost with the process",
        to_string(policy));
  }
  if (sync != SpillSync::group) {
    throw config_error("spill: resume needs the sync group, not {}: a batch that is not synced may be lost in a crash",
                       to_string(sync));
  }
  if (directory.empty()) {
    throw config_error(
        "spill: resume needs a directory of its own: name one that is still there after a restart and that no other "
        "connector uses");
  }
}

std::string SpillSettings::directory_or_default() const {
  if (!directory.empty()) return directory;
  std::error_code failure;
  auto const system_folder = std::filesystem::temp_directory_path(failure);
  if (failure)
    throw config_error("spill: there is no folder for temporary files ({}): name a directory", failure.message());
  return system_folder.string();
}

}  // namespace landfall
