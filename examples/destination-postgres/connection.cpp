#include "connection.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "interruption.hpp"
#include "server_error.hpp"

namespace postgres {

namespace {

using landfall::SqlText;

/// In a string for libpq.
std::string quoted(std::string_view value) {
  std::string text = "'";
  for (char const c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

/// What libpq would take from the environment where it is not given, as if the environment were empty. Only in a string
/// does it take an empty value for one that was given. Options without a variable are not here, nor those whose empty
/// value it refuses.
std::map<std::string, std::string> defaults() {
  std::map<std::string, std::string> all;
  std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> const options(PQconndefaults(), PQconninfoFree);
  if (!options) throw landfall::transient_error("there is no memory for a connection");
  for (PQconninfoOption const* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->envvar != nullptr && option->compiled != nullptr) all[option->keyword] = option->compiled;
  }
  for (char const* const name :
       {"hostaddr", "options", "password", "requirepeer", "sslcert", "sslcrl", "sslcrldir", "sslkey", "sslrootcert"}) {
    all[name] = "";
  }
  return all;
}

/// All options, in libpq's form.
std::string connection_string(Settings const& settings, SecretFiles const& secrets) {
  std::map<std::string, std::string> all = defaults();
  auto const give = [&all](std::string const& name, std::string const& value) {
    if (!value.empty()) all[name] = value;
  };
  give("application_name", "landfall");
  // A server that is gone without a word is noticed within a minute and a half.
  give("keepalives_idle", "30");
  give("keepalives_interval", "10");
  give("keepalives_count", "6");
  give("tcp_user_timeout", "90000");
  give("connect_timeout", std::to_string(settings.connect_timeout_seconds));
  give("passfile", "/dev/null/none");  // is not there, whatever happens
  for (Parameter const& parameter : settings.more) give(parameter.name, parameter.value);
  give("host", settings.host);
  give("port", settings.port);
  give("dbname", settings.database);
  give("user", settings.username);
  give("password", settings.password);
  give("client_encoding", "UTF8");
  give("sslmode", settings.tls.mode);
  give("sslrootcert", secrets.ca_certificate.path());
  give("sslcert", secrets.client_certificate.path());
  give("sslkey", secrets.client_key.path());
  give("sslpassword", settings.tls.client_key_password);
  std::string text;
  for (auto const& [name, value] : all) text += fmt::format("{}={} ", name, quoted(value));
  return text;
}

/// OpenSSL would ask the terminal for the password of a key, or even stdin, where the records come from.
void never_ask_for_passwords() {
  static bool const is_set = [] {
    PQsetSSLKeyPassHook_OpenSSL(PQdefaultSSLKeyPassHook_OpenSSL);
    return true;
  }();
  static_cast<void>(is_set);
}

/// "COMMIT", "COPY 12", ...; empty where the result is of something else.
std::string_view tag_of(Result const& result) {
  char const* const tag = PQcmdStatus(const_cast<PGresult*>(result.get()));
  return tag == nullptr ? std::string_view() : tag;
}

SqlText literal(landfall::SqlLiteral text) {
  SqlText sql;
  sql << text;
  return sql;
}

}  // namespace

std::string Result::text(int row, int column) const {
  return std::string(PQgetvalue(result_.get(), row, column),
                     static_cast<std::size_t>(PQgetlength(result_.get(), row, column)));
}

std::int64_t Result::integer(int row, int column) const {
  std::string const digits = text(row, column);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::uint64_t Result::changed_rows() const {
  std::string_view const digits = PQcmdTuples(const_cast<PGresult*>(result_.get()));
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

// ---- the session ----

/// How long a server is waited for that has yet to show that it works.
struct Connection::Patience {
  /// Waits for one of the events at the socket.
  void await(int socket, short events) const {
    std::array<pollfd, 2> waited = {{{socket, events, 0}, {interruption ? interruption->descriptor() : -1, POLLIN, 0}}};
    for (;;) {
      auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      int const count = ::poll(waited.data(), waited.size(), static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
      if (count < 0 && errno == EINTR) continue;
      if (waited[1].revents != 0) throw landfall::transient_error("the call was cancelled");
      if (count > 0) return;
      throw landfall::transient_error("{}, port {}, does not answer within {} s", settings.host, settings.port,
                                      settings.connect_timeout_seconds);
    }
  }

  Settings const& settings;
  Interruption const* interruption;
  std::chrono::steady_clock::time_point deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(settings.connect_timeout_seconds);
};

Connection::Connection(Settings const& settings, SecretFiles const& secrets, Interruption const* interruption) {
  try {
    Patience const patience{settings, interruption};
    connect(settings, secrets, patience);
    socket_ = ::fcntl(PQsocket(connection_), F_DUPFD_CLOEXEC, 0);
    if (socket_ < 0) throw landfall::system_error("no descriptor for a connection: {}", std::strerror(errno));
    set_up(settings, patience);
  } catch (...) {
    close();
    throw;
  }
}

Connection::~Connection() { close(); }

// Step by step, since libpq tells the SQLSTATE of a refusal only to those who have asked for it before.
void Connection::connect(Settings const& settings, SecretFiles const& secrets, Patience const& patience) {
  never_ask_for_passwords();
  connection_ = PQconnectStart(connection_string(settings, secrets).c_str());
  if (connection_ == nullptr) throw landfall::transient_error("there is no memory for a connection");
  // Notices (a table that is there already) would go to stderr.
  PQsetNoticeReceiver(connection_, [](void*, PGresult const*) {}, nullptr);
  PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);
  PostgresPollingStatusType next =
      PQstatus(connection_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) throw ServerError::of_connecting(connection_);
    patience.await(PQsocket(connection_), next == PGRES_POLLING_READING ? POLLIN : POLLOUT);
    next = PQconnectPoll(connection_);
  }
  PQsetErrorVerbosity(connection_, PQERRORS_TERSE);  // more of it quotes rows
}

bool Connection::is_stale() const noexcept {
  pollfd farewell{PQsocket(connection_), POLLIN, 0};
  return is_lost() || ::poll(&farewell, 1, 0) != 0;
}

void Connection::close() noexcept {
  PQfinish(connection_);
  if (socket_ >= 0) ::close(socket_);
}

void Connection::set_up(Settings const& settings, Patience const& patience) {
  SqlText sql;
  sql << "SET standard_conforming_strings = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET statement_timeout = "
      << std::int64_t{1000} * settings.statement_timeout_seconds
      << "; SET lock_timeout = " << std::int64_t{1000} * settings.lock_timeout_seconds
      << "; SET idle_in_transaction_session_timeout = 0; "
         // What was acknowledged must survive a crash. Whoever asks for more than that gets it.
         "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; "
         // Without, a statement goes on for nobody.
         "SELECT set_config('client_connection_check_interval', '1s', false) "
         "WHERE current_setting('server_version_num')::int >= 140000 AND version() LIKE '%linux%'";
  patient_run(sql, patience);
  constexpr int oldest = 10'00'00;  // nobody has tried out older ones
  if (PQserverVersion(connection_) < oldest) throw landfall::config_error("the server must be PostgreSQL 10 or later");
}

// ---- statements ----

void Connection::fail(PGresult const* result) {
  ServerError const error(connection_, result);
  is_doubtful_ = is_doubtful_ || error.sqlstate.empty() || is_about_the_session(error.sqlstate);
  throw error;
}

Result Connection::checked(Result result) {
  switch (PQresultStatus(result.get())) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_IN:
      return result;
    default:
      fail(result.get());
  }
}

void Connection::patient_run(SqlText const& sql, Patience const& patience) {
  if (PQsendQuery(connection_, sql.text().c_str()) != 1) fail(nullptr);
  for (;;) {
    while (PQisBusy(connection_) == 1) {
      patience.await(PQsocket(connection_), POLLIN);
      if (PQconsumeInput(connection_) != 1) fail(nullptr);
    }
    Result result(PQgetResult(connection_));
    if (result.get() == nullptr) return;
    checked(std::move(result));
  }
}

Result Connection::run(SqlText const& sql) { return checked(Result(PQexec(connection_, sql.text().c_str()))); }

Result Connection::run(SqlText const& sql, std::initializer_list<std::string> parameters) {
  std::vector<char const*> values;
  for (std::string const& parameter : parameters) values.push_back(parameter.c_str());
  constexpr int results_are_text = 0;
  return checked(Result(PQexecParams(connection_, sql.text().c_str(), static_cast<int>(values.size()), nullptr,
                                     values.data(), nullptr, nullptr, results_are_text)));
}

void Connection::drop_results() noexcept {
  for (;;) {
    Result const result(PQgetResult(connection_));
    if (result.get() == nullptr) return;
    ExecStatusType const status = PQresultStatus(result.get());
    // libpq says so without end: COPY_IN where it has not noticed that it is over, the others where nobody asked for
    // it.
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return;
  }
}

void Connection::begin_copy(SqlText const& sql) {
  Result const result = run(sql);
  if (PQresultStatus(result.get()) != PGRES_COPY_IN) refuse("COPY", result);
}

/// What no PostgreSQL says there: a proxy that has mixed up its sessions, or bits that were changed on the way.
void Connection::refuse(std::string_view asked, Result const& answer) {
  is_doubtful_ = true;
  std::string_view const tag = tag_of(answer);
  throw landfall::transient_error(
      "the server has answered {} with {} ({}), which its protocol does not allow there: look at what is between this "
      "program and the server",
      asked, cut_text(tag.empty() ? "no tag" : tag), PQresStatus(PQresultStatus(answer.get())));
}

// The server goes on taking rows behind one that was wrong, and answers at the end: unless its answer is read now and
// then, which ends the COPY on this side.
void Connection::put(std::string_view bytes) {
  bool const is_put =
      PQconsumeInput(connection_) == 1 && PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size())) == 1;
  if (is_put) return;
  Result const answer(PQgetResult(connection_));
  drop_results();
  fail(answer.get());
}

