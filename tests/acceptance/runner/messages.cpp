#include "messages.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

namespace acceptance {
namespace {

/// What a destination prints: a type, the member that holds it, and what the platform requires of that.
struct MessageKind {
  std::string_view type;
  std::string_view member;
  std::array<std::string_view, 2> required;
};

constexpr MessageKind message_kinds[] = {
    {"STATE", "state", {}},
    {"LOG", "log", {"level", "message"}},
    {"TRACE", "trace", {"type", "emitted_at"}},
    {"CONTROL", "control", {"type", "emitted_at"}},
    {"SPEC", "spec", {"connectionSpecification"}},
    {"CONNECTION_STATUS", "connectionStatus", {"status"}},
};

constexpr std::string_view levels[] = {"FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
constexpr std::string_view failure_types[] = {"system_error", "config_error", "transient_error"};

bool is_one_of(json::value const* value, auto const& texts) {
  return value && value->is_string() &&
         std::ranges::find(texts, std::string_view(value->get_string())) != std::end(texts);
}

void check_trace(json::object const& trace) {
  if (!is_one_of(trace.if_contains("type"), std::array{std::string_view("ERROR")})) return;
  auto const* error = trace.if_contains("error");
  if (!error || !error->is_object()) throw std::runtime_error("a TRACE of type ERROR without an error");
  auto const* message = error->get_object().if_contains("message");
  if (!message || !message->is_string() || message->get_string().empty()) {
    throw std::runtime_error("a TRACE of type ERROR without a message");
  }
  if (!is_one_of(error->get_object().if_contains("failure_type"), failure_types)) {
    throw std::runtime_error("a TRACE of type ERROR without a failure_type that the platform knows");
  }
}

std::string text_of(json::object const& object, std::string_view key) {
  auto const* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// The stream that an object names; an absent namespace and a null one are the same.
std::string stream_key(json::object const& object, std::string_view name_member) {
  auto const* name_space = object.if_contains("namespace");
  auto const prefix = name_space && name_space->is_string() ? to_text(*name_space) + "." : "";
  return prefix + json::serialize(json::string(text_of(object, name_member)));
}

std::string const whole_sync = "the whole sync";

/// Of a STATE of the input, which may be broken on purpose.
std::string scope_of(json::object const& state) {
  if (text_of(state, "type") != "STREAM") return whole_sync;
  auto const* stream = state.if_contains("stream");
  auto const* descriptor =
      stream && stream->is_object() ? stream->get_object().if_contains("stream_descriptor") : nullptr;
  return descriptor && descriptor->is_object() ? stream_key(descriptor->get_object(), "name") : whole_sync;
}

/// The line as JSON parsers take it: without a byte order mark, and without surrogates, alone or not. What a message
/// is, and of which stream, does not hang on them.
std::string readable(std::string_view line) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  std::string text(line);
  for (auto at = text.find('\\'); at < text.size(); at = text.find('\\', at + 2)) {
    bool const is_surrogate = text.compare(at + 1, 2, "ud") == 0 || text.compare(at + 1, 2, "uD") == 0;
    if (is_surrogate && at + 6 <= text.size() && text[at + 3] > '7') text.replace(at, 6, "\\ufffd");
  }
  return text;
}

/// The message of a line of input; nothing where it is broken on purpose.
std::optional<json::object> message_of(std::string_view line) {
  try {
    auto value = parse_exact(readable(line));
    if (value.is_object()) return std::move(value.get_object());
  } catch (std::exception const&) {
  }
  return std::nullopt;
}

/// The records behind the last STATE of each scope.
class RecordCounts {
 public:
  void add(std::string const& stream) {
    ++counts_[stream];
    ++counts_[whole_sync];
  }
  std::int64_t take(std::string const& scope) { return std::exchange(counts_[scope], 0); }

 private:
  std::map<std::string, std::int64_t> counts_;
};

std::int64_t count_in(json::object const& stats, std::string_view key) {
  auto const* value = stats.if_contains(key);
  return value && value->is_int64() ? value->get_int64() : 0;
}

/// What a destination may add to a STATE, and to the entry of a stream in a GLOBAL one.
constexpr std::string_view additions[] = {"destinationStats", "sourceStats", "committedRecordsCount",
                                          "committedBytesCount", "rejectedRecordsCount"};

void erase_additions(json::object& printed, json::object const& sent) {
  for (auto const name : additions) {
    if (!sent.contains(name)) printed.erase(name);
  }
}

json::array* stream_states(json::object& state) {
  auto* global = state.if_contains("global");
  auto* states = global && global->is_object() ? global->get_object().if_contains("stream_states") : nullptr;
  return states ? states->if_array() : nullptr;
}

/// Whether `printed` is what was sent, but for what a destination may add.
bool is_echo(json::object printed, json::object sent) {
  erase_additions(printed, sent);
  auto* const entries = stream_states(printed);
  auto* const sent_entries = stream_states(sent);
  if (entries && sent_entries && entries->size() == sent_entries->size()) {
    for (std::size_t i = 0; i < entries->size(); ++i) {
      if (!(*entries)[i].is_object() || !(*sent_entries)[i].is_object()) continue;
      erase_additions((*entries)[i].get_object(), (*sent_entries)[i].get_object());
    }
  }
  return printed == sent;
}

std::string stats_problem(json::object const& printed, SentState const& sent) {
  auto const* stats = printed.if_contains("destinationStats");
  if (!stats || !stats->is_object()) return "has no destinationStats";
  auto const& object = stats->get_object();
  if (!object.contains("recordCount")) return "has no destinationStats.recordCount";
  auto const count = count_in(object, "recordCount") + count_in(object, "rejectedRecordCount");
  if (count == sent.record_count) return "";
  return fmt::format("counts {} records, but {} were sent", count, sent.record_count);
}

}  // namespace

Message read_message(std::string_view line) {
  auto const value = parse_exact(line);
  if (!value.is_object()) throw std::runtime_error("no JSON object");
  auto const type = text_of(value.get_object(), "type");
  auto const* const kind = std::ranges::find(message_kinds, type, &MessageKind::type);
  if (kind == std::end(message_kinds)) {
    throw std::runtime_error(fmt::format("type \"{}\": not a message that a destination prints", type));
  }
  auto const* payload = value.get_object().if_contains(kind->member);
  if (!payload || !payload->is_object()) {
    throw std::runtime_error(fmt::format("{} without its object \"{}\"", type, kind->member));
  }
  for (auto const member : kind->required) {
    if (member.empty() || payload->get_object().contains(member)) continue;
    throw std::runtime_error(fmt::format("{} without \"{}\"", type, member));
  }
  if (type == "LOG" && !is_one_of(payload->get_object().if_contains("level"), levels)) {
    throw std::runtime_error("LOG of an unknown level");
  }
  if (type == "TRACE") check_trace(payload->get_object());
  return Message{type, payload->get_object()};
}

StateBook::StateBook(std::vector<std::string> const& input_lines) {
  RecordCounts counts;
  std::size_t bytes = 0;
  for (auto const& line : input_lines) {
    bytes += line.size();
    auto const message = message_of(line);
    if (!message) continue;
    auto const type = text_of(*message, "type");
    auto const* record = message->if_contains("record");
    if (type == "RECORD" && record && record->is_object()) counts.add(stream_key(record->get_object(), "stream"));
    auto const* state = message->if_contains("state");
    if (type != "STATE" || !state || !state->is_object()) continue;
    auto const scope = scope_of(state->get_object());
    auto const end = bytes - (line.ends_with('\n') ? 1 : 0);
    states_.push_back(SentState{end, scope, state->get_object(), counts.take(scope)});
  }
}

std::string StateBook::check(json::object const& printed, std::size_t sent_bytes) {
  auto const is_sent = [&printed](SentState const& sent) { return is_echo(printed, sent.state); };
  auto const waiting = [&](SentState const& sent) { return !sent.came_back && is_sent(sent); };
  auto const sent = std::ranges::find_if(states_, waiting);
  if (sent == states_.end()) {
    return std::ranges::any_of(states_, is_sent) ? "came back twice" : "is none of those that were sent";
  }
  auto const first = std::ranges::find_if(
      states_, [&](SentState const& other) { return other.scope == sent->scope && !other.came_back; });
  if (first != sent) return fmt::format("came back before an earlier one of its scope: {}", to_text(first->state));
  if (sent_bytes < sent->sent_at) return "came back before it was sent";
  sent->came_back = true;
  ++count_back_;
  return stats_problem(printed, *sent);
}

}  // namespace acceptance
