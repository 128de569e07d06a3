#include <landfall/table/naming.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "table/name_scope.hpp"

namespace landfall {
namespace {

constexpr std::string_view between_namespace_and_name = "__";

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
  NameWish const schema = spelling.wish(name_space, field_original(name_space));
  std::vector<Identifier> names(1);
  NameScope(spelling).fill({schema}, names);
  return {&stream, std::move(names.front()), table_in_schema(spelling, descriptor, schema)};
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

// ---- what is there ----

/// The other spelling of a stream: of a namespace and none that mean the default schema.
std::optional<StreamDescriptor> twin_of(StreamDescriptor const& stream, std::string const& default_schema) {
  if (default_schema.empty()) return std::nullopt;
  if (!stream.name_space) return StreamDescriptor(stream.name, default_schema);
  if (*stream.name_space == default_schema) return StreamDescriptor(stream.name);
  return std::nullopt;
}

/// The tables of the streams of one schema: those that are noted, and whose.
class SchemaTables {
 public:
  SchemaTables(NameSpelling const& spelling, std::string const& schema_key, TablesThere const& there) {
    for (auto const& [table, note] : there) {
      if (spelling.key(table.schema.text()) != schema_key) continue;
      note ? add(table, *note) : void(unowned_.push_back(table.table.text()));
    }
  }

  /// The final table of this owner; it may be missing while rows wait for it. Empty: it has none.
  Identifier final_of(StreamDescriptor const& owner, std::string const& name_space) const {
    auto const found = finals_.find({owner, name_space});
    return found == finals_.end() ? Identifier() : found->second.name;
  }

  /// Rows wait there for this final table.
  bool is_waiting_for(Identifier const& final_table, std::string const& table) const {
    auto const found = noted_.find(Identifier(table));
    return found != noted_.end() && found->second == final_table && found->first != final_table;
  }

  void keep_out_of(NameScope& scope) const {
    for (auto const& [table, final_table] : noted_) {
      scope.keep_free(table.text());
      scope.keep_free(final_table.text());
    }
    for (std::string const& table : unowned_) scope.add_unowned(table);
  }

 private:
  using Owner = std::pair<StreamDescriptor, std::string>;
  struct Final {
    Identifier name;
    bool is_there = false;
  };

  void add(TableName const& table, TableNote const& note) {
    noted_.emplace(table.table, note.final_table.table);
    Final& of_owner = finals_[{note.owner, note.name_space}];
    if (of_owner.is_there) return;
    of_owner = {note.final_table.table, table.table == note.final_table.table};
  }

  std::map<Owner, Final> finals_;
  std::map<Identifier, Identifier> noted_;  // the final table of each
  std::vector<std::string> unowned_;
};

/// Gives names to the tables of the streams that share a schema.
class SchemaNaming {
 public:
  SchemaNaming(NameSpelling const& spelling, std::string const& default_schema, DestinationCatalog const& catalog,
               SchemaTables const& there, std::vector<StreamWish> const& wishes)
      : spelling_(spelling),
        default_schema_(default_schema),
        catalog_(catalog),
        there_(there),
        wishes_(wishes),
        scope_(spelling) {
    there_.keep_out_of(scope_);
  }

  std::vector<Identifier> final_tables() {
    std::vector<Identifier> names;
    std::set<Identifier> given;
    for (StreamWish const& wish : wishes_) {
      Identifier name = owned_by(*wish.stream);
      // Two of one name: somebody has changed the notes.
      names.push_back(!name.empty() && given.insert(name).second ? std::move(name) : Identifier());
    }
    std::vector<NameWish> const natural = table_wishes(wishes_);
    scope_.adopt(natural, names);
    scope_.fill(natural, names);
    return names;
  }

  /// Where rows wait under the name that the stream's other spelling gave, they are found again.
  Identifier table_of_kind(StreamWish const& wish, Identifier const& final_table, std::string_view kind) {
    std::string own = spelling_.hashed(wish.table, kind, 0);
    if (there_.is_waiting_for(final_table, own)) return Identifier(std::move(own));
    if (auto const twin = twin_of(wish.stream->descriptor, default_schema_)) {
      NameWish others = wish.table;
      others.original = original_of(*twin);
      std::string theirs = spelling_.hashed(others, kind, 0);
      if (there_.is_waiting_for(final_table, theirs)) return Identifier(std::move(theirs));
    }
    return scope_.hashed_name(wish.table, kind);
  }

 private:
  Identifier owned_by(DestinationStream const& stream) const {
    StreamDescriptor const& descriptor = stream.descriptor;
    std::string const name_space = descriptor.name_space.value_or(default_schema_);
    Identifier name = there_.final_of(descriptor, name_space);
    if (!name.empty()) return name;
    auto const twin = twin_of(descriptor, default_schema_);
    if (!twin || catalog_.find(*twin) != nullptr) return Identifier();
    return there_.final_of(*twin, name_space);
  }

  NameSpelling const& spelling_;
  std::string const& default_schema_;
  DestinationCatalog const& catalog_;
  SchemaTables const& there_;
  std::vector<StreamWish> const& wishes_;
  NameScope scope_;
};

}  // namespace

Identifier const& StreamTables::column(std::string_view field) const {
  auto const found = columns.find(field);
  if (found != columns.end()) return found->second;
  throw config_error("table {}: the stream's schema has no field {}", to_string(final_table),
                     to_string(StreamDescriptor(std::string(field))));
}

TableNames::TableNames(DestinationCatalog const& catalog, NameRules rules, std::string const& default_schema,
                       TablesThere const& there) {
  NameSpelling const spelling(std::move(rules));
  std::set<Identifier> schemas;
  for (auto const& [key, wishes] : wishes_by_schema(catalog, spelling, default_schema)) {
    SchemaTables const in_schema(spelling, key, there);
    SchemaNaming naming(spelling, default_schema, catalog, in_schema, wishes);
    std::vector<Identifier> const finals = naming.final_tables();
    // Only now, when all final tables of the schema have their names.
    for (std::size_t i = 0; i < finals.size(); ++i) {
      StreamWish const& wish = wishes[i];
      StreamTables tables;
      tables.final_table = TableName(wish.schema, finals[i]);
      tables.work_table = TableName(wish.schema, naming.table_of_kind(wish, finals[i], "_work"));
      tables.attempt_table = TableName(wish.schema, naming.table_of_kind(wish, finals[i], "_attempt"));
      tables.swap_table = TableName(wish.schema, naming.table_of_kind(wish, finals[i], "_swap"));
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
