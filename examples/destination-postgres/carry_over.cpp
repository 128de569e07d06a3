#include "carry_over.hpp"

#include <landfall/runtime/error.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/sql_text.hpp>

#include "catalog.hpp"
#include "server_error.hpp"

namespace postgres {

using landfall::SqlLiteral;
using landfall::TableName;

namespace {

// In each query $1 is the schema, $2 the table that goes, and $3 the one that takes its place. Catalog columns of later
// versions of the server are read by way of to_jsonb(), which has them or not.

// First of all: a sequence goes over only to a table of the same owner, and grants are given by the owner.
constexpr SqlLiteral owner =
    "SELECT format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, $3::text, pg_get_userbyid(c.relowner)) FROM pg_class AS "
    "c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND "
    "pg_get_userbyid(c.relowner) <> current_user";

constexpr SqlLiteral missing_columns =
    "SELECT format('ALTER TABLE %I.%I ADD COLUMN %I %s%s%s%s', n.nspname, f.relname, a.attname, "
    "format_type(a.atttypid, "
    "a.atttypmod), CASE WHEN a.attcollation <> t.typcollation THEN format(' COLLATE %I.%I', ln.nspname, l.collname) "
    "ELSE "
    "'' END, COALESCE(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''), CASE WHEN a.attnotnull AND d.adbin IS NOT "
    "NULL THEN ' NOT NULL' ELSE '' END) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN "
    "pg_class AS f ON f.relnamespace = n.oid AND f.relname = $3 JOIN pg_attribute AS a ON a.attrelid = c.oid AND "
    "a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND COALESCE(to_jsonb(a) ->> 'attgenerated', '') = '' "
    "JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_collation AS l ON l.oid = a.attcollation LEFT JOIN "
    "pg_namespace AS ln ON ln.oid = l.collnamespace LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = "
    "a.attnum WHERE n.nspname = $1 AND c.relname = $2 AND NOT EXISTS (SELECT 1 FROM pg_attribute AS b WHERE b.attrelid "
    "= "
    "f.oid AND b.attname = a.attname AND NOT b.attisdropped) AND a.attname NOT LIKE '\\_landfall\\_%' ORDER BY "
    "a.attnum";

// Of columns that both have. A default of another type may not fit.
constexpr SqlLiteral defaults =
    "SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I SET DEFAULT %s', n.nspname, f.relname, a.attname, "
    "pg_get_expr(d.adbin, d.adrelid)) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN "
    "pg_class "
    "AS f ON f.relnamespace = n.oid AND f.relname = $3 JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 "
    "AND "
    "NOT a.attisdropped AND COALESCE(to_jsonb(a) ->> 'attgenerated', '') = '' JOIN pg_attrdef AS d ON d.adrelid = "
    "c.oid "
    "AND d.adnum = a.attnum JOIN pg_attribute AS b ON b.attrelid = f.oid AND b.attname = a.attname AND b.atttypid = "
    "a.atttypid AND NOT b.attisdropped AND NOT b.atthasdef WHERE n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum";

constexpr SqlLiteral not_nulls =
    "SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I SET NOT NULL', n.nspname, f.relname, a.attname) FROM pg_class AS "
    "c "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_class AS f ON f.relnamespace = n.oid AND f.relname = $3 "
    "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull JOIN "
    "pg_attribute AS b ON b.attrelid = f.oid AND b.attname = a.attname AND NOT b.attisdropped AND NOT b.attnotnull "
    "WHERE "
    "n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum";

// A sequence that goes with a column (serial) would go with the table.
constexpr SqlLiteral sequences =
    "SELECT format('ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I', sn.nspname, s.relname, n.nspname, f.relname, a.attname) "
    "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_class AS f ON f.relnamespace = n.oid "
    "AND "
    "f.relname = $3 JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
    "AND "
    "d.refobjid = c.oid AND d.deptype = 'a' JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S' JOIN "
    "pg_namespace "
    "AS sn ON sn.oid = s.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid WHERE "
    "n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum";

constexpr SqlLiteral storage_options =
    "SELECT format('ALTER TABLE %I.%I SET (%s)', n.nspname, f.relname, (SELECT string_agg(quote_ident(split_part(o, "
    "'=', "
    "1)) || ' = ' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ') FROM unnest(c.reloptions) AS o)) FROM "
    "pg_class "
    "AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_class AS f ON f.relnamespace = n.oid AND f.relname "
    "= "
    "$3 WHERE n.nspname = $1 AND c.relname = $2 AND c.reloptions IS NOT NULL";

// Those of no constraint. Until the other table is gone they have another name: "CREATE INDEX name ON schema.table
// USING
// ..." is all that has to be put together again.
constexpr SqlLiteral indexes =
    "SELECT format('CREATE %sINDEX %I ON %I.%I %s', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, "
    "'_landfall_moved_' || x.oid, n.nspname, f.relname, substr(pg_get_indexdef(x.oid), strpos(pg_get_indexdef(x.oid), "
    "format(' ON %I.%I USING ', n.nspname, c.relname)) + length(format(' ON %I.%I ', n.nspname, c.relname)))) FROM "
    "pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_class AS f ON f.relnamespace = n.oid AND "
    "f.relname = $3 JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisvalid JOIN pg_class AS x ON x.oid = "
    "i.indexrelid "
    "WHERE n.nspname = $1 AND c.relname = $2 AND x.relname NOT LIKE '\\_landfall\\_key\\_%' AND NOT EXISTS (SELECT 1 "
    "FROM pg_constraint AS k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x')) ORDER BY x.oid";

constexpr SqlLiteral names_of_indexes =
    "SELECT q.statement FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_index AS i ON "
    "i.indrelid = c.oid AND i.indisvalid JOIN pg_class AS x ON x.oid = i.indexrelid CROSS JOIN LATERAL (SELECT 1, "
    "format('ALTER INDEX %I.%I RENAME TO %I', n.nspname, '_landfall_moved_' || x.oid, x.relname) UNION ALL SELECT 2, "
    "format('COMMENT ON INDEX %I.%I IS %L', n.nspname, x.relname, obj_description(x.oid, 'pg_class')) WHERE "
    "obj_description(x.oid, 'pg_class') IS NOT NULL UNION ALL SELECT 3, format('ALTER TABLE %I.%I REPLICA IDENTITY "
    "USING "
    "INDEX %I', n.nspname, c.relname, x.relname) WHERE i.indisreplident UNION ALL SELECT 4, format('ALTER TABLE %I.%I "
    "CLUSTER ON %I', n.nspname, c.relname, x.relname) WHERE i.indisclustered) AS q (place, statement) WHERE n.nspname "
    "= "
    "$1 AND c.relname = $2 AND x.relname NOT LIKE '\\_landfall\\_key\\_%' AND NOT EXISTS (SELECT 1 FROM pg_constraint "
    "AS "
    "k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x')) ORDER BY x.oid, q.place";

constexpr SqlLiteral statistics =
    "SELECT pg_get_statisticsobjdef(s.oid) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN "
    "pg_statistic_ext AS s ON s.stxrelid = c.oid WHERE n.nspname = $1 AND c.relname = $2 ORDER BY s.oid";

constexpr SqlLiteral replica_identity =
    "SELECT format('ALTER TABLE %I.%I REPLICA IDENTITY %s', n.nspname, c.relname, CASE c.relreplident WHEN 'f' THEN "
    "'FULL' ELSE 'NOTHING' END) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = "
    "$1 "
    "AND c.relname = $2 AND c.relreplident IN ('f', 'n')";

// Of those that name the table. A list of columns, and a condition, from PostgreSQL 15 on.
constexpr SqlLiteral publications =
    "SELECT format('ALTER PUBLICATION %I ADD TABLE ONLY %I.%I%s%s', p.pubname, n.nspname, c.relname, CASE WHEN "
    "to_jsonb(r) ->> 'prattrs' IS NULL THEN '' ELSE (SELECT format(' (%s)', string_agg(quote_ident(l.name), ', ')) "
    "FROM "
    "jsonb_array_elements_text(to_jsonb(t) -> 'attnames') AS l (name)) END, COALESCE(' WHERE (' || (to_jsonb(t) "
    "->> 'rowfilter') || ')', '')) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN "
    "pg_publication_rel "
    "AS r ON r.prrelid = c.oid JOIN pg_publication AS p ON p.oid = r.prpubid JOIN pg_publication_tables AS t ON "
    "t.pubname = p.pubname AND t.schemaname = n.nspname AND t.tablename = c.relname WHERE n.nspname = $1 AND c.relname "
    "= "
    "$2 ORDER BY p.pubname";

void give_now(Connection& connection, SqlLiteral query, TableName const& old, TableName const& fresh) {
  Remembered statements(connection);
  statements.add(query, {old.schema.text(), old.table.text(), fresh.table.text()});
  try {
    statements.carry_out();
  } catch (ServerError const& error) {
    if (error.error_class() == landfall::ErrorClass::transient) throw;
    throw landfall::config_error(
        "{}: the table that takes its place cannot have all that was made of it: {}; drop that, or change it",
        to_string(old), error.message());
  }
}

}  // namespace

CarryOver::CarryOver(Connection& connection, TableName const& old, TableName const& fresh) : after_(connection) {
  for (SqlLiteral const query : {owner, missing_columns, defaults, not_nulls, sequences, storage_options, indexes}) {
    give_now(connection, query, old, fresh);
  }
  after_.add_grants_and_comments(old);
  for (SqlLiteral const query : {names_of_indexes, statistics, replica_identity, publications}) {
    after_.add(query, {old.schema.text(), old.table.text()});
  }
}

std::vector<landfall::Identifier> carry_columns(Connection& connection, TableName const& from, TableName const& to,
                                                landfall::TableSchema const& schema) {
  std::vector<landfall::Identifier> carried;
  give_now(connection, missing_columns, from, to);
  auto const there = schema_of(connection, to);
  for (landfall::TableColumn const& column : schema_of(connection, from).columns) {
    bool const is_ours = landfall::MetaColumns::is_of_waiting_rows(column.name.text());
    landfall::TableColumn const* const same = there.find(column.name);
    bool const is_carried = !is_ours && schema.find(column.name) == nullptr && same != nullptr &&
                            same->type == column.type && same->foreign_type == column.foreign_type;
    if (is_carried) carried.push_back(column.name);
  }
  return carried;
}

void CarryOver::finish() { after_.carry_out(); }

std::vector<std::string> immovable_parts_of(Connection& connection, TableName const& table) {
  landfall::SqlText sql;
  sql << "SELECT q.part FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace CROSS JOIN LATERAL ("
         "SELECT 1, 'the generated column ' || a.attname FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT "
         "a.attisdropped AND COALESCE(to_jsonb(a) ->> 'attgenerated', '') <> '' UNION ALL "
         "SELECT 2, 'the identity column ' || a.attname FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT "
         "a.attisdropped AND a.attidentity <> '' UNION ALL "
         "SELECT 3, 'the constraint ' || k.conname FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype IN "
         "('p', 'u', 'c', 'f', 'x') UNION ALL "
         "SELECT 4, format('the foreign key %s of %s', k.conname, k.conrelid::regclass) FROM pg_constraint AS k WHERE "
         "k.confrelid = c.oid AND k.conrelid <> c.oid AND k.contype = 'f' UNION ALL "
         "SELECT 5, 'the trigger ' || t.tgname FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal "
         "UNION "
         "ALL SELECT 6, 'the rule ' || r.rulename FROM pg_rewrite AS r WHERE r.ev_class = c.oid UNION ALL "
         "SELECT 7, 'the policy ' || p.polname FROM pg_policy AS p WHERE p.polrelid = c.oid UNION ALL "
         "SELECT 8, 'its row level security' WHERE c.relrowsecurity UNION ALL "
         "SELECT 9, format('its inheritance from %s', i.inhparent::regclass) FROM pg_inherits AS i WHERE i.inhrelid = "
         "c.oid UNION ALL "
         "SELECT 10, format('its heir %s', i.inhrelid::regclass) FROM pg_inherits AS i WHERE i.inhparent = c.oid UNION "
         "ALL SELECT 11, 'its place in the publication ' || p.pubname FROM pg_publication_rel AS r JOIN pg_publication "
         "AS p ON p.oid = r.prpubid WHERE r.prrelid = c.oid AND NOT pg_has_role(p.pubowner, 'USAGE') UNION ALL "
         "SELECT 12, format('its owner %s, who may not create tables in its schema', pg_get_userbyid(c.relowner)) FROM "
         "pg_roles AS u WHERE u.rolname = current_user AND u.oid <> c.relowner AND NOT u.rolsuper AND NOT "
         "has_schema_privilege(c.relowner, n.oid, 'CREATE')"
         ") AS q (place, part) WHERE n.nspname = $1 AND c.relname = $2 ORDER BY q.place, q.part";
  Result const found = connection.run(sql, {table.schema.text(), table.table.text()});
  std::vector<std::string> parts;
  for (int row = 0; row < found.rows(); ++row) parts.push_back(found.text(row, 0));
  return parts;
}

}  // namespace postgres
