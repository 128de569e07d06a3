#include "spill/spill_check.hpp"

#include <cstdint>
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <landfall/runtime/error.hpp>

#include "spill/spill_recovery.hpp"

namespace landfall {

void blocking_check_spill(SpillSettings const& settings, SpillStorage& storage) {
  settings.check();
  storage.blocking_check_writable();
  if (!settings.resume) blocking_find_without_acknowledged_batches(storage);
}

std::optional<SpillFolder> blocking_find_without_acknowledged_batches(SpillStorage& storage) {
  auto folder = SpillFolder::blocking_find_for_resume(storage);
  if (!folder) return std::nullopt;
  auto const found = blocking_recover(storage, *folder);
  if (!found || found->state.batches.empty()) return folder;
  throw config_error(
      "spill: {} holds {}, which the source does not send again: start once with resume, so that they are loaded; or, "
      "to give them up, remove the folder and refresh these streams",
      storage.path_of(folder->name()), describe_batches(found->state));
}

std::string describe_batches(Snapshot const& state) {
  std::uint64_t records = 0;
  std::set<std::string> streams;
  for (auto const& [batch, nonce] : state.batches) {
    records += batch.record_count;
    streams.insert(to_string(state.streams[batch.stream_index].descriptor));
  }
  return fmt::format("{} batches with {} acknowledged records of {}", state.batches.size(), records,
                     fmt::join(streams, ", "));
}

}  // namespace landfall
