#include "launcher/group_members.hpp"

#include <algorithm>
#include <utility>

#include <landfall/launcher/decisions.hpp>
#include <landfall/runtime/assert.hpp>

namespace landfall {

void GroupMembers::add(BatchEnvelope answered) {
  LANDFALL_ASSERT(answered.batch.group().has_value());
  std::string const group = *answered.batch.group();
  bool const came_further = is_news_for_group(answered);
  groups_[group].emplace_back(std::move(answered), came_further);
}

void GroupMembers::drop_complete(std::string const& group, RecordLedger const& ledger) {
  auto const found = groups_.find(group);
  if (found == groups_.end()) return;
  auto const is_complete = [&ledger](Member const& member) { return ledger.is_complete(member.envelope.records); };
  std::erase_if(found->second, is_complete);
  if (found->second.empty()) groups_.erase(found);
}

std::optional<BatchEnvelope> GroupMembers::next_after_news(std::string const& group) {
  auto const found = groups_.find(group);
  if (found == groups_.end()) return std::nullopt;
  for (Member& member : found->second) member.may_know_more = true;
  return take(found, found->second.begin());
}

std::vector<BatchEnvelope> GroupMembers::next_at_end() {
  if (!std::exchange(at_end_, true)) {
    for (auto& [name, members] : groups_) {
      for (Member& member : members) member.may_know_more = true;  // the end is news, too
    }
  }
  std::vector<BatchEnvelope> next;
  for (auto group = groups_.begin(); group != groups_.end();) {
    auto const of_group = group++;
    auto const member = std::ranges::find_if(of_group->second, &Member::may_know_more);
    if (member != of_group->second.end()) next.push_back(take(of_group, member));
  }
  return next;
}

Error GroupMembers::unfinished() const {
  LANDFALL_ASSERT(!groups_.empty());
  BatchEnvelope const& first = groups_.begin()->second.front().envelope;
  return system_error(
      "the stream has ended, but process_batch() answered {} for batch {} of stream {}, which was {} before: one batch "
      "of its group '{}' must become complete, and none has come further",
      to_string(first.batch.state()), to_string(first.id), to_string(first.stream), to_string(*first.before),
      groups_.begin()->first);
}

BatchEnvelope GroupMembers::take(Groups::iterator group, Members::iterator member) {
  BatchEnvelope taken = std::move(member->envelope);
  group->second.erase(member);
  if (group->second.empty()) groups_.erase(group);
  return taken;
}

}  // namespace landfall
