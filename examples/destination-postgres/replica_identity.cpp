#include "replica_identity.hpp"

#include <optional>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>

namespace postgres {

using landfall::SqlText;
using landfall::TableName;

namespace {

struct Publications {
  std::string names;         // quoted, of those that publish the table's updates or deletes
  std::string column_lists;  // quoted, of those among them that publish some of its columns only
  std::string quoted_table;
  bool has_identity = false;
  bool is_owner = false;  // or a member of the role that is
};

bool has_publications(Connection& connection) {
  SqlText sql;
  sql << "SELECT 1 FROM pg_publication WHERE pubupdate OR pubdelete LIMIT 1";
  return connection.run(sql).rows() > 0;
}

/// Nothing: none covers the table.
std::optional<Publications> publications_of(Connection& connection, TableName const& table) {
  SqlText sql;
  // Lists of columns are there from PostgreSQL 15 on.
  sql << "SELECT string_agg(quote_ident(p.pubname), ', ' ORDER BY p.pubname), COALESCE(string_agg(quote_ident(p.pubname"
         "), ', ' ORDER BY p.pubname) FILTER (WHERE to_jsonb(r) ->> 'prattrs' IS NOT NULL), ''), "
         "format('%I.%I', n.nspname, c.relname), c.relreplident = 'f' OR pg_get_replica_identity_index(c.oid) IS NOT "
         "NULL, pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
         "JOIN pg_publication_tables AS t ON t.schemaname = n.nspname AND t.tablename = c.relname JOIN pg_publication "
         "AS p ON p.pubname = t.pubname AND (p.pubupdate OR p.pubdelete) LEFT JOIN pg_publication_rel AS r ON "
         "r.prpubid "
         "= p.oid AND r.prrelid = c.oid WHERE n.nspname = $1 AND c.relname = $2 GROUP BY n.nspname, c.relname, c.oid, "
         "c.relreplident, c.relowner";
  Result const found = connection.run(sql, {table.schema.text(), table.table.text()});
  if (found.rows() == 0) return std::nullopt;
  Publications made;
  made.names = found.text(0, 0);
  made.column_lists = found.text(0, 1);
  made.quoted_table = found.text(0, 2);
  made.has_identity = found.text(0, 3) == "t";
  made.is_owner = found.text(0, 4) == "t";
  return made;
}

void require_full_is_possible(TableName const& table, Publications const& found) {
  if (!found.column_lists.empty()) {
    throw landfall::config_error(
        "{}: the publication {} publishes some of its columns only, so its rows need an identity of these columns: "
        "ALTER "
        "TABLE {} REPLICA IDENTITY USING INDEX of a unique index over them, or publish all columns",
        to_string(table), found.column_lists, found.quoted_table);
  }
  if (!found.is_owner) {
    throw landfall::config_error(
        "{}: the publication {} publishes updates or deletes of it, so it needs a replica identity, and it belongs to "
        "another role: let that one run ALTER TABLE {} REPLICA IDENTITY FULL",
        to_string(table), found.names, found.quoted_table);
  }
}

}  // namespace

std::string ensure_replica_identity(Connection& connection, TableName const& table, Impossible impossible) {
  if (!has_publications(connection)) return std::string();
  auto const found = publications_of(connection, table);
  if (!found || found->has_identity) return std::string();
  bool const is_possible = found->column_lists.empty() && found->is_owner;
  if (!is_possible && impossible == Impossible::goes_without) return std::string();
  require_full_is_possible(table, *found);
  SqlText sql;
  sql << "ALTER TABLE " << table << " REPLICA IDENTITY FULL";
  connection.run(sql);
  return fmt::format(
      "{} has REPLICA IDENTITY FULL now, since the publication {} publishes its updates or deletes and it has no key "
      "of "
      "its own: the server's log grows. A primary key, or REPLICA IDENTITY USING INDEX, costs less",
      to_string(table), found->names);
}

}  // namespace postgres
