#include "table/changes.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <landfall/runtime/assert.hpp>

#include "table/json_fit.hpp"

namespace landfall {
namespace {

std::string_view change_of(Fit fit) noexcept { return fit == Fit::cut || fit == Fit::altered ? "TRUNCATED" : "NULLED"; }

std::string_view reason_of(Fit fit) noexcept {
  bool const is_about_size = fit == Fit::cut || fit == Fit::too_large;
  return is_about_size ? "DESTINATION_FIELD_SIZE_LIMITATION" : "DESTINATION_SERIALIZATION_ERROR";
}

bool is_key_of_changes(Member const& member, TextArena& arena) {
  if (member.has_key("changes\"")) return true;
  std::string_view key;
  return member.decode_key(arena, key) == Decoded::text && key == "changes";
}

bool is_text(boost::json::value const& object, std::string_view member, std::string_view text) {
  if (!object.is_object()) return false;
  boost::json::value const* const value = object.get_object().if_contains(member);
  return value != nullptr && value->is_string() && std::string_view(value->get_string()) == text;
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

std::vector<std::string> Changes::altered_by_destination() const {
  std::vector<std::string> fields;
  if (source_.find(reason_of(Fit::altered)) == std::string_view::npos) return fields;
  boost::system::error_code error;
  boost::json::value const changes = boost::json::parse(source_, error);
  if (error || !changes.is_array()) return fields;
  for (boost::json::value const& entry : changes.get_array()) {
    bool const is_altered =
        is_text(entry, "change", change_of(Fit::altered)) && is_text(entry, "reason", reason_of(Fit::altered));
    if (!is_altered) continue;
    boost::json::value const* const field = entry.get_object().if_contains("field");
    if (field != nullptr && field->is_string()) fields.emplace_back(std::string_view(field->get_string()));
  }
  return fields;
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
