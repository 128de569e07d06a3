#include <landfall/table/naming.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "table/name_scope.hpp"

namespace landfall {
namespace {

constexpr std::string_view between_namespace_and_name = "__";

// A raw table's own columns, beside the meta columns.
constexpr std::string_view raw_columns[] = {"_airbyte_data", "_airbyte_loaded_at"};

struct StreamWish {
  DestinationStream const* stream = nullptr;
  Identifier schema;
  NameWish table;
};

// With their lengths in front: ("a", "b_c") and ("a_b", "c") differ, and so do no namespace and an empty one.
std::string original_of(StreamDescriptor const& stream) {
  std::string const name = fmt::format("{}:{}", stream.name.size(), stream.name);
  if (!stream.name_space) return "-" + name;
  return fmt::format("{}:{}{}", stream.name_space->size(), *stream.name_space, name);
}

std::string original_of(std::string_view name) { return fmt::format("{}:{}", name.size(), name); }

NameWish table_in_schema(NameSpelling const& spelling, StreamDescriptor const& stream, NameWish const& schema) {
  NameWish wish = spelling.wish(stream.name, original_of(stream));
  if (stream.name_space) wish.is_spelled_so = wish.is_spelled_so && schema.is_spelled_so;
  return wish;
}

NameWish table_without_schema(NameSpelling const& spelling, StreamDescriptor const& stream,
                              std::string const& default_schema) {
  if (!stream.name_space && default_schema.empty()) return spelling.wish(stream.name, original_of(stream));
  std::string const name_space = stream.name_space.value_or(default_schema);
  std::string const joined = fmt::format("{}{}{}", name_space, between_namespace_and_name, stream.name);
  NameWish wish = spelling.wish(joined, original_of(stream));
  bool const is_ambiguous = joined.find(between_namespace_and_name) != name_space.size();
  wish.needs_hash = wish.needs_hash || is_ambiguous || name_space.empty() || stream.name.empty();
  return wish;
}

// In an order that is not the catalog's: it decides who keeps a natural name.
std::vector<std::shared_ptr<DestinationStream const>> sorted_streams(DestinationCatalog const& catalog) {
  auto streams = catalog.streams();
  std::ranges::sort(streams, {}, [](auto const& stream) -> StreamDescriptor const& { return stream->descriptor; });
  return streams;
}

StreamWish wish_of(DestinationStream const& stream, NameSpelling const& spelling, std::string const& default_schema) {
  StreamDescriptor const& descriptor = stream.descriptor;
  if (!spelling.has_schemas()) {
    return {&stream, Identifier(), table_without_schema(spelling, descriptor, default_schema)};
  }
  std::string const name_space = descriptor.name_space.value_or(default_schema);
  NameWish const schema = spelling.wish(name_space, original_of(name_space));
  return {&stream, NameScope(spelling).names_for({schema}).front(), table_in_schema(spelling, descriptor, schema)};
}

// Together where the store may take their schemas for one. Each keeps its own spelling of it: should the store tell
// them apart after all, no stream moves when another one comes.
std::map<std::string, std::vector<StreamWish>> wishes_by_schema(DestinationCatalog const& catalog,
                                                                NameSpelling const& spelling,
                                                                std::string const& default_schema) {
  std::map<std::string, std::vector<StreamWish>> schemas;
  for (auto const& stream : sorted_streams(catalog)) {
    StreamWish wish = wish_of(*stream, spelling, default_schema);
    schemas[spelling.key(wish.schema.text())].push_back(std::move(wish));
  }
  return schemas;
}

std::vector<NameWish> table_wishes(std::vector<StreamWish> const& streams) {
  std::vector<NameWish> wishes;
  for (StreamWish const& stream : streams) wishes.push_back(stream.table);
  return wishes;
}

std::set<std::string> field_names(DestinationStream const& stream) {
  std::set<std::string> names;
  boost::json::value const* const properties = stream.json_schema.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return names;
  for (auto const& property : properties->get_object()) names.emplace(property.key());
  return names;
}

std::map<std::string, Identifier, std::less<>> columns_of(DestinationStream const& stream,
                                                          NameSpelling const& spelling) {
  NameScope scope(spelling);
  for (std::string_view const name : {MetaColumns::raw_id, MetaColumns::extracted_at, MetaColumns::meta,
                                      MetaColumns::generation_id, MetaColumns::read_order, MetaColumns::deleted}) {
    scope.keep_free(name);
  }
  for (std::string_view const name : raw_columns) scope.keep_free(name);

  std::vector<NameWish> wishes;
  std::set<std::string> const fields = field_names(stream);
  for (std::string const& field : fields) wishes.push_back(spelling.wish(field, original_of(field)));
  std::vector<Identifier> names = scope.names_for(wishes);
  std::map<std::string, Identifier, std::less<>> columns;
  auto name = names.begin();
  for (std::string const& field : fields) columns.emplace(field, std::move(*name++));
  return columns;
}

}  // namespace

Identifier const& StreamTables::column(std::string_view field) const {
  auto const found = columns.find(field);
  if (found != columns.end()) return found->second;
  throw config_error("table {}: the stream's schema has no field {}", to_string(final_table),
                     to_string(StreamDescriptor(std::string(field))));
}

TableNames::TableNames(DestinationCatalog const& catalog, NameRules rules, std::string const& default_schema) {
  NameSpelling const spelling(std::move(rules));
  std::set<Identifier> schemas;
  for (auto const& [key, wishes] : wishes_by_schema(catalog, spelling, default_schema)) {
    NameScope scope(spelling);
    std::vector<Identifier> finals = scope.names_for(table_wishes(wishes));
    // Only now, when all final tables of the schema have their names.
    for (std::size_t i = 0; i < finals.size(); ++i) {
      StreamWish const& wish = wishes[i];
      StreamTables tables;
      tables.final_table = TableName(wish.schema, std::move(finals[i]));
      tables.work_table = TableName(wish.schema, scope.hashed_name(wish.table, "_work"));
      tables.attempt_table = TableName(wish.schema, scope.hashed_name(wish.table, "_attempt"));
      tables.swap_table = TableName(wish.schema, scope.hashed_name(wish.table, "_swap"));
      tables.columns = columns_of(*wish.stream, spelling);
      tables_.emplace(wish.stream->descriptor, std::move(tables));
      if (spelling.has_schemas()) schemas.insert(wish.schema);
    }
  }
  schemas_.assign(schemas.begin(), schemas.end());
  LANDFALL_ASSERT(tables_.size() == catalog.streams().size());
}

StreamTables const& TableNames::of(StreamDescriptor const& stream) const {
  auto const found = tables_.find(stream);
  LANDFALL_ASSERT(found != tables_.end());
  return found->second;
}

}  // namespace landfall
