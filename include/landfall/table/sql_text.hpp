#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <landfall/table/identifier.hpp>

namespace landfall {

/// Text that stands in the source code: the only text that goes into SQL as it is.
class SqlLiteral {
 public:
  consteval SqlLiteral(char const* text) : text_(text) {}  // NOLINT(google-explicit-constructor): it is meant to
  constexpr std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// A statement that is put together. What comes from outside goes in as a name (quoted), as a string (quoted) or as a
/// number: text from outside cannot become SQL, since nothing here takes it as such. A space is put in where two of
/// them would run together ("a""b" is one name, E'\n' another string, --3 a comment).
///
/// Example: SqlText sql;
///          (sql << "SELECT ").list(columns) << " FROM " << table_name << " WHERE a = ";
///          sql.string(value) << " LIMIT " << 10;
/// Errors:  Error(system) for a name or string with U+0000: no store takes it in a statement.
/// Source:  the standard's quoting of names ("a""b") and of strings ('a''b'), which SQLite and PostgreSQL (with
///          standard_conforming_strings, its default) follow.
class SqlText {
 public:
  SqlText& operator<<(SqlLiteral literal);
  SqlText& operator<<(Identifier const& name);
  SqlText& operator<<(TableName const& name);  ///< "schema"."table", or "table"
  SqlText& operator<<(std::int64_t number);
  SqlText& operator<<(SqlText const& other);

  /// A string literal.
  SqlText& string(std::string_view text);

  /// Names with commas between them, each behind `before` ("t.", or nothing).
  SqlText& list(std::span<Identifier const> names, SqlLiteral before = "");

  std::string const& text() const noexcept { return text_; }

 private:
  void append_tokens(std::string_view tokens);

  std::string text_;
  bool ends_with_value_ = false;  // not with a literal
};

}  // namespace landfall
