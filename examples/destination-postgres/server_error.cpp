#include "server_error.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace postgres {

namespace {

using landfall::ErrorClass;

struct Rule {
  std::string_view sqlstate;  // or the class of many: its first two characters
  ErrorClass error_class;
  std::string_view advice;
  std::string_view function = "";  // of the server's source; empty: any
};

// The first one that fits.
constexpr std::array<Rule, 49> rules = {{
    {"08", ErrorClass::transient, ""},  // connection exceptions
    {"22", ErrorClass::config, ""},     // data exceptions
    {"23502", ErrorClass::config, "the table has a constraint that is not of this destination: drop it"},
    {"23503", ErrorClass::config, "the table has a foreign key: drop it, or load its other end first"},
    {"23505", ErrorClass::config,
     "the table has a unique index that is not of this destination: drop it, or make it one of the stream's key"},
    {"23514", ErrorClass::config, "the table has a constraint that is not of this destination: drop it"},
    {"23", ErrorClass::config, "the table has a constraint that is not of this destination: drop it"},
    {"25006", ErrorClass::transient, "the server takes no changes: name the primary, not a standby"},
    {"25P03", ErrorClass::transient, ""},  // idle in transaction for too long
    {"25P04", ErrorClass::transient, "it took longer than transaction_timeout"},
    {"28", ErrorClass::config, "check username, password, ssl_mode, and the server's pg_hba.conf"},
    {"2BP01", ErrorClass::config, "drop what depends on it, or set drop_cascade"},
    {"3D000", ErrorClass::config, "create the database, or name another"},
    {"3F000", ErrorClass::config, "create the schema, or name another"},
    {"40", ErrorClass::transient, ""},  // deadlock, serialization failure
    {"42804", ErrorClass::config,
     "a default, an index or a constraint that is not of this destination does not fit the column's type: drop it"},
    {"42P10", ErrorClass::config,
     "a publication publishes its updates or deletes by other columns than its replica identity has: change one of "
     "them",
     "CheckCmdReplicaIdentity"},
    {"42501", ErrorClass::config, "grant it to the user, or name another user"},
    {"42P07", ErrorClass::config, "something else has this name: rename it"},
    {"42", ErrorClass::system, ""},  // our SQL is wrong
    {"0A000", ErrorClass::config,
     "the server, or what depends on the table (a view, a rule), does not let this be done"},
    {"53100", ErrorClass::transient, "make room on the server's disk"},
    {"53200", ErrorClass::transient, "the server has too little memory"},
    {"53300", ErrorClass::transient, "the server has no free connection: raise max_connections, or lower connections"},
    {"53400", ErrorClass::transient, "a limit of the server's configuration is reached"},
    {"53", ErrorClass::transient, ""},
    {"54000", ErrorClass::transient, "the server has no transaction ids left: VACUUM its databases",
     "GetNewTransactionId"},
    {"54000", ErrorClass::transient, "the server has no multixact ids left: VACUUM its databases", "GetNewMultiXactId"},
    {"54000", ErrorClass::config, "a value is too large, or a key for its index"},
    {"54001", ErrorClass::config, "a value is nested too deeply: raise max_stack_depth"},
    {"54011", ErrorClass::config, "the stream has too many fields for a table: deselect some, or set raw_data_only"},
    {"54", ErrorClass::system, ""},
    {"55000", ErrorClass::config, "run ALTER TABLE ... REPLICA IDENTITY FULL on that table, or give it a primary key",
     "CheckCmdReplicaIdentity"},
    {"55000", ErrorClass::transient, "the server takes no changes: name the primary, not a standby",
     "LockAcquireExtended"},
    {"55006", ErrorClass::transient, ""},  // in use
    {"55P03", ErrorClass::transient, "others hold locks on it: end their transactions, or raise lock_timeout_seconds"},
    {"55P04", ErrorClass::transient, ""},
    {"55", ErrorClass::config, ""},
    {"57014", ErrorClass::transient, "it was cancelled, or took longer than statement_timeout"},
    {"57P01", ErrorClass::transient, ""},  // the server is shut down, or ended this connection
    {"57P02", ErrorClass::transient, ""},  // it crashed
    {"57P03", ErrorClass::transient, ""},  // it begins or ends
    {"57P04", ErrorClass::config, "the database was dropped: name another"},
    {"57P05", ErrorClass::transient, ""},
    {"57", ErrorClass::transient, ""},
    {"58030", ErrorClass::transient, ""},  // input or output
    {"58", ErrorClass::transient, ""},
    {"XX001", ErrorClass::config, "the server's data is damaged"},
    {"XX002", ErrorClass::config, "the server's index is damaged: REINDEX it"},
}};

Rule const* rule_of(std::string_view sqlstate, std::string_view function) noexcept {
  auto const fits = [&](Rule const& rule) {
    return sqlstate.starts_with(rule.sqlstate) && (rule.function.empty() || rule.function == function);
  };
  auto const found = std::ranges::find_if(rules, fits);
  return found == rules.end() ? nullptr : &*found;
}

constexpr std::size_t longest = 16'384;  // bytes of a server's text

/// A row of a COPY is named at the end.
std::string_view end_of(std::string_view text) noexcept {
  return text.substr(text.size() - std::min(text.size(), longest));
}

std::string_view field_of(PGresult const* result, int field) noexcept {
  char const* const text = result == nullptr ? nullptr : PQresultErrorField(result, field);
  return text == nullptr ? std::string_view() : text;
}

/// Of a result with an error; empty where the server has said nothing.
std::string_view sqlstate_of(PGresult const* result) noexcept {
  std::string_view const sqlstate = field_of(result, PG_DIAG_SQLSTATE);
  // A value of which no process may hold so much: a limit, though the server calls it an internal error.
  bool const is_too_large =
      sqlstate == "XX000" && field_of(result, PG_DIAG_MESSAGE_PRIMARY).starts_with("invalid memory alloc request size");
  return is_too_large ? "54000" : sqlstate;
}

std::string_view function_of(PGresult const* result) noexcept { return field_of(result, PG_DIAG_SOURCE_FUNCTION); }

std::string_view without_line_ends(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

std::string one_line(std::string_view text) {
  std::string line = cut_text(without_line_ends(text));
  std::ranges::replace_if(line, [](char one) { return one == '\n' || one == '\t'; }, ' ');
  return line;
}

/// Messages and hints only: details and contexts quote rows.
std::string text_of(PGconn const* connection, PGresult const* result) {
  std::string_view const sqlstate = sqlstate_of(result);
  if (sqlstate.empty()) {
    std::string text = one_line(PQerrorMessage(connection));
    if (!text.empty()) return text;
    return fmt::format("the server has answered with {}, which its protocol does not allow there",
                       PQresStatus(PQresultStatus(result)));
  }
  std::string text = fmt::format("{} (SQLSTATE {})", cut_text(field_of(result, PG_DIAG_MESSAGE_PRIMARY)), sqlstate);
  // Names, never rows. Those that a unique index belongs to are not in the message.
  if (std::string_view const table = field_of(result, PG_DIAG_TABLE_NAME); !table.empty()) {
    text += fmt::format(" in {}.{}", cut_text(field_of(result, PG_DIAG_SCHEMA_NAME)), cut_text(table));
  }
  if (std::string_view const hint = field_of(result, PG_DIAG_MESSAGE_HINT); !hint.empty()) {
    text += fmt::format("; hint: {}", cut_text(hint));
  }
  if (std::string_view const advice = advice_for(sqlstate, function_of(result)); !advice.empty())
    text += fmt::format("; {}", advice);
  return text;
}

/// The last one, with which libpq gave up. Severities are in the server's language, so the text before it is not known.
std::string sqlstate_in(std::string_view text) {
  constexpr std::size_t length = 5;
  constexpr std::string_view before = ":  ";
  for (std::size_t place = text.rfind(before); place != std::string_view::npos && place > 0;
       place = text.rfind(before, place - 1)) {
    std::string_view const code = text.substr(place + before.size(), length);
    bool const is_code =
        std::ranges::all_of(code, [](char one) { return (one >= '0' && one <= '9') || (one >= 'A' && one <= 'Z'); });
    if (is_code && text.substr(place + before.size() + length).starts_with(": ")) return std::string(code);
  }
  return std::string();
}

/// What a connection that did not come about says where the server itself says nothing.
Rule rule_without_sqlstate(std::string_view text, bool lacks_password) {
  auto const says = [text](std::string_view words) { return text.find(words) != std::string_view::npos; };
  if (lacks_password) return Rule{"", ErrorClass::config, "give a password"};
  bool const is_cut = says("SSL SYSCALL") || says("closed unexpectedly") ||
                      says("closed the connection unexpectedly") || says("unexpected eof");
  if (is_cut) return Rule{"", ErrorClass::transient, ""};
  if (says("SSL") || says("certificate") || says("private key")) return Rule{"", ErrorClass::config, "check ssl_mode"};
  return Rule{"", ErrorClass::transient, "check host and port, and whether the server runs"};
}

}  // namespace

std::string cut_text(std::string_view text) {
  if (text.size() <= longest) return std::string(text);
  std::size_t end = longest;
  while ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80 && end > 0) --end;  // not within a character
  return fmt::format("{} [the first {} of {} bytes]", text.substr(0, end), end, text.size());
}

