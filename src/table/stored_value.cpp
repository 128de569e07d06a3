#include <landfall/table/stored_value.hpp>

#include <algorithm>
#include <utility>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "table/cell_maker.hpp"
#include "table/changes.hpp"
#include "table/fit.hpp"
#include "table/json_text.hpp"
#include "table/json_value.hpp"
#include "table/object_walker.hpp"
#include "table/text_arena.hpp"
#include "table/utc_moment.hpp"

namespace landfall {
namespace {

using Kind = JsonValue::Kind;

JsonValue json_value(Kind kind, std::string_view text) {
  JsonValue value;
  value.kind = kind;
  value.text = text;
  return value;
}

/// `quoted` is a whole string of JSON.
JsonValue string_value(std::string_view quoted) {
  return json_value(Kind::string, quoted.substr(1, quoted.size() - 2));
}

bool is_boolean(std::string_view text) noexcept { return text == "true" || text == "false"; }

Kind kind_of(std::string_view json) noexcept {
  switch (json.front()) {
    case '"':
      return Kind::string;
    case '[':
    case '{':
      return Kind::container;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

bool is_moment(ColumnType type) noexcept {
  switch (type) {
    case ColumnType::date:
    case ColumnType::time:
    case ColumnType::time_with_timezone:
    case ColumnType::timestamp:
    case ColumnType::timestamp_with_timezone:
      return true;
    case ColumnType::text:
    case ColumnType::boolean:
    case ColumnType::integer:
    case ColumnType::number:
    case ColumnType::json:
      return false;
  }
  LANDFALL_ASSERT(false);
}

bool has_zone(ColumnType type) noexcept {
  return type == ColumnType::time_with_timezone || type == ColumnType::timestamp_with_timezone;
}

bool is_timestamp(ColumnType type) noexcept {
  return type == ColumnType::timestamp || type == ColumnType::timestamp_with_timezone;
}

bool is_time(ColumnType type) noexcept { return type == ColumnType::time || type == ColumnType::time_with_timezone; }

/// The date and the time of a timestamp that has both, and the era, which belongs to the date.
struct TimestampParts {
  explicit TimestampParts(std::string_view timestamp) {
    constexpr std::string_view before_christ = " BC";
    if (timestamp.ends_with(before_christ)) {
      timestamp.remove_suffix(before_christ.size());
      era = before_christ;
    }
    auto const middle = std::min(timestamp.find_first_of("T "), timestamp.size());
    date = timestamp.substr(0, middle);
    if (middle < timestamp.size()) time = timestamp.substr(middle + 1);
  }

  std::string_view date;
  std::string_view time;
  std::string_view era;
};

}  // namespace

bool Conversion::is_whole() const noexcept { return fit == Fit::whole; }

bool Conversion::is_lost() const noexcept { return !is_whole() && cell.kind == Cell::Kind::null; }

struct StoredValueReader::Implementation {
  explicit Implementation(ValueLimits value_limits) : limits(std::move(value_limits)) {}

  Conversion read(ColumnType from, ColumnType to, std::string_view stored) {
    arena.clear();
    if (is_moment(from)) return read_moment_as(from, to, stored);
    switch (from) {
      case ColumnType::text:
        return read_text(to, stored);
      case ColumnType::boolean:
        return make(to, json_value(Kind::boolean, stored));
      case ColumnType::integer:
      case ColumnType::number:
        return make(to, json_value(Kind::number, stored));
      default:
        return read_json(to, stored);
    }
  }

  Conversion read_text(ColumnType to, std::string_view stored) {
    if (to == ColumnType::boolean && is_boolean(stored)) return make(to, json_value(Kind::boolean, stored));
    quoted = quoted_json(stored);
    return make(to, string_value(quoted));
  }

  Conversion read_json(ColumnType to, std::string_view json) {
    json = trimmed(json);
    while (!json.empty() && is_white_space(json.front())) json.remove_prefix(1);
    if (json.empty()) return lost();
    Kind const kind = kind_of(json);
    if (kind != Kind::string) return make(to, json_value(kind, json));
    if (json.size() < 2 || json.back() != '"') return lost();
    JsonValue const value = string_value(json);
    if (to == ColumnType::boolean && is_boolean(value.text)) return make(to, json_value(Kind::boolean, value.text));
    return make(to, value);
  }

  /// As the type that it has first: then it is spelled as what follows expects.
  Conversion read_moment_as(ColumnType from, ColumnType to, std::string_view stored) {
    quoted = quoted_json(stored);
    Conversion const own = make(from, string_value(quoted));
    if (own.is_lost() || to == from) return own;
    text.assign(own.cell.text);
    if (is_moment(to) && has_zone(from) && !has_zone(to)) text = std::string(utc_moment(text, buffer));
    if (is_timestamp(from) && to == ColumnType::date) {
      TimestampParts const parts(text);
      text = std::string(parts.date) + std::string(parts.era);
    } else if (is_timestamp(from) && is_time(to)) {
      text = std::string(TimestampParts(text).time);
    }
    quoted = quoted_json(text);
    return make(to, string_value(quoted));
  }

  Conversion make(ColumnType to, JsonValue const& value) {
    Conversion made;
    try {
      made.fit = make_cell(to, value, limits, arena, made.cell);
    } catch (Error const&) {  // no JSON
      return lost();
    }
    return made;
  }

  static Conversion lost() {
    Conversion none;
    none.fit = Fit::no_such_value;
    return none;
  }

  ValueLimits limits;
  TextArena arena;
  std::string quoted;
  std::string text;
  std::string buffer;
};

StoredValueReader::StoredValueReader(ValueLimits limits)
    : implementation_(std::make_unique<Implementation>(std::move(limits))) {}
StoredValueReader::~StoredValueReader() = default;
StoredValueReader::StoredValueReader(StoredValueReader&&) noexcept = default;
StoredValueReader& StoredValueReader::operator=(StoredValueReader&&) noexcept = default;

Conversion StoredValueReader::read(ColumnType from, ColumnType to, std::string_view stored) {
  return implementation_->read(from, to, stored);
}

// ---- the entry ----

namespace {

/// Where the value of the last member `changes` stands in an object; empty where there is none.
std::string_view changes_in(std::string_view object, std::string_view padded) {
  ObjectWalker walker;
  TextArena arena;
  std::string_view found;
  walker.each_member(padded.substr(0, object.size()), [&](Member const& member) {
    std::string_view key;
    if (member.decode_key(arena, key) != Decoded::text || key != "changes") return;
    std::string_view const value = member.value().json();
    found = object.substr(static_cast<std::size_t>(value.data() - padded.data()), value.size());
  });
  return found;
}

bool has_members(std::string_view object) {
  return object.find_first_not_of(" \t\r\n", object.find('{') + 1) != object.rfind('}');
}

}  // namespace

std::string meta_with_change(std::string_view meta, std::string_view field, Conversion const& conversion,
                             ValueLimits const& limits) {
  LANDFALL_ASSERT(!conversion.is_whole());
  std::string_view const object = meta.empty() ? std::string_view("{}") : meta;
  Changes changes(limits);
  changes.begin_row(object);
  changes.add(quoted_json(field), conversion.fit);
  std::string const padded = std::string(object).append(simdjson::SIMDJSON_PADDING, ' ');
  std::string_view const old = changes_in(object, padded);
  std::string made(object);
  if (!old.empty()) {
    return made.replace(static_cast<std::size_t>(old.data() - object.data()), old.size(), changes.json());
  }
  std::string const member = (has_members(object) ? ",\"changes\":" : "\"changes\":") + std::string(changes.json());
  return made.insert(made.rfind('}'), member);
}

}  // namespace landfall
