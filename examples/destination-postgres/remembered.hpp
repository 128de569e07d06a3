#pragma once

#include <initializer_list>
#include <string>

#include <landfall/table/sql_text.hpp>

#include "connection.hpp"

namespace postgres {

/// Statements that the server has put together, to be carried out later in the same transaction: what an object that
/// goes is to be given again. They are made of its catalog, and never leave the server: nothing from outside becomes
/// SQL here.
class Remembered {
 public:
  explicit Remembered(Connection& connection);
  Remembered(Remembered const&) = delete;
  Remembered& operator=(Remembered const&) = delete;

  /// `query` selects one text, a statement, in the order in which they are to be carried out.
  void add(landfall::SqlLiteral query, std::initializer_list<std::string> parameters);

  /// Grants, and comments, on a relation and on its columns: for one that has its name then.
  void add_grants_and_comments(landfall::TableName const& relation);

  /// Once.
  void carry_out();

 private:
  Connection& connection_;
  std::int64_t id_;
};

}  // namespace postgres
