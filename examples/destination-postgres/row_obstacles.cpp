#include "row_obstacles.hpp"

namespace postgres {

using landfall::SqlText;
using landfall::TableName;

namespace {

std::vector<std::string> names_found(Connection& connection, TableName const& table, SqlText const& sql) {
  Result const found = connection.run(sql, {table.schema.text(), table.table.text()});
  std::vector<std::string> names;
  for (int row = 0; row < found.rows(); ++row) names.push_back(found.text(row, 0));
  return names;
}

}  // namespace

std::vector<std::string> obstacles_of(Connection& connection, TableName const& table) {
  SqlText sql;
  // ev_type: '2' UPDATE, '3' INSERT, '4' DELETE.
  sql << "WITH c AS (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname "
         "= $1 AND c.relname = $2) SELECT 'the rule ' || r.rulename FROM pg_rewrite AS r JOIN c ON r.ev_class = c.oid "
         "WHERE r.ev_enabled <> 'D' AND (r.ev_type = '3' OR (r.is_instead AND r.ev_type IN ('2', '4'))) UNION ALL "
         "SELECT 'row security, which holds for the role ' || current_user FROM c WHERE row_security_active(c.oid) "
         "ORDER BY 1";
  return names_found(connection, table, sql);
}

std::vector<std::string> row_triggers_of(Connection& connection, TableName const& table) {
  SqlText sql;
  // tgtype: 1 for each row, 2 before it is changed.
  sql << "SELECT 'the trigger ' || t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN "
         "pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 AND NOT t.tgisinternal "
         "AND t.tgtype & 3 = 3 AND t.tgenabled IN ('O', 'A') ORDER BY 1";
  return names_found(connection, table, sql);
}

}  // namespace postgres
