#include <landfall/table/row_reader.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "table/cell_maker.hpp"
#include "table/changes.hpp"
#include "table/json_text.hpp"
#include "table/object_walker.hpp"

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

}  // namespace

struct RowReader::Implementation {
  Implementation(std::vector<Field> of_stream, ValueLimits value_limits)
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
  }

  std::vector<Field> fields;
  ValueLimits limits;
  std::vector<std::unique_ptr<Column const>> columns;
  std::unordered_map<std::string_view, std::size_t> places;  // of fields, by name
  /// For each field the one that is likely to follow it; the number of fields is none.
  std::vector<std::size_t> followers;
  std::size_t first = 0;

  ObjectWalker walker;
  TextArena arena;
  std::vector<JsonValue> values;
  std::vector<Cell> cells;
  Changes changes;
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

  void make_cells() {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      cells[i] = Cell();
      Fit const fit = make_cell(columns[i]->type, values[i], limits, arena, cells[i]);
      if (fit != Fit::whole) changes.add(columns[i]->quoted_name, fit);
    }
  }

  Row const& read(Record const& record) {
    arena.clear();
    find_values(record.data());
    changes.begin_row(record.meta());
    make_cells();
    row.changes = changes.json();
    return row;
  }
};

RowReader::RowReader(std::vector<Field> fields, ValueLimits limits)
    : implementation_(std::make_unique<Implementation>(std::move(fields), limits)) {}
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
