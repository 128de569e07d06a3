#include <landfall/protocol/state_message.hpp>

#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

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

std::size_t StateMessage::size_bytes() const noexcept {
  std::size_t bytes = sizeof(StateMessage) + line.capacity() + inner_states.capacity() * sizeof(InnerState);
  if (stream) bytes += stream->name.size() + (stream->name_space ? stream->name_space->size() : 0);
  return bytes;
}

void StateMessage::print_to(std::string& text, Stats const& stats) const {
  LANDFALL_ASSERT(state_end < line.size());
  LANDFALL_ASSERT(line[state_end] == '}');

  std::size_t copied = 0;
  auto const copy_until = [&](std::size_t end) {
    LANDFALL_ASSERT(copied <= end);
    text.append(line, copied, end - copied);
    copied = end;
  };

  for (InnerState const& inner : inner_states) {
    if (!inner.stream) continue;
    LANDFALL_ASSERT(*inner.stream < stats.stream_totals.size());
    LANDFALL_ASSERT(inner.end < state_end);
    LANDFALL_ASSERT(line[inner.end] == '}');
    copy_until(inner.end);
    MemberAppender(text, inner.has_members).append_committed(stats.stream_totals[*inner.stream]);
  }

  copy_until(state_end);
  MemberAppender members(text, state_has_members);
  members.append_destination_stats(stats.delta);
  if (!has_source_stats) members.append_source_stats(stats.delta);
  members.append_committed(stats.total);
  copy_until(line.size());
  text += '\n';
}

}  // namespace landfall
