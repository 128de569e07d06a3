#pragma once

#include <vector>

#include <landfall/table/sql_text.hpp>
#include <landfall/table/table_operations.hpp>

namespace postgres {

/// The columns that a cursor is compared by, one after the other. Texts compare by their bytes, whatever the database's
/// collation; of JSON null < numbers < texts < booleans < arrays and objects, numbers by value, the last ones equal
/// (compare_json()).
///
/// Null: only the first column may be null, and then the cursor is.
class CursorOrder {
 public:
  CursorOrder(landfall::TableSchema const& schema, landfall::UpsertRule const& rule);

  std::vector<landfall::Identifier> const& names() const noexcept { return names_; }

  /// "expression AS cursor, ", for each.
  void add_columns(landfall::SqlText& sql) const;

 private:
  void add_json_columns(landfall::SqlText& sql) const;

  landfall::TableColumn const* column_ = nullptr;  // null: there is no cursor
  std::vector<landfall::Identifier> names_;
};

}  // namespace postgres
