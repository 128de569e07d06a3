#pragma once

#include <memory>
#include <string>
#include <vector>

#include <landfall/table/identifier.hpp>

#include "connection.hpp"
#include "remembered.hpp"

namespace postgres {

/// Views that would keep a table from being dropped, or a column from getting another type: taken away before, and made
/// again after it in the same transaction, with their columns' names, options, grants and comments.
///
/// Which:   plain views that belong to the user's role, and that nothing depends on. Others are left where they are,
/// and
///          in the way.
/// Readers: see what the view showed before, or what it shows then; in between they wait.
class ViewsInTheWay {
 public:
  /// Takes away those that read one of these columns of the table.
  ViewsInTheWay(Connection& connection, landfall::TableName const& table,
                std::vector<landfall::Identifier> const& columns);
  /// Takes away those that read the table.
  ViewsInTheWay(Connection& connection, landfall::TableName const& table);

  /// What becomes of a view that cannot be made any more.
  enum class Broken { fails, stays_away };

  /// Returns: views that stay away, with the server's reason, for people.
  /// Errors:  Error(config), with the same, where it fails.
  std::vector<std::string> make_again(Broken broken = Broken::fails);

 private:
  struct View {
    landfall::TableName name;
    std::unique_ptr<Remembered> statements;
  };

  void make_again(View const& view) const;
  void take_away(landfall::SqlText const& condition, landfall::TableName const& table);

  Connection& connection_;
  std::vector<View> views_;
};

}  // namespace postgres
