#include "protocol/state_reader.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/assert.hpp>

namespace landfall {
namespace {

/// Where something lies in the line.
struct Range {
  constexpr Range(std::size_t begin_offset, std::size_t end_offset) : begin(begin_offset), end(end_offset) {}
  std::size_t begin;
  std::size_t end;
};

/// Of an object. Numbers of tokens, but for the key.
struct Member {
  std::string_view key;  // unescaped
  std::size_t begin = 0;
  std::size_t value = 0;
  std::size_t behind = 0;  // the first one behind the value
};

struct Object {
  boost::container::small_vector<Member, 8> members;
  std::size_t begin = 0;
  std::size_t close = 0;  // the }
};

/// Walks from token to token through a line that is known to be valid JSON. Lives as long as the keys it gives.
class Text {
 public:
  explicit Text(Tokens const& tokens) : tokens_(tokens) {}

  std::size_t offset(std::size_t token) const { return tokens_.offset(token); }
  /// Of the last byte of the value that ends before the token `behind`, plus 1.
  std::size_t end_before(std::size_t behind) const { return offset(behind - 1) + tokens_.text(behind - 1).size(); }

  bool is_null(std::size_t value) const { return tokens_.kind(value) == 'n'; }
  bool is_object(std::size_t value) const { return tokens_.kind(value) == '{'; }
  bool is_array(std::size_t value) const { return tokens_.kind(value) == '['; }
  bool is_string(std::size_t value) const { return tokens_.kind(value) == '"'; }

  std::string_view string(std::size_t value) {
    std::string_view const token = tokens_.text(value);
    if (token.find('\\') == token.npos) return token.substr(1, token.size() - 2);
    return unescaped_.emplace_back(boost::json::parse(token).as_string());
  }

  Object object(std::size_t value) {
    Object object;
    object.begin = value;
    std::size_t token = value + 1;
    while (kind(token) != '}') {
      Member& member = object.members.emplace_back();
      member.key = string(token);
      member.begin = token;
      member.value = token + 2;
      member.behind = behind(member.value);
      token = behind_comma(member.behind);
    }
    object.close = token;
    return object;
  }

  std::vector<std::size_t> elements(std::size_t array) const {
    std::vector<std::size_t> elements;
    std::size_t token = array + 1;
    while (kind(token) != ']') {
      elements.push_back(token);
      token = behind_comma(behind(token));
    }
    return elements;
  }

 private:
  char kind(std::size_t token) const {
    LANDFALL_ASSERT(token < tokens_.count());
    return tokens_.kind(token);
  }

  std::size_t behind(std::size_t value) const {
    char const first = kind(value);
    return first == '{' || first == '[' ? tokens_.behind_container(value) : value + 1;
  }

  std::size_t behind_comma(std::size_t token) const { return kind(token) == ',' ? token + 1 : token; }

  Tokens const& tokens_;
  std::deque<std::string> unescaped_;
};

constexpr std::array<std::string_view, 3> committed_counts = {"committedRecordsCount", "committedBytesCount",
                                                              "rejectedRecordsCount"};

constexpr bool is_committed_count(std::string_view key) { return std::ranges::count(committed_counts, key) > 0; }

class StateReader {
 public:
  StateReader(std::string_view line, Tokens const& tokens, FindStream const& find_stream)
      : line_(line), text_(tokens), find_stream_(find_stream) {}

  StateMessage read() {
    Object const envelope = text_.object(0);
    Member const* const state = find(envelope, "state");
    if (state == nullptr || !text_.is_object(state->value)) throw system_error("STATE without a state object (byte 0)");
    read_state(text_.object(state->value));
    cut_line(Range(text_.offset(envelope.begin), text_.offset(envelope.close) + 1));
    return std::move(message_);
  }

 private:
  void read_state(Object const& state) {
    Member const* const stream = find_not_null(state, "stream");
    Member const* const global = find_not_null(state, "global");
    message_.kind = kind_of(state, stream != nullptr, global != nullptr);
    if (message_.kind == StateKind::stream) {
      if (stream == nullptr)
        throw system_error("STREAM state without a stream object (byte {})", text_.offset(state.begin));
      message_.stream = descriptor_of(read_name(expect_object(*stream)));
    }
    if (message_.kind == StateKind::global && global != nullptr) read_inner_states(expect_object(*global));

    Member const* const source_stats = find(state, "sourceStats");
    message_.has_source_stats = source_stats != nullptr && !text_.is_null(source_stats->value);
    message_.state_has_members = drop(state, [&](Member const& member) {
      return member.key == "destinationStats" || is_committed_count(member.key) ||
             (member.key == "sourceStats" && !message_.has_source_stats);
    });
    message_.state_end = text_.offset(state.close);
  }

  /// A type that is absent or null is told by the shape.
  StateKind kind_of(Object const& state, bool has_stream, bool has_global) {
    Member const* const type = find_not_null(state, "type");
    if (type == nullptr) {
      if (has_global) return StateKind::global;
      return has_stream ? StateKind::stream : StateKind::legacy;
    }
    std::string_view const name = text_.is_string(type->value) ? text_.string(type->value) : std::string_view();
    for (StateKind const kind : {StateKind::stream, StateKind::global, StateKind::legacy}) {
      if (name == to_string(kind)) return kind;
    }
    throw system_error("STATE of an unknown type (byte {})", text_.offset(type->value));
  }

