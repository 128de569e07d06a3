#include "retype.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/stored_value.hpp>

#include "binary_values.hpp"
#include "column_types.hpp"
#include "cursor_order.hpp"
#include "postgres_tables.hpp"
#include "replica_identity.hpp"

namespace postgres {

using landfall::Cell;
using landfall::ColumnType;
using landfall::Conversion;
using landfall::Identifier;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableName;
using Retype = landfall::SchemaChange::Retype;

namespace {

void run(Connection& connection, SqlLiteral text) {
  SqlText sql;
  sql << text;
  connection.run(sql);
}

std::string_view text_of(Cell const& cell) {
  if (cell.kind == Cell::Kind::boolean) return cell.integer != 0 ? "true" : "false";
  return cell.text;
}

/// The values of one column, in pieces.
class ColumnReading {
 public:
  ColumnReading(Connection& connection, TableName const& table, Retype const& column, std::string field)
      : connection_(connection), table_(table), column_(column), field_(std::move(field)) {}

  /// Returns how many values were lost.
  std::int64_t run_through() {
    make_tables();
    while (read_piece()) {
    }
    postgres::run(connection_, "CLOSE _landfall_old_values");
    if (has_news_) write_back();
    return lost_count_;
  }

 private:
  void make_tables() {
    postgres::run(connection_,
                  "CREATE TEMP TABLE IF NOT EXISTS _landfall_new_values (place text, value text, entry text) ON COMMIT "
                  "DROP; TRUNCATE pg_temp._landfall_new_values");
    SqlText sql;
    sql << "DECLARE _landfall_old_values NO SCROLL CURSOR FOR SELECT ctid::text, " << column_.from.name << " FROM ONLY "
        << table_ << " WHERE " << column_.from.name << " IS NOT NULL";
    connection_.run(sql);
  }

  bool read_piece() {
    SqlText fetch;
    fetch << "FETCH 10000 FROM _landfall_old_values";
    Result const rows = connection_.run(fetch);
    std::string bytes;
    for (int row = 0; row < rows.rows(); ++row) read(rows.text(row, 0), rows.text(row, 1), bytes);
    if (!bytes.empty()) send(std::move(bytes));
    return rows.rows() > 0;
  }

  void read(std::string const& place, std::string const& stored, std::string& bytes) {
    Conversion const conversion = reader_.read(column_.from.type, column_.to.type, stored);
    if (conversion.is_lost()) ++lost_count_;
    if (conversion.is_whole() && text_of(conversion.cell) == stored) return;
    append_16(bytes, 3);
    append_text(bytes, place);
    conversion.cell.kind == Cell::Kind::null ? append_null(bytes) : append_text(bytes, text_of(conversion.cell));
    conversion.is_whole() ? append_null(bytes) : append_text(bytes, meta_with_change("", field_, conversion, limits_));
  }

  void send(std::string rows) {
    SqlText copy;
    copy << "COPY pg_temp._landfall_new_values FROM STDIN (FORMAT binary)";
    connection_.begin_copy(copy);
    connection_.put(copy_header());
    connection_.put(rows);
    connection_.put(copy_end());
    connection_.end_copy();
    has_news_ = true;
  }

  void write_back() {
    ensure_replica_identity(connection_, table_);
    Identifier const meta{std::string(landfall::MetaColumns::meta)};
    SqlText sql;
    sql << "UPDATE ONLY " << table_ << " AS t SET " << column_.from.name << " = n.value, " << meta
        << " = CASE WHEN n.entry IS NULL THEN t." << meta << " ELSE jsonb_set(t." << meta
        << ", '{changes}', CASE jsonb_typeof(t." << meta << " -> 'changes') WHEN 'array' THEN t." << meta
        << " -> 'changes' ELSE '[]' END || (n.entry::jsonb -> 'changes')) END FROM pg_temp._landfall_new_values AS n "
           "WHERE t.ctid = n.place::tid";
    connection_.run(sql);
  }

