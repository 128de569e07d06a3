#include "sqlite_others.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>
#include <landfall/table/naming.hpp>

#include "sqlite_catalog.hpp"

namespace sqlite {

using landfall::Identifier;
using landfall::SqlText;
using landfall::TableName;

namespace {

constexpr landfall::SqlLiteral find_others =
    "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '\\_landfall\\_key\\_%' ESCAPE "
    "'\\' AND type = ";

void look_up(Database& database, SqlText const& sql, Others& others) {
  Statement found = database.prepare(sql);
  while (found.step()) others.push_back({found.text(0), Identifier(found.text(1)), found.text(2)});
}

void look_up(Database& database, TableName const& table, std::string const& kind, Others& others) {
  SqlText sql;
  (sql << find_others).string(kind) << " AND tbl_name = ";
  sql.string(table.table.text()) << " COLLATE NOCASE ORDER BY rowid";
  look_up(database, sql, others);
}

// ---- columns ----

struct Definition {
  Identifier name;
  std::string type;
  std::string collation;
  bool is_not_null = false;
  std::string default_value;  // empty: there is none

  bool has_default() const noexcept { return !default_value.empty(); }
  friend bool operator==(Definition const&, Definition const&) = default;

  std::string text() const {
    std::string all = fmt::format("{} {} COLLATE {}", (SqlText() << name).text(), type, collation);
    if (is_not_null) all += " NOT NULL";
    if (has_default()) all += fmt::format(" DEFAULT ({})", default_value);
    return all;
  }
};

std::vector<Definition> definitions(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_xinfo(";
  sql.string(table.table.text()) << ") WHERE hidden = 0 ORDER BY cid";
  std::vector<Definition> columns;
  Statement found = database.prepare(sql);
  while (found.step()) {
    Definition column;
    column.name = Identifier(found.text(0));
    column.type = found.text(1);
    column.collation = database.collation_of(table, column.name);
    column.is_not_null = found.integer(2) != 0;
    if (!found.is_null(3)) column.default_value = found.text(3);
    columns.push_back(std::move(column));
  }
  return columns;
}

bool is_same_name(Identifier const& a, Identifier const& b) {
  return sqlite3_stricmp(a.text().c_str(), b.text().c_str()) == 0;
}

std::vector<Definition> missing_in(std::vector<Definition> const& there, std::vector<Definition> const& columns) {
  std::vector<Definition> missing;
  for (Definition const& column : columns) {
    bool const is_there =
        std::ranges::any_of(there, [&](Definition const& other) { return is_same_name(other.name, column.name); });
    bool const waits = landfall::MetaColumns::is_of_waiting_rows(column.name.text());
    if (!is_there && !waits) missing.push_back(column);
  }
  return missing;
}

/// What users have made of a column of `old` goes along, where it has the same type.
std::vector<Definition> with_rules_of(std::vector<Definition> const& old, std::vector<Definition> columns) {
  for (Definition& column : columns) {
    auto const before =
        std::ranges::find_if(old, [&](Definition const& other) { return is_same_name(other.name, column.name); });
    if (before == old.end() || before->type != column.type) continue;
    column.collation = before->collation;
    column.is_not_null = column.is_not_null || before->is_not_null;
    column.default_value = before->default_value;
  }
  return columns;
}

/// SQLite changes no column of a table, and adds none with a default like CURRENT_TIMESTAMP to one with rows.
void write_anew(Database& database, TableName const& table, std::vector<Definition> const& columns,
                std::vector<Definition> const& missing) {
  TableName const copy{table.schema, Identifier("_landfall_copy")};
  drop_table(database, copy);
  std::string made = (SqlText() << "CREATE TABLE " << copy << " (").text();
  std::vector<Identifier> names;
  for (Definition const& column : columns) {
    names.push_back(column.name);
    made += column.text() + ", ";
  }
  for (Definition const& column : missing) made += column.text() + ", ";
  made.resize(made.size() - 2);
  database.run_stored(made + ")");
  SqlText rows;
  rows << "INSERT INTO " << copy << " (";
  rows.list(names) << ") SELECT ";
  rows.list(names) << " FROM " << table << " ORDER BY rowid";
  database.run(rows);
  auto const key = schema_of(database, table).primary_key;
  drop_table(database, table);
  rename_table(database, copy, table);
  create_key(database, table, key);
}

// ---- what cannot be had ----

/// The words of a statement that stand in it by themselves: in no string, name or comment.
class Words {
 public:
  explicit Words(std::string_view sql) noexcept : rest_(sql) {}

  /// Empty at the end.
  std::string_view next() {
    while (!rest_.empty()) {
      if (is_letter(rest_.front())) return take(count_while(is_letter));
      skip();
    }
    return rest_;
  }

 private:
  static bool is_letter(char byte) noexcept {
    return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '_' || byte == '$' || (byte & 0x80) != 0;
  }

  template <class Is>
  std::size_t count_while(Is is) const {
    return static_cast<std::size_t>(std::ranges::find_if_not(rest_, is) - rest_.begin());
  }

  std::string_view take(std::size_t size) {
    std::string_view const taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  void skip_behind(std::string_view end, std::size_t from) {
    auto const found = rest_.find(end, from);
    rest_.remove_prefix(found == rest_.npos ? rest_.size() : found + end.size());
  }

  void skip() {
    char const first = rest_.front();
    if (first == '\'' || first == '"' || first == '`') return skip_behind(std::string_view(&first, 1), 1);
    if (first == '[') return skip_behind("]", 1);
    if (rest_.starts_with("--")) return skip_behind("\n", 2);
    if (rest_.starts_with("/*")) return skip_behind("*/", 2);
    rest_.remove_prefix(1);
  }

  std::string_view rest_;
};

bool has_word(std::string_view sql, std::string_view wanted) {
  Words words(sql);
  for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
    if (word.size() == wanted.size() &&
        sqlite3_strnicmp(word.data(), wanted.data(), static_cast<int>(word.size())) == 0) {
      return true;
    }
  }
  return false;
}

std::string sql_of(Database& database, TableName const& table) {
  SqlText sql;
  sql << "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ";
  sql.string(table.table.text()) << " COLLATE NOCASE";
  Statement found = database.prepare(sql);
  return found.step() ? found.text(0) : std::string();
}

void add_texts(Database& database, TableName const& table, landfall::SqlLiteral before, landfall::SqlLiteral after,
               std::string_view format, std::vector<std::string>& parts) {
  SqlText sql;
  sql << before;
  Statement found = database.prepare(sql.string(table.table.text()) << after);
  while (found.step()) parts.push_back(fmt::format(fmt::runtime(format), found.text(0)));
}

}  // namespace

Others indexes_of_others(Database& database, TableName const& table) {
  Others others;
  look_up(database, table, "index", others);
  return others;
}

Others indexes_and_triggers_of_others(Database& database, TableName const& table) {
  Others others = indexes_of_others(database, table);
  look_up(database, table, "trigger", others);
  return others;
}

landfall::SqlLiteral insert_into(Database& database, TableName const& table) {
  Statement found = database.prepare(SqlText() << "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? "
                                                  "COLLATE NOCASE AND sql LIKE '%ON%CONFLICT%'");
  std::string const name = table.table.text();
  found.bind(1, name);
  if (found.step()) return "INSERT OR ABORT INTO ";
  return "INSERT INTO ";
}

bool has_triggers(Database& database, TableName const& table) {
  Others triggers;
  look_up(database, table, "trigger", triggers);
  return !triggers.empty();
}

Others views_and_triggers(Database& database) {
  Others others;
  look_up(database, SqlText() << find_others << "'view' ORDER BY rowid", others);
  look_up(database, SqlText() << find_others << "'trigger' ORDER BY rowid", others);
  return others;
}

void drop_all(Database& database, Others const& others) {
  // The last first: a view takes its triggers along.
  for (auto other = others.rbegin(); other != others.rend(); ++other) {
    SqlText sql;
    if (other->kind == "index") sql << "DROP INDEX ";
    if (other->kind == "trigger") sql << "DROP TRIGGER ";
    if (other->kind == "view") sql << "DROP VIEW ";
    database.run(sql << other->name);
  }
}

void make_again(Database& database, Others const& others) {
  for (Other const& other : others) {
    try {
      database.run_stored(other.sql);
    } catch (landfall::Error const& error) {
      if (error.error_class() == landfall::ErrorClass::transient) throw;
      throw landfall::config_error(
          "the {} {}, which somebody has made, cannot be kept: {}. Drop it, or change the data", other.kind,
          other.name.text(), error.what());
    }
  }
}

void add_missing_columns(Database& database, TableName const& from, TableName const& to) {
  auto const columns = definitions(database, to);
  auto const missing = missing_in(columns, definitions(database, from));
  if (std::ranges::any_of(missing, &Definition::has_default)) return write_anew(database, to, columns, missing);
  for (Definition const& column : missing) {
    database.run_stored((SqlText() << "ALTER TABLE " << to << " ADD COLUMN ").text() + column.text());
  }
}

void carry_over_columns(Database& database, TableName const& from, TableName const& to) {
  auto const columns = definitions(database, to);
  auto const old = definitions(database, from);
  auto const ruled = with_rules_of(old, columns);
  if (ruled == columns) return add_missing_columns(database, from, to);
  try {
    write_anew(database, to, ruled, missing_in(columns, old));
  } catch (landfall::Error const& error) {
    if (error.error_class() != landfall::ErrorClass::config) throw;
    throw landfall::config_error(
        "the rows that are to take the place of those of {} do not fit what somebody has made of its columns: {}",
        to_string(from), error.message());
  }
}

std::vector<Identifier> columns_beside(Database& database, TableName const& from, landfall::TableSchema const& schema) {
  std::vector<Identifier> beside;
  for (Definition const& column : definitions(database, from)) {
    bool const is_wanted = std::ranges::any_of(
        schema.columns, [&](landfall::TableColumn const& wanted) { return is_same_name(wanted.name, column.name); });
    bool const waits = landfall::MetaColumns::is_of_waiting_rows(column.name.text());
    if (!is_wanted && !waits) beside.push_back(column.name);
  }
  return beside;
}

std::vector<std::string> immovable_parts(Database& database, TableName const& table) {
  std::vector<std::string> parts;
  add_texts(database, table, "SELECT name FROM pragma_table_xinfo(", ") WHERE hidden IN (2, 3) ORDER BY cid",
            "the generated column {}", parts);
  add_texts(database, table, "SELECT group_concat(name, ', ') FROM pragma_table_info(",
            ") WHERE pk > 0 HAVING count(*) > 0", "the primary key ({})", parts);
  add_texts(database, table,
            "SELECT (SELECT group_concat(coalesce(i.name, '?'), ', ') FROM pragma_index_info(l.name) AS i) "
            "FROM pragma_index_list(",
            ") AS l WHERE l.origin = 'u' ORDER BY l.seq DESC", "the constraint UNIQUE ({})", parts);
  add_texts(database, table, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(", ")", "the foreign key to {}",
            parts);
  std::string const sql = sql_of(database, table);
  if (has_word(sql, "CHECK")) parts.emplace_back("a CHECK constraint");
  std::string_view const options = std::string_view(sql).substr(sql.rfind(')') + 1);
  if (has_word(options, "STRICT")) parts.emplace_back("the option STRICT");
  if (has_word(options, "WITHOUT")) parts.emplace_back("the option WITHOUT ROWID");
  return parts;
}

}  // namespace sqlite
