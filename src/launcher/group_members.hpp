#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <landfall/runtime/error.hpp>
#include <landfall/state/batch_envelope.hpp>
#include <landfall/state/record_ledger.hpp>

namespace landfall {

/// Batches of one stream that were asked, and whose group (Batch::in_group) is not complete: which of them is asked
/// again, and when.
///
/// Meaning: the answer for one member holds for all of them, so one is asked when there is news of its group, the one
///          that has waited longest. Once the stream has ended each is asked in turn, until the group is complete or
///          nobody has anything new to say.
/// Threads: none of its own; lives on the control strand. No I/O.
class GroupMembers {
 public:
  /// Was asked just now, and is in a group.
  void add(BatchEnvelope answered);

  /// Of this group, those which are complete by now need not be asked any more.
  void drop_complete(std::string const& group, RecordLedger const& ledger);

  /// A batch came to this group, or one of its batches came further. Takes the member out that is to be asked.
  std::optional<BatchEnvelope> next_after_news(std::string const& group);

  /// No batch will come any more, and none is being asked. Takes one member of each group out; empty when all of them
  /// were asked since there was news.
  std::vector<BatchEnvelope> next_at_end();

  /// For a stream that fails because next_at_end() has nobody left.
  Error unfinished() const;

  bool empty() const noexcept { return groups_.empty(); }
  void clear() { groups_.clear(); }

 private:
  struct Member {
    Member(BatchEnvelope batch, bool may_say_more) : envelope(std::move(batch)), may_know_more(may_say_more) {}
    BatchEnvelope envelope;
    bool may_know_more;  // there was news since it was asked
  };
  using Members = std::deque<Member>;
  using Groups = std::map<std::string, Members>;

  BatchEnvelope take(Groups::iterator group, Members::iterator member);

  Groups groups_;  // none is empty
  bool at_end_ = false;
};

}  // namespace landfall
