#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>

namespace landfall {

/// A name as the store has it: of a schema, a table, a column. Any characters: what prints it into SQL quotes it
/// (SqlText), so a name can never be anything but a name.
class Identifier {
 public:
  Identifier() = default;
  explicit Identifier(std::string text) : text_(std::move(text)) {}

  std::string const& text() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

  friend auto operator<=>(Identifier const&, Identifier const&) = default;

 private:
  std::string text_;
};

/// Where a table is. Stores without schemas have an empty one.
struct TableName {
  TableName() = default;
  TableName(Identifier schema_name, Identifier table_name)
      : schema(std::move(schema_name)), table(std::move(table_name)) {}

  Identifier schema;
  Identifier table;
  friend auto operator<=>(TableName const&, TableName const&) = default;
};

/// For people: "schema.table", or "table"; control characters are shown as escapes.
std::string to_string(TableName const& name);

}  // namespace landfall
