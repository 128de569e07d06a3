#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/table/identifier.hpp>
#include <landfall/table/naming.hpp>

namespace landfall {

/// What a stream, a namespace or a field would like to be called.
struct NameWish {
  NameWish() = default;

  std::string text;            ///< the natural name, as the store spells it
  std::string original;        ///< what the hash is of: another one for whatever must be told apart
  bool is_spelled_so = false;  ///< it came as the store spells it, so it goes before others that fold into it
  bool needs_hash = false;     ///< the natural name cannot be had, or stands for other originals too
};

/// What the hash of a field, or of a namespace, is of. (A stream's is of both its parts.)
std::string field_original(std::string_view name);

/// What names are in a store: how it spells them, which are one, which it cannot have.
class NameSpelling {
 public:
  /// Errors: see TableNames.
  explicit NameSpelling(NameRules rules);

  bool has_schemas() const noexcept { return rules_.has_schemas; }

  /// Of a name that came from outside.
  NameWish wish(std::string_view name, std::string original) const;

  /// Equal for names that are one in the store.
  std::string key(std::string_view name) const;

  bool is_allowed(std::string_view name) const;

  /// "users", "_work": "users_work_0123456789". Other digits for each attempt.
  std::string hashed(NameWish const& wish, std::string_view kind, unsigned attempt) const;

 private:
  bool is_too_long(std::string_view name) const;
  std::string spelled(std::string_view name) const;
  std::string_view beginning(std::string_view name, std::size_t longest) const;
  bool is_forbidden(std::string_view name) const;

  NameRules rules_;
  std::set<std::string, std::less<>> folded_reserved_;
  std::vector<std::string> folded_forbidden_;
};

/// Names that must differ from each other: of the tables of a schema, of the columns of a table.
///
/// Lifetime: within that of its spelling.
class NameScope {
 public:
  explicit NameScope(NameSpelling const& spelling) : spelling_(&spelling) {}

  /// A name that nobody gets. False: it is taken already.
  bool keep_free(std::string_view name) { return taken_.insert(spelling_->key(name)).second; }

  /// A name that is there and nobody is known to own: who wishes it has it only by adopt().
  void add_unowned(std::string const& name);

  /// Of the wishes whose name is empty yet: who finds its hashed name among those that nobody owns gets it; of the
  /// others, who alone finds its natural one there, exactly as it would spell it.
  void adopt(std::vector<NameWish> const& wishes, std::vector<Identifier>& names);

  /// Fills the names that are empty yet. Of wishes that fold into one, one that is spelled so keeps it, else the first
  /// in the list.
  void fill(std::vector<NameWish> const& wishes, std::vector<Identifier>& names);

  Identifier hashed_name(NameWish const& wish, std::string_view kind);

 private:
  NameSpelling const* spelling_;
  std::set<std::string, std::less<>> taken_;    // keys
  std::set<std::string, std::less<>> unowned_;  // as they are spelled in the store
  std::set<std::string, std::less<>> unowned_keys_;
};

}  // namespace landfall