  void read_inner_states(Object const& global) {
    Member const* const states = find_not_null(global, "stream_states");
    if (states == nullptr) return;
    if (!text_.is_array(states->value)) {
      throw system_error("stream_states is no array (byte {})", text_.offset(states->value));
    }
    std::vector<std::size_t> const elements = text_.elements(states->value);
    message_.inner_states.reserve(elements.size());
    for (std::size_t const element : elements) {
      if (!text_.is_object(element)) {
        throw system_error("a state of stream_states is no object (byte {})", text_.offset(element));
      }
      Object const state = text_.object(element);
      StateMessage::InnerState inner;
      inner.stream = find_stream_(read_name(state));
      inner.has_members = drop(state, [](Member const& member) { return is_committed_count(member.key); });
      inner.end = text_.offset(state.close);
      message_.inner_states.push_back(inner);
    }
  }

  /// What the stream_descriptor of `owner` says. It need not be in the catalog: the platform maps no names in GLOBAL
  /// states.
  StreamName read_name(Object const& owner) {
    Member const* const member = find_not_null(owner, "stream_descriptor");
    if (member == nullptr) throw system_error("state without a stream_descriptor (byte {})", text_.offset(owner.begin));
    Object const descriptor = expect_object(*member);
    Member const* const name = find_not_null(descriptor, "name");
    if (name == nullptr || !text_.is_string(name->value)) {
      throw system_error("stream_descriptor without a name (byte {})", text_.offset(descriptor.begin));
    }
    StreamName result;
    result.name = text_.string(name->value);
    Member const* const name_space = find_not_null(descriptor, "namespace");
    if (name_space == nullptr) return result;
    if (!text_.is_string(name_space->value)) {
      throw system_error("namespace is no string (byte {})", text_.offset(name_space->value));
    }
    result.name_space = text_.string(name_space->value);
    return result;
  }

  /// Null when `object` has no such member.
  Member const* find(Object const& object, std::string_view key) const {
    Member const* found = nullptr;
    for (Member const& member : object.members) {
      if (member.key != key) continue;
      if (found != nullptr) throw system_error("{} twice in a STATE (byte {})", key, text_.offset(member.begin));
      found = &member;
    }
    return found;
  }

  Member const* find_not_null(Object const& object, std::string_view key) const {
    Member const* const member = find(object, key);
    return member == nullptr || text_.is_null(member->value) ? nullptr : member;
  }

  Object expect_object(Member const& member) {
    if (!text_.is_object(member.value)) {
      throw system_error("{} is no object (byte {})", member.key, text_.offset(member.value));
    }
    return text_.object(member.value);
  }

  /// Cuts the members that `is_ours`, each with one comma. Returns whether any member is left.
  template <class Predicate>
  bool drop(Object const& object, Predicate const& is_ours) {
    bool any_kept = false;
    auto const& members = object.members;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (!is_ours(members[i])) {
        any_kept = true;
      } else if (any_kept) {
        cuts_.emplace_back(text_.end_before(members[i - 1].behind), text_.end_before(members[i].behind));
      } else {
        bool const is_last = i + 1 == members.size();
        std::size_t const end = is_last ? text_.end_before(members[i].behind) : text_.offset(members[i + 1].begin);
        cuts_.emplace_back(text_.offset(members[i].begin), end);
      }
    }
    return any_kept;
  }

  /// Copies the `envelope` without the cuts, and moves the offsets accordingly.
  void cut_line(Range const& envelope) {
    std::ranges::sort(cuts_, {}, &Range::begin);
    message_.line.reserve(envelope.end - envelope.begin);
    std::size_t copied = envelope.begin;
    for (Range const& cut : cuts_) {
      LANDFALL_ASSERT(copied <= cut.begin);
      message_.line.append(line_, copied, cut.begin - copied);
      copied = cut.end;
    }
    LANDFALL_ASSERT(copied < envelope.end);
    message_.line.append(line_, copied, envelope.end - copied);

    auto cut = cuts_.begin();
    std::size_t dropped = envelope.begin;
    auto const move = [&](std::size_t& offset) {  // called with ascending offsets
      for (; cut != cuts_.end() && cut->begin < offset; ++cut) dropped += cut->end - cut->begin;
      offset -= dropped;
    };
    for (StateMessage::InnerState& inner : message_.inner_states) move(inner.end);
    move(message_.state_end);
  }

  std::string_view line_;
  Text text_;
  FindStream const& find_stream_;
  StateMessage message_;
  std::vector<Range> cuts_;
};

}  // namespace

StateMessage read_state(std::string_view line, Tokens const& tokens, FindStream const& find_stream) {
  LANDFALL_ASSERT(tokens.kind(0) == '{');
  return StateReader(line, tokens, find_stream).read();
}

}  // namespace landfall
