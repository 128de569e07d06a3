#include "views.hpp"

#include <utility>

#include <landfall/runtime/error.hpp>

#include "server_error.hpp"

namespace postgres {

using landfall::Identifier;
using landfall::SqlLiteral;
using landfall::SqlText;
using landfall::TableName;

namespace {

// What a view reads is what its rule depends on. Nothing but that rule and its row type may depend on a view.
constexpr SqlLiteral replaceable_views_that_read =
    "SELECT DISTINCT n.nspname, v.relname FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid JOIN pg_class AS "
    "v "
    "ON v.oid = r.ev_class JOIN pg_namespace AS n ON n.oid = v.relnamespace JOIN pg_class AS c ON c.oid = d.refobjid "
    "JOIN pg_namespace AS cn ON cn.oid = c.relnamespace WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = "
    "'pg_class'::regclass AND cn.nspname = $1 AND c.relname = $2 AND v.relkind = 'v' AND v.relpersistence = 'p' AND "
    "v.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND NOT EXISTS (SELECT 1 FROM pg_depend AS x "
    "WHERE x.refclassid = 'pg_class'::regclass AND x.refobjid = v.oid AND NOT (x.classid = 'pg_rewrite'::regclass AND "
    "x.objid = r.oid) AND NOT (x.classid = 'pg_type'::regclass AND x.deptype = 'i')) AND NOT EXISTS (SELECT 1 FROM "
    "pg_depend AS x WHERE x.refclassid = 'pg_type'::regclass AND x.refobjid = v.reltype AND x.deptype <> 'i') AND NOT "
    "EXISTS (SELECT 1 FROM pg_depend AS x WHERE x.classid = 'pg_class'::regclass AND x.objid = v.oid AND x.deptype = "
    "'e') AND ";

constexpr SqlLiteral statement_of_view =
    "SELECT format('CREATE VIEW %I.%I (%s)%s AS %s', n.nspname, v.relname, (SELECT string_agg(quote_ident(a.attname), "
    "', ' ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped), "
    "COALESCE(' WITH (' || (SELECT string_agg(quote_ident(split_part(o, '=', 1)) || ' = ' || quote_literal(substr(o, "
    "strpos(o, '=') + 1)), ', ') FROM unnest(v.reloptions) AS o) || ')', ''), pg_get_viewdef(v.oid)) FROM pg_class AS "
    "v "
    "JOIN pg_namespace AS n ON n.oid = v.relnamespace WHERE n.nspname = $1 AND v.relname = $2";

void run(Connection& connection, SqlLiteral text) {
  SqlText sql;
  sql << text;
  connection.run(sql);
}

}  // namespace

ViewsInTheWay::ViewsInTheWay(Connection& connection, TableName const& table, std::vector<Identifier> const& columns)
    : connection_(connection) {
  if (columns.empty()) return;
  SqlText condition;
  condition << "d.refobjsubid IN (SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname IN (";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) condition << ", ";
    condition.string(columns[i].text());
  }
  condition << "))";
  take_away(condition, table);
}

ViewsInTheWay::ViewsInTheWay(Connection& connection, TableName const& table) : connection_(connection) {
  SqlText condition;
  condition << "true";
  take_away(condition, table);
}

void ViewsInTheWay::take_away(SqlText const& condition, TableName const& table) {
  SqlText ask;
  ask << replaceable_views_that_read << condition;
  Result const found = connection_.run(ask, {table.schema.text(), table.table.text()});
  for (int row = 0; row < found.rows(); ++row) {
    View view;
    view.name = TableName(Identifier(found.text(row, 0)), Identifier(found.text(row, 1)));
    view.statements = std::make_unique<Remembered>(connection_);
    view.statements->add(statement_of_view, {view.name.schema.text(), view.name.table.text()});
    view.statements->add_grants_and_comments(view.name);
    SqlText drop;
    drop << "DROP VIEW " << view.name;
    connection_.run(drop);
    views_.push_back(std::move(view));
  }
}

void ViewsInTheWay::make_again(View const& view) const {
  run(connection_, "SAVEPOINT _landfall_view");
  try {
    view.statements->carry_out();
  } catch (ServerError const& error) {
    if (error.is_fatal || error.error_class() == landfall::ErrorClass::transient) throw;
    run(connection_, "ROLLBACK TO SAVEPOINT _landfall_view");
    throw landfall::config_error("the view {} cannot be made again for the changed table: {}; drop it, or change it",
                                 to_string(view.name), error.message());
  }
}

std::vector<std::string> ViewsInTheWay::make_again(Broken broken) {
  std::vector<std::string> left_away;
  for (View const& view : views_) {
    try {
      make_again(view);
    } catch (ServerError const&) {
      throw;
    } catch (landfall::Error const& error) {
      if (broken == Broken::fails) throw;
      left_away.push_back(error.message());
    }
  }
  views_.clear();
  return left_away;
}

}  // namespace postgres
