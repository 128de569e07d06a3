#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <landfall/protocol/catalog.hpp>
#include <landfall/table/airbyte_type.hpp>
#include <landfall/table/identifier.hpp>
#include <landfall/table/naming.hpp>

namespace landfall {

/// A column as it is, or as it should be.
struct TableColumn {
  TableColumn() = default;
  TableColumn(Identifier column_name, ColumnType column_type, bool may_be_null = true)
      : name(std::move(column_name)), type(column_type), nullable(may_be_null) {}

  Identifier name;
  ColumnType type = ColumnType::text;
  bool nullable = true;
  /// A row that does not name the column gets a value: it has a default, is generated or an identity. So is none of
  /// ours.
  bool filled_by_store = false;
  bool computed_by_store = false;  ///< no row can name it at all: it is generated, or always an identity
  /// As found in the store: some of its values may be spelled as an older version of the store's code spelled them.
  /// alter() brings them over.
  bool outdated = false;
  /// As found in the store, where it is another type than `type` has there, that holds the same: a raw id may be a
  /// "uuid", and stays one; any other column becomes the usual one, as it does where the values are limited
  /// ("numeric(38,9)", of another destination's table).
  std::string stored_as;
  /// As found in the store, where it is none of the types that we make: then `type` says nothing.
  std::string foreign_type;
  friend bool operator==(TableColumn const&, TableColumn const&) = default;
};

/// The columns of a table, and its key. A value.
struct TableSchema {
  TableSchema() = default;

  std::vector<TableColumn> columns;
  /// Rows are looked up by it (an index, no constraint: what was appended before may have doubles). Empty: rows are
  /// appended, none replaces another.
  std::vector<Identifier> primary_key;
  friend bool operator==(TableSchema const&, TableSchema const&) = default;

  /// Null when there is no such column.
  TableColumn const* find(Identifier const& name) const;
};

/// How a stream's rows are laid out in its tables.
enum class TableLayout {
  typed,  ///< a column for each field
  raw,    ///< all fields in `_airbyte_data`
};

/// What the tables of a stream should look like: the meta columns first, then the columns of its fields, or
/// `_airbyte_data`. Meta columns are never null, but for the generation. The primary key is that of append_dedup; no
/// other mode has one.
/// Errors: Error(config), with the stream's name, for append_dedup in the raw layout or without a key, and for a key or
///         a cursor that is no top-level field of the schema: rows cannot be compared by what is no column.
/// Source: protocol reference 3.3; base design 1.17, computeSchema.
TableSchema schema_of(DestinationStream const& stream, StreamTables const& names, TableLayout layout);

/// What has to be done to a table so that new rows fit in, and old ones stay. No column is ever dropped: one that no
/// field has (any more) may be a user's, or have the history of a field that comes back.
struct SchemaChange {
  SchemaChange() = default;

  struct Retype {
    TableColumn from;
    TableColumn to;
    friend bool operator==(Retype const&, Retype const&) = default;
  };
  std::vector<TableColumn> added;
  /// The exception: columns in which we note something about rows that wait (MetaColumns::is_of_waiting_rows()), where
  /// rows do not wait any more. These are dropped.
  std::vector<TableColumn> retired;
  std::vector<Retype> retyped;        ///< another type; a column that is not nullable stays so
  std::vector<Retype> renullable;     ///< nothing but its nullability changes: none may be null any more
  std::vector<TableColumn> outdated;  ///< their types stay, the spelling of their values changes
  bool key_changes = false;
  /// By which the newest row is found where keys become equal that were not: by another type, or another spelling.
  std::optional<Identifier> cursor;
  /// Of rows that wait: columns of which no value may be lost, as none of the key may, since rows are going to be
  /// compared by them. Does nothing by itself, either.
  std::vector<Identifier> decisive;

  /// That there is nothing to be done. The cursor does nothing by itself.
  bool empty() const noexcept;
};

/// Errors: Error(config) which names the table: a meta column is missing or of another type, so it is none of ours.
/// Only
///         the generation may be missing: earlier destinations had none.
void refuse_foreign_table(TableName const& table, TableSchema const& actual);

/// What is there and stays: NOT NULL on columns of ours that a user wants it on, and the type of the raw id. `wanted`
/// is changed to that, so that all tables of the stream are alike, and a record that the final table would not take is
/// rejected when it is loaded, not when rows are merged.
void keep_what_is_there(TableSchema& wanted, TableSchema const& actual);

/// Columns are compared by name; their order does not matter. One that is not wanted is left alone, and so is a NOT
/// NULL where null is wanted: somebody has put it there. Errors: Error(config) which names the table and the column: a
/// wanted one has a foreign type. And as
///         refuse_foreign_table().
/// Source: base design, behaviours 267, 268.
SchemaChange change_between(TableName const& table, TableSchema const& actual, TableSchema const& wanted);

}  // namespace landfall
