#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <landfall/runtime/error.hpp>

namespace postgres {

/// The class of an error by its SQLSTATE. Of an empty one, which libpq's own errors have: transient.
///
/// Function: of the server's source, which raised it (PG_DIAG_SOURCE_FUNCTION), where it is known: it tells causes
/// apart
///           that have one SQLSTATE. The message could, too, but is in the server's language.
/// Meaning:  of a statement in a transaction, which is not committed then. A COMMIT of which nobody knows is
///           Transaction's business.
landfall::ErrorClass class_of(std::string_view sqlstate, std::string_view function = "") noexcept;

/// What the user can do about it; empty where the message says it all.
std::string_view advice_for(std::string_view sqlstate, std::string_view function = "") noexcept;

/// What a server says is never copied whole: 16 kB of it, and how long it was.
std::string cut_text(std::string_view text);

/// True when it is a value of a row that the server does not take.
bool is_about_a_value(std::string_view sqlstate, std::string_view function = "") noexcept;

/// True when it is a row that a constraint of the table does not take, and that row alone.
bool is_about_a_constraint(std::string_view sqlstate) noexcept;

/// True when another session may do better: that one takes no changes, though others may do by now.
bool is_about_the_session(std::string_view sqlstate) noexcept;

/// An error of the server, or of libpq where there is no result or one without a SQLSTATE.
struct ServerError : landfall::Error {
  ServerError(PGconn const* connection, PGresult const* result);
  /// Of a connection that did not come about; its errors are to be verbose (PQERRORS_VERBOSE).
  static ServerError of_connecting(PGconn const* connection);

  /// Of a COPY into `table`: which of its rows it was, from 0. Nothing when that is not known.
  std::optional<std::size_t> row_of_copy(std::string_view table) const;

  std::string sqlstate;  ///< or empty: the connection is lost, or did not come about
  std::string column;    ///< of a constraint on one, without quotes
  std::string function;  ///< of the server's source; empty where it is not known
  std::string context;   ///< the server's own words about where it happened, the last 16 kB
  bool is_fatal = true;  ///< the connection is lost, or about to be

 private:
  using Error::Error;
};

}  // namespace postgres
