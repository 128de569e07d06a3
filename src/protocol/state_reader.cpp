#include "protocol/state_reader.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

constexpr std::string_view white_space = " \t\r\n";

/// Where something lies in the text.
struct Range {
  constexpr Range(std::size_t begin_offset, std::size_t end_offset) : begin(begin_offset), end(end_offset) {}
  std::size_t begin;
  std::size_t end;
};

struct Member {
  std::string key;    // unescaped
  std::size_t begin;  // of the key's quote
  std::size_t value;
  std::size_t end;  // of the value
};

struct Object {
  std::vector<Member> members;
  std::size_t begin = 0;
  std::size_t close = 0;  // of the }
};

/// Walks through text that is known to be valid JSON: nothing is checked but the end of the text.
class Text {
 public:
  explicit Text(std::string_view text) : text_(text) {}

  char at(std::size_t offset) const {
    LANDFALL_ASSERT(offset < text_.size());
    return text_[offset];
  }

  std::size_t skip_white_space(std::size_t offset) const {
    return std::min(text_.find_first_not_of(white_space, offset), text_.size());
  }

  bool is_null(std::size_t value) const { return at(value) == 'n'; }
  bool is_object(std::size_t value) const { return at(value) == '{'; }
  bool is_string(std::size_t value) const { return at(value) == '"'; }

  std::string string(std::size_t value) const {
    std::string_view const token = text_.substr(value, skip_string(value) - value);
    if (token.find('\\') == token.npos) return std::string(token.substr(1, token.size() - 2));
    return std::string(boost::json::parse(token).as_string());
  }

  Object object(std::size_t value) const {
    Object object;
    object.begin = value;
    std::size_t offset = skip_white_space(value + 1);
    while (at(offset) != '}') {
      Member member{string(offset), offset, 0, 0};
      member.value = skip_white_space(skip_white_space(skip_string(offset)) + 1);
      member.end = skip_value(member.value);
      offset = skip_comma(member.end);
      object.members.push_back(std::move(member));
    }
    object.close = offset;
    return object;
  }

  /// Where the elements of an array begin.
  std::vector<std::size_t> elements(std::size_t value) const {
    std::vector<std::size_t> elements;
    std::size_t offset = skip_white_space(value + 1);
    while (at(offset) != ']') {
      elements.push_back(offset);
      offset = skip_comma(skip_value(offset));
    }
    return elements;
  }

 private:
  std::size_t skip_comma(std::size_t offset) const {
    offset = skip_white_space(offset);
    return at(offset) == ',' ? skip_white_space(offset + 1) : offset;
  }

  // Without a check for each byte: the text is valid, so a string ends.
  std::size_t skip_string(std::size_t offset) const {
    char const* byte = text_.data() + offset + 1;
    while (*byte != '"') byte += *byte == '\\' ? 2 : 1;
    return static_cast<std::size_t>(byte - text_.data()) + 1;
  }

  std::size_t skip_value(std::size_t offset) const {
    std::size_t depth = 0;
    for (;;) {
      char const next = text_[offset];
      if (next == '"') {
        offset = skip_string(offset);
      } else if (next == '{' || next == '[') {
        ++depth;
        ++offset;
      } else if (next == '}' || next == ']') {
        --depth;
        ++offset;
      } else if (depth > 0) {
        ++offset;
      } else {
        return text_.find_first_of(",]} \t\r\n", offset);  // after a number or an atom
      }
      if (depth == 0) return offset;
    }
  }

  std::string_view text_;
};

constexpr std::array<std::string_view, 3> committed_counts = {"committedRecordsCount", "committedBytesCount",
                                                              "rejectedRecordsCount"};

constexpr bool is_committed_count(std::string_view key) { return std::ranges::count(committed_counts, key) > 0; }

class StateReader {
 public:
  explicit StateReader(std::string_view line) : line_(line), text_(line) {}

  StateMessage read() {
    Object const envelope = text_.object(0);
    Member const* const state = find(envelope, "state");
    if (state == nullptr || !text_.is_object(state->value)) throw system_error("STATE without a state object (byte 0)");
    read_state(text_.object(state->value));
    cut_line();
    return std::move(message_);
  }

 private:
  void read_state(Object const& state) {
    Member const* const stream = find_not_null(state, "stream");
    Member const* const global = find_not_null(state, "global");
    message_.kind = kind_of(state, stream != nullptr, global != nullptr);
    if (message_.kind == StateKind::stream) {
      if (stream == nullptr) throw system_error("STREAM state without a stream object (byte {})", state.begin);
      message_.stream = read_descriptor(expect_object(*stream));
    }
    if (message_.kind == StateKind::global && global != nullptr) read_inner_states(expect_object(*global));

    Member const* const source_stats = find(state, "sourceStats");
    message_.has_source_stats = source_stats != nullptr && !text_.is_null(source_stats->value);
    message_.state_has_members = drop(state, [&](Member const& member) {
      return member.key == "destinationStats" || is_committed_count(member.key) ||
             (member.key == "sourceStats" && !message_.has_source_stats);
    });
    message_.state_end = state.close;
  }

