#include <landfall/protocol/state_message.hpp>

#include <functional>
#include <iterator>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

using Totals = std::map<std::reference_wrapper<StreamDescriptor const>, RecordCounts, std::less<StreamDescriptor>>;

/// Appends members at the end of an object whose } has not been written yet.
class MemberAppender {
 public:
  MemberAppender(std::string& out, bool has_members) : out_(out), needs_comma_(has_members) {}

  template <class... Args>
  void append(fmt::format_string<Args...> member, Args&&... args) {
    if (needs_comma_) out_ += ',';
    needs_comma_ = true;
    fmt::format_to(std::back_inserter(out_), member, std::forward<Args>(args)...);
  }

  void append_committed(RecordCounts const& total) {
    append(R"("committedRecordsCount":{})", total.records);
    append(R"("committedBytesCount":{})", total.bytes);
    if (total.rejected > 0) append(R"("rejectedRecordsCount":{})", total.rejected);
  }

  /// Record counts carry a decimal point: they are doubles on the wire.
  void append_destination_stats(RecordCounts const& delta) {
    if (delta.rejected > 0) {
      append(R"("destinationStats":{{"recordCount":{}.0,"rejectedRecordCount":{}.0}})", delta.records, delta.rejected);
    } else {
      append(R"("destinationStats":{{"recordCount":{}.0}})", delta.records);
    }
  }

  void append_source_stats(RecordCounts const& delta) {
    append(R"("sourceStats":{{"recordCount":{}.0}})", delta.records + delta.rejected);
  }

 private:
  std::string& out_;
  bool needs_comma_;
};

}  // namespace

std::string_view to_string(StateKind kind) noexcept {
  switch (kind) {
    case StateKind::stream:
      return "STREAM";
    case StateKind::global:
      return "GLOBAL";
    case StateKind::legacy:
      return "LEGACY";
  }
  return "?";
}

std::string StateMessage::print(Stats const& stats) const {
  LANDFALL_ASSERT(state_end < line.size());
  LANDFALL_ASSERT(line[state_end] == '}');

  Totals totals;
  for (auto const& [descriptor, total] : stats.stream_totals) totals.emplace(std::cref(descriptor), total);

  std::string out;
  out.reserve(line.size() + 256 + 80 * stats.stream_totals.size());
  std::size_t copied = 0;
  auto const copy_until = [&](std::size_t end) {
    LANDFALL_ASSERT(copied <= end);
    out.append(line, copied, end - copied);
    copied = end;
  };

  for (InnerState const& inner : inner_states) {
    auto const total = totals.find(std::cref(inner.stream));
    if (total == totals.end()) continue;
    LANDFALL_ASSERT(inner.end < state_end);
    LANDFALL_ASSERT(line[inner.end] == '}');
    copy_until(inner.end);
    MemberAppender(out, inner.has_members).append_committed(total->second);
  }

  copy_until(state_end);
  MemberAppender members(out, state_has_members);
  members.append_destination_stats(stats.delta);
  if (!has_source_stats) members.append_source_stats(stats.delta);
  members.append_committed(stats.total);
  copy_until(line.size());
  out += '\n';
  return out;
}

}  // namespace landfall
