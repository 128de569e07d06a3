#include "spill/spill_damage.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace landfall {

namespace {

constexpr std::size_t most_named = 5;

std::string describe(AcknowledgedMark::Batch const& batch) {
  return fmt::format("batch {}: records {} to {} of {}", to_string(batch.id), batch.first_number,
                     batch.end_number() - 1, batch.stream);
}

/// "users, orders"; "its streams" where some are not known.
std::string streams_of(SpillLoss const& loss) {
  std::set<std::string> streams;
  for (auto const& batch : loss.batches) streams.insert(batch.stream);
  if (!loss.is_known) return "all streams of this connection";
  if (loss.more_batches > 0) streams.insert("the other streams of this connection");
  return fmt::format("{}", fmt::join(streams, ", "));
}

}  // namespace

SpillLoss lost_batches(AcknowledgedMark const& mark, Snapshot const& state) {
  std::map<BatchId, SpilledBatch const*> found;
  for (auto const& pending : state.batches) found[pending.batch.id] = &pending.batch;
  SpillLoss loss;
  std::uint64_t other_batches = mark.batch_count - std::min<std::uint64_t>(mark.batch_count, mark.batches.size());
  std::uint64_t listed_records = 0;
  for (auto const& batch : mark.batches) {
    listed_records += batch.record_count;
    auto const same = found.find(batch.id);
    auto lost = batch;
    if (same != found.end()) {
      auto const end = std::clamp(same->second->end_number(), batch.first_number, batch.end_number());
      lost.first_number = end;
      lost.record_count = batch.end_number() - end;
      found.erase(same);
    }
    if (lost.record_count > 0) loss.batches.push_back(std::move(lost));
  }
  std::uint64_t other_records = mark.record_count - std::min(mark.record_count, listed_records);
  for (auto const& [id, batch] : found) {  // of those that are not listed, or were not acknowledged
    other_batches -= std::min<std::uint64_t>(other_batches, 1);
    other_records -= std::min(other_records, batch->record_count);
  }
  loss.more_batches = other_batches;
  loss.more_records = other_batches == 0 ? 0 : other_records;
  return loss;
}

std::string describe(SpillLoss const& loss) {
  constexpr std::string_view unknown = "which acknowledged records are lost is not known";
  bool const is_any_named = !loss.batches.empty() || loss.more_batches > 0;
  if (!is_any_named && !loss.is_known) return std::string(unknown);
  if (loss.empty()) return "no acknowledged record is lost";
  std::vector<std::string> named;
  std::uint64_t records = loss.more_records;
  for (auto const& batch : loss.batches) {
    records += batch.record_count;
    if (named.size() < most_named) named.push_back(describe(batch));
  }
  auto const more = loss.more_batches + (loss.batches.size() - named.size());
  if (more > 0) named.push_back(fmt::format("{} {}batches", more, named.empty() ? "" : "more "));
  auto text = fmt::format("{} acknowledged records are no longer there ({})", records, fmt::join(named, "; "));
  return loss.is_known ? text : fmt::format("{}, and {}", text, unknown);
}

Error damage_error(SpillDamage const& damage, SpillLoss const& loss) {
  constexpr std::string_view way_out = "spill.discard_damaged: true, which gives up what is damaged and loads the rest";
  if (loss.empty()) {
    return config_error(
        "spill: {} is damaged ({}), although {}: look for who changes these files, and start once with {}", damage.path,
        damage.what, describe(loss), way_out);
  }
  return config_error("spill: {} is damaged ({}), and {}: run a full refresh of {}, with {}", damage.path, damage.what,
                      describe(loss), streams_of(loss), way_out);
}

std::string discard_notice(SpillDamage const& damage, SpillLoss const& loss) {
  auto text = fmt::format("spill: {} was damaged ({}) and is given up (spill.discard_damaged): {}", damage.path,
                          damage.what, describe(loss));
  if (!loss.empty()) text += fmt::format(": run a full refresh of {}", streams_of(loss));
  return text;
}

}  // namespace landfall