  Connection& connection_;
  TableName const& table_;
  Retype const& column_;
  std::string const field_;
  landfall::ValueLimits const limits_ = value_limits();
  landfall::StoredValueReader reader_{limits_};
  std::int64_t lost_count_ = 0;
  bool has_news_ = false;
};

void give_types(Connection& connection, TableName const& table, std::vector<Retype> const& columns) {
  SqlText sql;
  sql << "ALTER TABLE " << table;
  bool is_first = true;
  for (auto const& [from, to] : columns) {
    sql << (std::exchange(is_first, false) ? SqlLiteral(" ") : SqlLiteral(", ")) << "ALTER COLUMN " << to.name
        << " TYPE " << type_name(to.type) << " USING " << to.name << "::" << type_name(to.type);
  }
  connection.run(sql);
}

}  // namespace

bool is_converted_by_server(landfall::TableColumn const& from, ColumnType to) noexcept {
  return to == from.type || to == ColumnType::text || to == ColumnType::json ||
         (to == ColumnType::number && from.type == ColumnType::integer);
}

void read_anew(Connection& connection, TableName const& table, std::vector<Retype> const& columns,
               std::map<Identifier, std::string> const& fields, std::vector<Identifier> const& kept) {
  if (columns.empty()) return;
  for (Retype const& column : columns) {
    Identifier const& name = column.from.name;
    auto const field = fields.find(name);
    ColumnReading reading(connection, table, column, field == fields.end() ? name.text() : field->second);
    std::int64_t const lost_count = reading.run_through();
    if (lost_count == 0 || std::ranges::find(kept, name) == kept.end()) continue;
    throw landfall::config_error(
        "{}: rows are compared by the column {}, which is to become {}, and {} of its values cannot. Give the field "
        "its old type ({}) again, or refresh the stream",
        to_string(table), name.text(), to_string(column.to.type), lost_count, to_string(column.from.type));
  }
  give_types(connection, table, columns);
}

KeysThatMayMeet::KeysThatMayMeet(Connection& connection, TableName const& table, std::vector<Retype> const& columns,
                                 std::vector<Identifier> const& key)
    : connection_(connection), table_(table) {
  auto const is_in_key = [&key](Retype const& column) { return std::ranges::find(key, column.to.name) != key.end(); };
  if (std::ranges::none_of(columns, is_in_key)) return;
  key_ = key;
  SqlText sql;
  sql << "CREATE TEMP TABLE _landfall_old_keys ON COMMIT DROP AS SELECT "
      << Identifier(std::string(landfall::MetaColumns::raw_id)) << "::text AS id, ROW(";
  for (std::size_t i = 0; i < key.size(); ++i)
    sql << (i == 0 ? SqlLiteral("") : SqlLiteral(", ")) << key[i] << "::text";
  sql << ")::text AS key FROM ONLY " << table;
  connection.run(sql);
}

namespace {

Identifier key_column(std::size_t place) { return Identifier(fmt::format("k{}", place)); }

/// Of each row: its place, id and key, and what it is compared by.
void add_ranked_rows(SqlText& sql, TableName const& table, std::vector<Identifier> const& key,
                     CursorOrder const& order) {
  sql << "SELECT ctid AS place, " << Identifier(std::string(landfall::MetaColumns::raw_id)) << "::text AS id, ";
  for (std::size_t i = 0; i < key.size(); ++i) sql << key[i] << " AS " << key_column(i) << ", ";
  order.add_columns(sql);
  sql << Identifier(std::string(landfall::MetaColumns::extracted_at)) << " AS extracted FROM ONLY " << table;
}

}  // namespace

// Rows are told apart by their raw ids: their places change when the table is written anew.
std::int64_t KeysThatMayMeet::drop_older(landfall::TableSchema const& schema, std::optional<Identifier> const& cursor) {
  if (key_.empty()) return 0;
  landfall::UpsertRule rule;
  if (cursor && schema.find(*cursor) != nullptr) rule.cursor = cursor;
  CursorOrder const order(schema, rule);
  SqlText sql;
  sql << "WITH gone AS (DELETE FROM ONLY " << table_ << " WHERE ctid IN (SELECT q.place FROM (SELECT t.place, "
      << "row_number() OVER (w ORDER BY ";
  for (Identifier const& column : order.names()) sql << "t." << column << " DESC NULLS LAST, ";
  sql << "t.extracted DESC, t.place DESC) AS rank, min(k.key) OVER w <> max(k.key) OVER w AS have_met FROM (";
  add_ranked_rows(sql, table_, key_, order);
  sql << ") AS t JOIN pg_temp._landfall_old_keys AS k ON k.id = t.id WHERE ";
  for (std::size_t i = 0; i < key_.size(); ++i) {
    sql << (i == 0 ? SqlLiteral("t.") : SqlLiteral(" AND t.")) << key_column(i) << " IS NOT NULL";
  }
  sql << " WINDOW w AS (PARTITION BY ";
  for (std::size_t i = 0; i < key_.size(); ++i) {
    sql << (i == 0 ? SqlLiteral("t.") : SqlLiteral(", t.")) << key_column(i);
  }
  sql << ")) AS q WHERE q.have_met AND q.rank > 1) RETURNING 1) SELECT count(*) FROM gone";
  std::int64_t const gone_count = connection_.run(sql).integer(0, 0);
  // Another table of this transaction may need its own.
  connection_.run(SqlText() << "DROP TABLE pg_temp._landfall_old_keys");
  return gone_count;
}

}  // namespace postgres