  /// A type that is absent or null is told by the shape.
  StateKind kind_of(Object const& state, bool has_stream, bool has_global) const {
    Member const* const type = find_not_null(state, "type");
    if (type == nullptr) {
      if (has_global) return StateKind::global;
      return has_stream ? StateKind::stream : StateKind::legacy;
    }
    std::string const name = text_.is_string(type->value) ? text_.string(type->value) : std::string();
    for (StateKind const kind : {StateKind::stream, StateKind::global, StateKind::legacy}) {
      if (name == to_string(kind)) return kind;
    }
    throw system_error("STATE of an unknown type (byte {})", type->value);
  }

  void read_inner_states(Object const& global) {
    Member const* const states = find_not_null(global, "stream_states");
    if (states == nullptr) return;
    if (text_.at(states->value) != '[') throw system_error("stream_states is no array (byte {})", states->value);
    for (std::size_t const element : text_.elements(states->value)) {
      if (!text_.is_object(element)) throw system_error("a state of stream_states is no object (byte {})", element);
      Object const state = text_.object(element);
      StateMessage::InnerState inner;
      inner.stream = read_descriptor(state);
      inner.has_members = drop(state, [](Member const& member) { return is_committed_count(member.key); });
      inner.end = state.close;
      message_.inner_states.push_back(std::move(inner));
    }
  }

  /// The stream_descriptor of `owner`. It is not compared with the catalog: the platform maps no names in GLOBAL
  /// states.
  StreamDescriptor read_descriptor(Object const& owner) const {
    Member const* const member = find_not_null(owner, "stream_descriptor");
    if (member == nullptr) throw system_error("state without a stream_descriptor (byte {})", owner.begin);
    Object const descriptor = expect_object(*member);
    Member const* const name = find_not_null(descriptor, "name");
    if (name == nullptr || !text_.is_string(name->value)) {
      throw system_error("stream_descriptor without a name (byte {})", descriptor.begin);
    }
    Member const* const name_space = find_not_null(descriptor, "namespace");
    if (name_space == nullptr) return StreamDescriptor(text_.string(name->value));
    if (!text_.is_string(name_space->value)) throw system_error("namespace is no string (byte {})", name_space->value);
    return StreamDescriptor(text_.string(name->value), text_.string(name_space->value));
  }

  /// Null when `object` has no such member.
  Member const* find(Object const& object, std::string_view key) const {
    Member const* found = nullptr;
    for (Member const& member : object.members) {
      if (member.key != key) continue;
      if (found != nullptr) throw system_error("{} twice in a STATE (byte {})", key, member.begin);
      found = &member;
    }
    return found;
  }

  Member const* find_not_null(Object const& object, std::string_view key) const {
    Member const* const member = find(object, key);
    return member == nullptr || text_.is_null(member->value) ? nullptr : member;
  }

  Object expect_object(Member const& member) const {
    if (!text_.is_object(member.value)) throw system_error("{} is no object (byte {})", member.key, member.value);
    return text_.object(member.value);
  }

  /// Cuts the members that `is_ours`, each with one comma. Returns whether any member is left.
  template <class Predicate>
  bool drop(Object const& object, Predicate const& is_ours) {
    bool any_kept = false;
    std::vector<Member> const& members = object.members;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (!is_ours(members[i])) {
        any_kept = true;
      } else if (any_kept) {
        cuts_.emplace_back(members[i - 1].end, members[i].end);
      } else {
        cuts_.emplace_back(members[i].begin, i + 1 < members.size() ? members[i + 1].begin : members[i].end);
      }
    }
    return any_kept;
  }

  /// Copies the line without the cuts, and moves the offsets accordingly.
  void cut_line() {
    std::ranges::sort(cuts_, {}, &Range::begin);
    std::size_t copied = 0;
    for (Range const& cut : cuts_) {
      LANDFALL_ASSERT(copied <= cut.begin);
      message_.line.append(line_, copied, cut.begin - copied);
      copied = cut.end;
    }
    message_.line.append(line_, copied);

    auto cut = cuts_.begin();
    std::size_t cut_bytes = 0;
    auto const move = [&](std::size_t& offset) {  // called with ascending offsets
      for (; cut != cuts_.end() && cut->begin < offset; ++cut) cut_bytes += cut->end - cut->begin;
      offset -= cut_bytes;
    };
    for (StateMessage::InnerState& inner : message_.inner_states) move(inner.end);
    move(message_.state_end);
  }

  std::string_view line_;
  Text text_;
  StateMessage message_;
  std::vector<Range> cuts_;
};

}  // namespace

StateMessage read_state(std::string_view line) {
  std::size_t const begin = line.find_first_not_of(white_space);
  std::size_t const end = line.find_last_not_of(white_space);
  LANDFALL_ASSERT(begin != line.npos);
  LANDFALL_ASSERT(line[begin] == '{');
  return StateReader(line.substr(begin, end - begin + 1)).read();
}

}  // namespace landfall