ErrorClass class_of(std::string_view sqlstate, std::string_view function) noexcept {
  if (sqlstate.empty()) return ErrorClass::transient;
  Rule const* const rule = rule_of(sqlstate, function);
  return rule == nullptr ? ErrorClass::system : rule->error_class;
}

std::string_view advice_for(std::string_view sqlstate, std::string_view function) noexcept {
  Rule const* const rule = rule_of(sqlstate, function);
  return rule == nullptr ? std::string_view() : rule->advice;
}

bool is_about_a_value(std::string_view sqlstate, std::string_view function) noexcept {
  if (sqlstate.starts_with("22") || sqlstate == "54001") return true;
  return sqlstate == "54000" && class_of(sqlstate, function) == ErrorClass::config;
}

bool is_about_a_constraint(std::string_view sqlstate) noexcept {
  // A foreign key is looked after at the end of the statement: nobody knows which row it was.
  return sqlstate == "23502" || sqlstate == "23505" || sqlstate == "23514" || sqlstate == "23P01";
}

bool is_about_the_session(std::string_view sqlstate) noexcept { return sqlstate == "25006"; }

ServerError::ServerError(PGconn const* connection, PGresult const* result)
    : Error(class_of(sqlstate_of(result), function_of(result)), text_of(connection, result)),
      sqlstate(sqlstate_of(result)),
      column(cut_text(field_of(result, PG_DIAG_COLUMN_NAME))),
      function(cut_text(function_of(result))),
      context(end_of(field_of(result, PG_DIAG_CONTEXT))),
      is_fatal(sqlstate.empty() || field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED) != "ERROR") {}

