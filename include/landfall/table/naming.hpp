#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/protocol/catalog.hpp>
#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/table/identifier.hpp>
#include <landfall/table/table_note.hpp>

namespace landfall {

/// How a store treats names: the part of a dialect that naming needs.
struct NameRules {
  NameRules() = default;

  enum class Unit { bytes, characters };
  /// Two names that differ by case only: `kept`: are two. `ignored`: are one, spelled as they came (SQLite). `lower`,
  /// `upper`: are one, and the store's own spelling is this.
  enum class LetterCase { kept, ignored, lower, upper };

  std::size_t longest = 63;  ///< of a schema, a table, a column; not less than the meta columns need, see TableNames
  Unit unit = Unit::bytes;
  LetterCase letter_case = LetterCase::kept;
  bool has_schemas = true;             ///< false: the namespace becomes a part of the table's name
  std::vector<std::string> reserved;   ///< names the store cannot have or keeps for itself, compared without case
  std::vector<std::string> forbidden;  ///< beginnings that it keeps for itself ("sqlite_", "pg_"), the same
};

/// The names of one stream in the store.
struct StreamTables {
  StreamTables() = default;

  TableName final_table;
  TableName work_table;     ///< where rows wait for the end of a refresh, or for their upsert
  TableName attempt_table;  ///< where rows wait that nobody acknowledges before their stream is closed
  TableName swap_table;     ///< where a new final table is put together
  std::map<std::string, Identifier, std::less<>> columns;  ///< by field; only where a stream is loaded: column_names()

  /// Errors: Error(config) which names the field when the stream has none of this name.
  Identifier const& column(std::string_view field) const;
};

/// The tables that are there, with their notes.
using TablesThere = std::map<TableName, std::optional<TableNote>>;

/// The tables of every stream of a catalog.
///
/// Owned:     a stream goes on in the table that is noted for it: for its namespace (or none), what that resolves to,
///            and its name as the source spells it. A namespace and none that mean the default schema are one stream
///            under two spellings: where the old one is not in the catalog any more, the new one takes its table over.
/// Adopted:   a table without a note, of before there were any, goes to the one stream whose hashed, or else whose
///            natural name it bears, letter by letter. Where two streams might have made it, neither gets it.
/// New:       any other stream gets its natural name, unless somebody has it, in this catalog or not: then a hashed
///            one. So names never move: streams that fold into one name come and go, and their rows never mix.
/// Natural:   the name of a stream, namespace or field as the store spells it: NFC, in the store's case. Without
///            schemas a table's is "namespace__name". Most names are natural.
/// Hashed:    a beginning of the natural name, '_' and ten digits of a hash of the whole original. A name is hashed,
///            whatever else is there, when its natural one is empty, too long, reserved or forbidden, when bytes were
///            replaced in it (control characters by '_', what is not UTF-8 by U+FFFD), or when "__" does not say where
///            its namespace ends. A forbidden beginning gets '_' in front. Work, attempt and swap tables are always
///            hashed: "name_work_0123456789".
/// Collision: where natural names of new tables in one schema, or of new columns in one table, are one in the store,
///            one of them is kept: that which came spelled so, "users" before "Users" in a store that folds to lower
///            case; else the first by the original's bytes (by its namespace's, where names are equal). The others are
///            hashed. Namespaces may be one in the store: they keep their spelling, and their tables are told apart.
/// Meaning:   the same catalog over the same tables gives the same names, in any order of the catalog. Where graphemes
///            end may change with a new version of Unicode, and with it a new name that is cut there.
/// Invariant: no two tables of the catalog, and no two columns of a table, are one in the store; none is one of the
///            meta columns, nor of those of a raw table. Names are NFC in UTF-8, without NUL and control characters.
/// Errors:    Error(system) when `rules` are wrong: `longest` is less than 22 (_airbyte_generation_id), or what is
///            reserved and forbidden leaves no name. No stream or field makes one: every name can be had.
/// Source:    base design 3.12; protocol reference 3.4, "weird names".
class TableNames {
 public:
  /// `default_schema`: the namespace of streams that have none. A store without schemas may do without: then the name
  /// of the table is the stream's alone. The empty namespace is another one, and has a hashed name.
  /// `there`: all tables of schemas(); the names of an empty store, where it is left out.
  TableNames(DestinationCatalog const& catalog, NameRules rules, std::string const& default_schema,
             TablesThere const& there = {});

  /// Without columns. Asserts that the stream is in the catalog.
  StreamTables const& of(StreamDescriptor const& stream) const;

  /// All schemas that are needed, sorted, each spelling once; none in a store without them. Where case is ignored, a
  /// schema may be there already when the next one is created.
  std::vector<Identifier> const& schemas() const noexcept { return schemas_; }

 private:
  std::map<StreamDescriptor, StreamTables> tables_;
  std::vector<Identifier> schemas_;
};

/// The columns that every final table has beside those of its fields.
struct MetaColumns {
  static constexpr std::string_view raw_id = "_airbyte_raw_id";
  static constexpr std::string_view extracted_at = "_airbyte_extracted_at";
  static constexpr std::string_view meta = "_airbyte_meta";
  static constexpr std::string_view generation_id = "_airbyte_generation_id";
  static constexpr std::string_view data = "_airbyte_data";  ///< all fields, where there are no columns for them
  /// Of rows that wait for their upsert, never of a final table: the order in which they were read.
  static constexpr std::string_view read_order = "_landfall_read_order";
  /// Of the same rows, where the stream has deleted_at_field: the record said that its key was deleted. Null in rows
  /// that were stored before there was this column.
  static constexpr std::string_view deleted = "_landfall_deleted";

  /// A column that only tables of waiting rows have.
  static constexpr bool is_of_waiting_rows(std::string_view column) noexcept {
    return column == read_order || column == deleted;
  }
};

/// The field by which a source says that a row was deleted: any value of it but null, false and "".
constexpr std::string_view deleted_at_field = "_ab_cdc_deleted_at";

}  // namespace landfall