std::uint64_t Connection::end_copy() {
  if (PQputCopyEnd(connection_, nullptr) != 1) fail(nullptr);
  Result result(PQgetResult(connection_));
  drop_results();
  Result const answer = checked(std::move(result));
  if (!tag_of(answer).starts_with("COPY ")) refuse("the end of a COPY", answer);
  return answer.changed_rows();
}

// ---- from another thread ----

// Whoever waits for the socket sees its end.
void Connection::interrupt() noexcept { ::shutdown(socket_, SHUT_RDWR); }

// ---- transactions ----

Transaction::Transaction(Connection& connection) : connection_(&connection) {
  connection.run(literal("BEGIN ISOLATION LEVEL READ COMMITTED"));
}

Transaction::~Transaction() {
  if (connection_ == nullptr || connection_->is_lost() || connection_->is_doubtful_) return;
  try {
    connection_->run(literal("ROLLBACK"));
  } catch (landfall::Error const&) {  // the connection is not reusable then
  }
}

void Transaction::commit() {
  Connection& connection = *std::exchange(connection_, nullptr);
  try {
    Result const answer = connection.run(literal("COMMIT"));
    if (tag_of(answer) != "COMMIT") connection.refuse("COMMIT", answer);
  } catch (ServerError const& error) {
    if (error.is_fatal) throw CommitLost(error.message());
    throw;
  } catch (landfall::Error const& error) {
    throw CommitLost(error.message());
  }
}

}  // namespace postgres