// libpq has no result for it, only text: "... FATAL:  28P01: password authentication failed ...\nLOCATION:  ...", once
// for each address that it has tried.
ServerError ServerError::of_connecting(PGconn const* connection) {
  std::string_view const all = PQerrorMessage(connection);
  std::string const text = one_line(all.substr(0, all.find("\nLOCATION:")));
  std::string const sqlstate = sqlstate_in(all);
  Rule const unreachable = rule_without_sqlstate(text, PQconnectionNeedsPassword(connection) != 0);
  ErrorClass const error_class = sqlstate.empty() ? unreachable.error_class : class_of(sqlstate);
  std::string_view const advice = sqlstate.empty() ? unreachable.advice : advice_for(sqlstate);
  ServerError made(error_class, advice.empty() ? text : fmt::format("{}; {}", text, advice));
  made.sqlstate = sqlstate;
  return made;
}

// "COPY users, line 3, column id", below what the reader of a value says. That may quote it: so the last one counts.
std::optional<std::size_t> ServerError::row_of_copy(std::string_view table) const {
  std::string const before = fmt::format("\nCOPY {}, line ", table);
  std::string const lines = "\n" + context;
  std::size_t const place = lines.rfind(before);
  if (place == std::string::npos) return std::nullopt;
  std::string_view const digits = std::string_view(lines).substr(place + before.size());
  std::size_t line = 0;
  auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), line);
  if (error != std::errc() || line == 0) return std::nullopt;
  return line - 1;
}

}  // namespace postgres
