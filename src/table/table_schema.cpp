#include <landfall/table/table_schema.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

struct MetaColumn {
  std::string_view name;
  ColumnType type;
  bool nullable;
};
constexpr std::array<MetaColumn, 4> meta_columns = {{
    {MetaColumns::raw_id, ColumnType::text, false},
    {MetaColumns::extracted_at, ColumnType::timestamp_with_timezone, false},
    {MetaColumns::meta, ColumnType::json, false},
    {MetaColumns::generation_id, ColumnType::integer, true},  // null on a platform without generations
}};

TableColumn column_of(MetaColumn const& meta) {
  return TableColumn(Identifier(std::string(meta.name)), meta.type, meta.nullable);
}

bool has_field(std::vector<Field> const& fields, std::string const& name) {
  return std::ranges::any_of(fields, [&name](Field const& field) { return field.name == name; });
}

/// The top-level field that `path` names.
std::string const& field_at(std::vector<std::string> const& path, std::vector<Field> const& fields,
                            DestinationStream const& stream, std::string_view what) {
  if (path.size() == 1 && has_field(fields, path.front())) return path.front();
  throw config_error("stream {}: its {} '{}' is no top-level field of its schema: choose one that is",
                     to_string(stream.descriptor), what, fmt::join(path, "."));
}

std::vector<Identifier> primary_key_of(DestinationStream const& stream, StreamTables const& names,
                                       std::vector<Field> const& fields, TableLayout layout) {
  std::vector<Identifier> key;
  if (stream.destination_sync_mode != DestinationSyncMode::append_dedup) return key;
  if (layout == TableLayout::raw) {
    throw config_error(
        "stream {}: append_dedup compares rows by columns, and with raw data alone there are none: choose append, or "
        "typed columns",
        to_string(stream.descriptor));
  }
  if (stream.primary_key.empty()) {
    throw config_error("stream {}: append_dedup needs a primary key: choose one, or another sync mode",
                       to_string(stream.descriptor));
  }
  for (auto const& path : stream.primary_key) {
    key.push_back(names.columns.at(field_at(path, fields, stream, "primary key")));
  }
  if (!stream.cursor_field.empty()) field_at(stream.cursor_field, fields, stream, "cursor");
  return key;
}

}  // namespace

TableColumn const* TableSchema::find(Identifier const& name) const {
  auto const found = std::ranges::find(columns, name, &TableColumn::name);
  return found == columns.end() ? nullptr : &*found;
}

TableSchema schema_of(DestinationStream const& stream, StreamTables const& names, TableLayout layout) {
  std::vector<Field> const fields = fields_of(stream.json_schema);
  TableSchema schema;
  for (MetaColumn const& meta : meta_columns) schema.columns.push_back(column_of(meta));
  schema.primary_key = primary_key_of(stream, names, fields, layout);
  if (layout == TableLayout::raw) {
    schema.columns.emplace_back(Identifier(std::string(MetaColumns::data)), ColumnType::json);
    return schema;
  }
  for (Field const& field : fields) {
    schema.columns.emplace_back(names.columns.at(field.name), column_type_of(field.type));
  }
  return schema;
}

bool SchemaChange::empty() const noexcept {
  return added.empty() && retired.empty() && retyped.empty() && renullable.empty() && outdated.empty() && !key_changes;
}

void refuse_foreign_table(TableName const& table, TableSchema const& actual) {
  for (MetaColumn const& meta : meta_columns) {
    Identifier const name{std::string(meta.name)};
    TableColumn const* const column = actual.find(name);
    if (column != nullptr && column->foreign_type.empty() && column->type == meta.type) continue;
    if (column == nullptr && meta.name == MetaColumns::generation_id) continue;
    throw config_error(
        "{} is no table of this destination: its column {} {}. Rename that table, or choose another schema or prefix",
        to_string(table), meta.name,
        column == nullptr              ? std::string("is missing")
        : column->foreign_type.empty() ? fmt::format("is {}, not {}", to_string(column->type), to_string(meta.type))
                                       : fmt::format("is {}", column->foreign_type));
  }
}

void keep_what_is_there(TableSchema& wanted, TableSchema const& actual) {
  for (TableColumn& column : wanted.columns) {
    TableColumn const* const there = actual.find(column.name);
    if (there == nullptr) continue;
    column.nullable = there->nullable;
    if (column.name.text() == MetaColumns::raw_id) column.stored_as = there->stored_as;
  }
}

SchemaChange change_between(TableName const& table, TableSchema const& actual, TableSchema const& wanted) {
  refuse_foreign_table(table, actual);
  SchemaChange change;
  for (TableColumn const& column : wanted.columns) {
    TableColumn const* const there = actual.find(column.name);
    if (there == nullptr) {
      change.added.push_back(column);
    } else if (!there->foreign_type.empty()) {
      throw config_error(
          "{}: the column {} is {}, which no sync has made: rename it, or choose another schema or prefix",
          to_string(table), column.name.text(), there->foreign_type);
    } else if (there->type != column.type || there->stored_as != column.stored_as) {
      change.retyped.push_back({*there, column});
      change.retyped.back().to.nullable = column.nullable && there->nullable;
    } else if (there->nullable && !column.nullable) {
      change.renullable.push_back({*there, column});
    }
  }
  for (TableColumn const& column : wanted.columns) {
    TableColumn const* const there = actual.find(column.name);
    if (there != nullptr && there->outdated && there->type == column.type) change.outdated.push_back(column);
  }
  for (TableColumn const& column : actual.columns) {
    bool const is_retired = MetaColumns::is_of_waiting_rows(column.name.text()) && wanted.find(column.name) == nullptr;
    if (is_retired) change.retired.push_back(column);
  }
  change.key_changes = actual.primary_key != wanted.primary_key;
  return change;
}

}  // namespace landfall
