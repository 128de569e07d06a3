#include <landfall/table/column_names.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <landfall/runtime/error.hpp>
#include <landfall/table/airbyte_type.hpp>

#include "table/name_scope.hpp"

namespace landfall {
namespace {

constexpr std::string_view own_columns[] = {
    MetaColumns::raw_id,        MetaColumns::extracted_at, MetaColumns::meta,
    MetaColumns::generation_id, MetaColumns::data,         MetaColumns::read_order,
    MetaColumns::deleted,       "_airbyte_loaded_at"};  // the last one: of a raw table

bool is_own(Identifier const& column) {
  bool const is_listed = std::ranges::find(own_columns, column.text()) != std::end(own_columns);
  return is_listed || MetaColumns::is_of_waiting_rows(column.text());
}

std::vector<std::string> field_names(DestinationStream const& stream) {
  std::set<std::string> names;
  boost::json::object const schema = stream.json_schema.parse();
  boost::json::value const* const properties = schema.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return {};
  for (auto const& property : properties->get_object()) names.emplace(property.key());
  return {names.begin(), names.end()};
}

/// Gives names to the columns of one stream.
class ColumnNaming {
 public:
  ColumnNaming(DestinationStream const& stream, NameRules const& rules)
      : spelling_(rules), scope_(spelling_), fields_(field_names(stream)), names_(fields_.size()) {
    for (std::string const& field : fields_) wishes_.push_back(spelling_.wish(field, field_original(field)));
    for (std::string_view const name : own_columns) scope_.keep_free(name);
  }

  /// Also of fields that left the schema: nobody else gets theirs.
  void take_noted(ExistingTable const& table) {
    for (auto const& [column, field] : table.fields) {
      if (!scope_.keep_free(column.text())) continue;
      auto const place = std::ranges::lower_bound(fields_, field);
      if (place == fields_.end() || *place != field) continue;
      Identifier& name = names_[static_cast<std::size_t>(place - fields_.begin())];
      if (name.empty()) name = column;
    }
  }

  void adopt(ExistingTable const& table) {
    for (TableColumn const& column : table.schema.columns) {
      if (!is_own(column.name)) scope_.add_unowned(column.name.text());
    }
    scope_.adopt(wishes_, names_);
  }

  void take_over_users(ExistingTable const& table) {
    for (TableColumn const& column : table.schema.columns) {
      if (is_own(column.name) || table.fields.contains(column.name)) continue;
      if (auto const taker = taker_of(column.name.text())) names_[*taker] = column.name;
      scope_.keep_free(column.name.text());
    }
  }

  ColumnNames names() {
    scope_.fill(wishes_, names_);
    ColumnNames columns;
    for (std::size_t i = 0; i < fields_.size(); ++i) columns.emplace(std::move(fields_[i]), std::move(names_[i]));
    return columns;
  }

 private:
  /// Of new fields that would have this name: who spells it so, else the first.
  std::optional<std::size_t> taker_of(std::string const& column) const {
    std::optional<std::size_t> taker;
    for (std::size_t i = 0; i < wishes_.size(); ++i) {
      if (!names_[i].empty() || wishes_[i].needs_hash) continue;
      if (wishes_[i].text == column) return i;
      if (!taker && spelling_.key(wishes_[i].text) == spelling_.key(column)) taker = i;
    }
    return taker;
  }

  NameSpelling spelling_;
  NameScope scope_;
  std::vector<std::string> fields_;  // sorted
  std::vector<NameWish> wishes_;
  std::vector<Identifier> names_;
};

std::string type_of(TableColumn const& column) {
  return column.foreign_type.empty() ? std::string(to_string(column.type)) : column.foreign_type;
}

bool fits(TableColumn const& column, ColumnType type) {
  return column.foreign_type.empty() && column.type == type && !column.computed_by_store;
}

}  // namespace

ColumnNames column_names(DestinationStream const& stream, NameRules const& rules, ColumnsThere const& there) {
  ColumnNaming naming(stream, rules);
  ExistingTable const* const final_table = there.final_table;
  ExistingTable const* const work_table = there.work_table;
  if (final_table != nullptr && final_table->owner) {
    naming.take_noted(*final_table);
    naming.take_over_users(*final_table);
  }
  if (work_table != nullptr && work_table->owner) naming.take_noted(*work_table);
  if (final_table != nullptr && !final_table->owner) naming.adopt(*final_table);
  if (work_table != nullptr && !work_table->owner) naming.adopt(*work_table);
  return naming.names();
}

void refuse_unfit_columns(DestinationStream const& stream, TableName const& table, ExistingTable const& there,
                          ColumnNames const& names) {
  if (!there.owner) return;
  for (Field const& field : fields_of(stream.json_schema)) {
    auto const name = names.find(field.name);
    TableColumn const* const column = name == names.end() ? nullptr : there.schema.find(name->second);
    if (column == nullptr || there.fields.contains(column->name)) continue;
    ColumnType const type = column_type_of(field.type);
    if (fits(*column, type)) continue;
    throw config_error(
        "stream {}: its new field {} needs a column of type {}, but {} has a column {} of type {}{}, which is not the "
        "stream's: somebody has added it, or its field was not in the schema when the table was adopted. Rename or "
        "drop that column, give the field that type, or deselect the field",
        to_string(stream.descriptor), to_string(StreamDescriptor(field.name)), to_string(type), to_string(table),
        to_string(StreamDescriptor(column->name.text())), type_of(*column),
        column->computed_by_store ? " (computed by the database)" : "");
  }
}

TableColumn const* find_unfilled_column(TableSchema const& actual, TableSchema const& wanted) {
  for (TableColumn const& column : actual.columns) {
    bool const may_be_missing = column.nullable || column.filled_by_store || column.computed_by_store;
    if (!may_be_missing && !is_own(column.name) && wanted.find(column.name) == nullptr) return &column;
  }
  return nullptr;
}

}  // namespace landfall
