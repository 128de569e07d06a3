#include "remembered.hpp"

namespace postgres {

using landfall::SqlLiteral;
using landfall::SqlText;

namespace {

// What a new relation is given by default (ALTER DEFAULT PRIVILEGES) is taken away first: it may be what somebody has
// taken from this one.
constexpr SqlLiteral grants =
    "SELECT format('REVOKE ALL ON TABLE %I.%I FROM %s', n.nspname, c.relname, CASE d.grantee WHEN 0 THEN 'PUBLIC' ELSE "
    "quote_ident(pg_get_userbyid(d.grantee)) END) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL (SELECT DISTINCT a.grantee FROM pg_default_acl AS f CROSS JOIN LATERAL "
    "aclexplode(f.defaclacl) AS a WHERE f.defaclobjtype = 'r' AND f.defaclnamespace IN (0, n.oid) AND f.defaclrole = "
    "(SELECT oid FROM pg_roles WHERE rolname = current_user) AND a.grantee <> c.relowner) AS d WHERE n.nspname = $1 "
    "AND "
    "c.relname = $2 UNION ALL SELECT format('GRANT %s ON TABLE %I.%I TO %s%s', a.privilege_type, n.nspname, c.relname, "
    "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable "
    "THEN "
    "' WITH GRANT OPTION' ELSE '' END) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace CROSS JOIN "
    "LATERAL aclexplode(c.relacl) AS a WHERE n.nspname = $1 AND c.relname = $2 AND a.grantee <> c.relowner UNION ALL "
    "SELECT format('GRANT %s (%I) ON TABLE %I.%I TO %s%s', a.privilege_type, t.attname, n.nspname, c.relname, CASE "
    "a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN "
    "' WITH GRANT OPTION' ELSE '' END) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN "
    "pg_attribute AS t ON t.attrelid = c.oid AND NOT t.attisdropped CROSS JOIN LATERAL aclexplode(t.attacl) AS a WHERE "
    "n.nspname = $1 AND c.relname = $2";

constexpr SqlLiteral comments =
    "SELECT format('COMMENT ON %s %I.%I IS %L', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, n.nspname, "
    "c.relname, obj_description(c.oid, 'pg_class')) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = "
    "c.relnamespace "
    "WHERE n.nspname = $1 AND c.relname = $2 AND obj_description(c.oid, 'pg_class') IS NOT NULL UNION ALL SELECT "
    "format('COMMENT ON COLUMN %I.%I.%I IS %L', n.nspname, c.relname, t.attname, col_description(c.oid, t.attnum)) "
    "FROM "
    "pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS t ON t.attrelid = c.oid AND "
    "NOT "
    "t.attisdropped WHERE n.nspname = $1 AND c.relname = $2 AND col_description(c.oid, t.attnum) IS NOT NULL";

}  // namespace

// Each has a number, of a sequence that goes with the table.
Remembered::Remembered(Connection& connection) : connection_(connection) {
  SqlText make;
  make << "CREATE TEMP TABLE IF NOT EXISTS _landfall_remembered (id bigint, place bigserial, statement text) ON COMMIT "
          "DROP";
  connection.run(make);
  SqlText number;
  number << "SELECT nextval(pg_get_serial_sequence('pg_temp._landfall_remembered', 'place'))";
  id_ = connection.run(number).integer(0, 0);
}

void Remembered::add(SqlLiteral query, std::initializer_list<std::string> parameters) {
  SqlText sql;
  sql << "INSERT INTO pg_temp._landfall_remembered (id, statement) SELECT " << id_ << ", q.* FROM (" << query
      << ") AS q";
  connection_.run(sql, parameters);
}

void Remembered::add_grants_and_comments(landfall::TableName const& relation) {
  add(grants, {relation.schema.text(), relation.table.text()});
  add(comments, {relation.schema.text(), relation.table.text()});
}

void Remembered::carry_out() {
  SqlText sql;
  sql << "DO $$ DECLARE one text; BEGIN FOR one IN SELECT r.statement FROM pg_temp._landfall_remembered AS r WHERE "
         "r.id "
         "= "
      << id_ << " ORDER BY r.place LOOP EXECUTE one; END LOOP; END $$";
  connection_.run(sql);
}

}  // namespace postgres
