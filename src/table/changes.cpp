#include "table/changes.hpp"

#include <landfall/runtime/assert.hpp>

#include "table/json_fit.hpp"

namespace landfall {
namespace {

std::string_view change_of(Fit fit) noexcept { return fit == Fit::cut ? "TRUNCATED" : "NULLED"; }

std::string_view reason_of(Fit fit) noexcept {
  return fit == Fit::no_such_value ? "DESTINATION_SERIALIZATION_ERROR" : "DESTINATION_FIELD_SIZE_LIMITATION";
}

bool is_key_of_changes(Member const& member, TextArena& arena) {
  if (member.has_key("changes\"")) return true;
  std::string_view key;
  return member.decode_key(arena, key) == Decoded::text && key == "changes";
}

/// The elements of an array, without white space around them.
std::string_view inside_of(std::string_view array) noexcept {
  std::string_view inside = trimmed(array.substr(1, array.size() - 2));
  while (!inside.empty() && is_white_space(inside.front())) inside.remove_prefix(1);
  return inside;
}

}  // namespace

void Changes::begin_row(std::string_view meta) {
  added_.clear();
  source_ = meta.empty() ? std::string_view() : held_json(array_of_source(meta), limits_, held_source_);
}

std::string_view Changes::array_of_source(std::string_view meta) {
  // Nothing is promised about the bytes behind it.
  padded_meta_.assign(meta);
  padded_meta_.append(simdjson::SIMDJSON_PADDING, ' ');
  std::string_view const copy(padded_meta_.data(), meta.size());
  arena_.clear();
  std::string_view array;
  walker_.each_member(copy, [&](Member const& member) {
    if (!is_key_of_changes(member, arena_)) return;
    JsonValue const value = member.value();
    bool const is_array = value.kind == JsonValue::Kind::container && value.text.front() == '[';
    array = is_array && !inside_of(value.text).empty() ? value.text : std::string_view();
  });
  if (array.empty()) return array;
  return meta.substr(static_cast<std::size_t>(array.data() - copy.data()), array.size());
}

void Changes::add(std::string_view quoted_field, Fit fit) {
  LANDFALL_ASSERT(fit != Fit::whole);
  if (added_.empty()) {
    added_ = "[";
    if (!source_.empty()) added_ += inside_of(source_);
  } else {
    added_.pop_back();
  }
  if (added_.size() > 1) added_ += ',';
  added_ += R"({"field":)";
  added_ += held_json(quoted_field, limits_, held_field_);
  added_ += R"(,"change":")";
  added_ += change_of(fit);
  added_ += R"(","reason":")";
  added_ += reason_of(fit);
  added_ += R"("}])";
}

std::string_view Changes::json() const noexcept {
  if (!added_.empty()) return added_;
  return source_.empty() ? std::string_view("[]") : source_;
}

}  // namespace landfall
