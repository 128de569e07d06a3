#include "spill/spill_check.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <landfall/runtime/error.hpp>

#include "spill/spill_recovery.hpp"

namespace landfall {

void blocking_check_spill(SpillSettings const& settings, SpillStorage& storage) {
  settings.check();
  if (settings.policy != SpillPolicy::never) storage.blocking_check_writable();
  if (settings.directory.empty()) return;  // with resume it has one
  std::vector<std::string> discarded;
  if (!settings.resume) {
    blocking_find_without_acknowledged_batches(storage, settings, discarded);
  } else if (auto const folder = SpillFolder::blocking_find_for_resume(storage)) {
    blocking_recover(storage, *folder, on_damage(settings));
  }
}

OnDamage on_damage(SpillSettings const& settings) noexcept {
  return settings.discard_damaged ? OnDamage::discard : OnDamage::refuse;
}

std::optional<SpillFolder> blocking_find_without_acknowledged_batches(SpillStorage& storage,
                                                                      SpillSettings const& settings,
                                                                      std::vector<std::string>& discarded) {
  auto folder = SpillFolder::blocking_find_for_resume(storage);
  if (!folder) return std::nullopt;
  auto found = blocking_recover(storage, *folder, on_damage(settings));
  if (found) std::ranges::move(found->discarded, std::back_inserter(discarded));
  if (!found || found->state.batches.empty()) return folder;
  throw config_error(
      "spill: {} holds {}, which the source does not send again: start once with resume, so that they are loaded; or, "
      "to give them up, remove the folder and refresh these streams",
      storage.path_of(folder->name()), describe_batches(found->state));
}

void give_up_refreshed(Snapshot& state, DestinationCatalog const& catalog, std::vector<std::string>& discarded) {
  Snapshot given_up;
  given_up.streams = state.streams;
  std::erase_if(state.batches, [&](Snapshot::PendingBatch const& pending) {
    auto const& old = state.streams[pending.batch.stream_index];
    bool const is_refreshed = std::ranges::any_of(catalog.streams(), [&old](auto const& stream) {
      return stream->descriptor == old.descriptor && old.generation && stream->minimum_generation_id > old.generation;
    });
    if (is_refreshed) given_up.batches.push_back(pending);
    return is_refreshed;
  });
  if (given_up.batches.empty()) return;
  discarded.push_back(
      fmt::format("spill: {} are given up, too: their streams are refreshed", describe_batches(given_up)));
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
