#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <landfall/table/row_reader.hpp>

namespace landfall {

/// The names of one object's members.
class MemberNames {
 public:
  /// `limits` outlives it.
  explicit MemberNames(ValueLimits const& limits) noexcept : limits_(limits) {}

  /// As it stands between its quotes.
  void add(std::string_view raw_name);

  /// True when two names that are not the same become the same without what the store's JSON cannot have, see
  /// held_json().
  bool meet();

 private:
  struct Name {
    std::string held;
    std::string original;
    friend auto operator<=>(Name const&, Name const&) = default;
  };
  void append(Name& name, std::string_view escape) const;

  ValueLimits const& limits_;
  std::vector<Name> names_;
};

/// Whether that is so for any object in the JSON, however deep. Of what is no valid JSON the rest is not looked at.
bool names_meet_in(std::string_view json, ValueLimits const& limits);

}  // namespace landfall
