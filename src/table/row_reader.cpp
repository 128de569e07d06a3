#include <landfall/table/row_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/utc_text.hpp>

#include "table/cell_maker.hpp"
#include "table/changes.hpp"
#include "table/json_text.hpp"
#include "table/object_walker.hpp"
#include "table/refusal.hpp"

namespace landfall {
namespace {

/// A field as it is looked for.
struct Column {
  explicit Column(Field const& field) : type(column_type_of(field.type)), quoted_name(quoted_json(field.name)) {
    key = std::string_view(quoted_name).substr(1);
  }
  Column(Column const&) = delete;
  Column& operator=(Column const&) = delete;

  ColumnType type;
  std::string quoted_name;
  std::string_view key;  ///< see Member::has_key()
};

/// What a field is for.
struct Role {
  std::string_view name;  ///< "primary key", "cursor"; empty: rows are not compared by it
  bool may_be_cut = false;
};

bool means_deleted(JsonValue const& value) noexcept {
  switch (value.kind) {
    case JsonValue::Kind::null:
      return false;
    case JsonValue::Kind::boolean:
      return value.text == "true";
    case JsonValue::Kind::string:
      return !value.text.empty();
    case JsonValue::Kind::number:
    case JsonValue::Kind::container:
      return true;
  }
  LANDFALL_ASSERT(false);
}

}  // namespace

struct RowReader::Implementation {
  Implementation(std::vector<Field> of_stream, ValueLimits value_limits, ComparedFields const& compared)
      : fields(std::move(of_stream)),
        limits(value_limits),
        values(fields.size()),
        cells(fields.size()),
        changes(value_limits) {
    columns.reserve(fields.size());
    for (Field const& field : fields) {
      bool const is_new = places.emplace(field.name, columns.size()).second;
      LANDFALL_ASSERT(is_new);
      columns.push_back(std::make_unique<Column const>(field));
      followers.push_back(columns.size());
    }
    row.cells = cells;
    roles.resize(fields.size());
    if (compared.cursor) roles[place_of(*compared.cursor)] = Role{"cursor", true};
    for (std::string const& name : compared.key) roles[place_of(name)] = Role{"primary key", false};
    deleted_at = compared.deleted_at ? place_of(*compared.deleted_at) : fields.size();
    compares = compared.cursor.has_value() || !compared.key.empty();
  }

  std::size_t place_of(std::string const& name) const {
    auto const found = places.find(name);
    LANDFALL_ASSERT(found != places.end());
    return found->second;
  }

  std::vector<Field> fields;
  ValueLimits limits;
  std::vector<std::unique_ptr<Column const>> columns;
  std::unordered_map<std::string_view, std::size_t> places;  // of fields, by name
  /// For each field the one that is likely to follow it; the number of fields is none.
  std::vector<std::size_t> followers;
  std::size_t first = 0;

  std::vector<Role> roles;     // of the fields
  std::size_t deleted_at = 0;  // the number of fields is none
  bool compares = false;

  ObjectWalker walker;
  TextArena arena;
  std::vector<JsonValue> values;
  std::vector<Cell> cells;
  Changes changes;
  std::string refused;
  Row row;

  // ---- which field a member belongs to ----

  bool is_at(std::size_t place, Member const& member) const noexcept {
    return place < columns.size() && member.has_key(columns[place]->key);
  }

  /// The field behind `place`, or the number of fields.
  std::size_t& follower_of(std::size_t place) noexcept { return place < followers.size() ? followers[place] : first; }

  /// The number of fields when it is none of them. `last`: the field of a member before, or the number of fields.
  std::size_t find(Member const& member, std::size_t last) {
    std::size_t const expected = follower_of(last);
    if (is_at(expected, member)) return expected;
    // One that is not always there is missing.
    if (expected < followers.size() && is_at(followers[expected], member)) return followers[expected];
    std::string_view key;
    if (member.decode_key(arena, key) != Decoded::text) return columns.size();
    auto const found = places.find(key);
    if (found == places.end()) return columns.size();
    follower_of(last) = found->second;
    return found->second;
  }

  // ---- a row ----

  void find_values(std::string_view data) {
    std::fill(values.begin(), values.end(), JsonValue());
    std::size_t last = columns.size();
    walker.each_member(data, [&](Member const& member) {
      std::size_t const place = find(member, last);
      if (place == columns.size()) return;
      values[place] = member.value();  // of a name that occurs twice the last value counts
      last = place;
    });
  }

  void make_cells(Record const& record) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      cells[i] = Cell();
      Fit const fit = make_cell(columns[i]->type, values[i], limits, arena, cells[i]);
      if (fit != Fit::whole) settle_misfit(i, fit, record);
    }
  }

  void settle_misfit(std::size_t place, Fit fit, Record const& record) {
    Role const& role = roles[place];
    bool const is_held = role.name.empty() || (fit == Fit::cut && role.may_be_cut);
    if (!is_held) refuse(place, fit);
    if (fit == Fit::ambiguous && refused.empty()) refused = reason_of_ambiguous(fields[place].name);
    bool const is_time_needed = place == deleted_at && cells[place].kind == Cell::Kind::null && row.deleted;
    if (is_time_needed && set_extracted_at(columns[place]->type, record, cells[place])) fit = Fit::altered;
    changes.add(columns[place]->quoted_name, fit);
  }

  void refuse(std::size_t place, Fit fit) {
    if (!refused.empty()) return;
    refused = reason_of_misfit(roles[place].name, fields[place].name, values[place].kind, columns[place]->type, fit);
  }

  /// What was altered before the record came here can be anything now.
  void refuse_what_was_altered() {
    for (std::string const& name : changes.altered_by_destination()) {
      auto const found = places.find(name);
      if (found != places.end() && !roles[found->second].name.empty()) refuse(found->second, Fit::altered);
    }
  }

  /// False where the column cannot have it.
  bool set_extracted_at(ColumnType type, Record const& record, Cell& cell) {
    std::int64_t const since_epoch = record.emitted_at().time_since_epoch().count();
    std::string const json = type == ColumnType::integer || type == ColumnType::number
                                 ? fmt::format("{}", since_epoch)
                                 : fmt::format("\"{}\"", UtcText(since_epoch).text());
    char* const begin = arena.take(json.size());
    std::ranges::copy(json, begin);
    std::string_view const text(begin, json.size());
    JsonValue value{JsonValue::Kind::number, text};
    if (text.front() == '"') value = JsonValue{JsonValue::Kind::string, text.substr(1, text.size() - 2)};
    if (type == ColumnType::boolean) value = JsonValue{JsonValue::Kind::boolean, "true"};
    return make_cell(type, value, limits, arena, cell) == Fit::whole;
  }

  Row const& read(Record const& record) {
    arena.clear();
    find_values(record.data());
    changes.begin_row(record.meta());
    refused.clear();
    row.deleted = deleted_at < values.size() && means_deleted(values[deleted_at]);
    if (compares) refuse_what_was_altered();
    make_cells(record);
    row.changes = changes.json();
    row.refused = refused;
    return row;
  }
};

RowReader::RowReader(std::vector<Field> fields, ValueLimits limits, ComparedFields const& compared)
    : implementation_(std::make_unique<Implementation>(std::move(fields), limits, compared)) {}
RowReader::~RowReader() = default;
RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;

Row const& RowReader::read(Record const& record) {
  try {
    return implementation_->read(record);
  } catch (Error& error) {
    error.add_context(fmt::format("record {}", record.number()));
    throw;
  }
}

}  // namespace landfall
