#pragma once

#include <set>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "exact_json.hpp"

namespace acceptance {

/// What differs from one destination to the next.
struct Features {
  bool has(std::string const& name) const { return !lacks.contains(name); }

  std::set<std::string> lacks;
  bool missing_is_null = false;
};

/// What a stream must hold.
struct ExpectedRows {
  std::vector<json::value> rows;      ///< each of them once
  std::vector<json::value> optional;  ///< each of them once or not at all
  bool repeats = false;               ///< any row may be there more than once
  bool ordered = false;
};

/// What is wrong with `got`, for people: which row, which member, what was expected; empty when all is well.
///
/// Columns: `_airbyte_raw_id` is a UUID of its own in each row. Of the other `_airbyte_` columns those are compared
/// that
///          the expected row names: `_airbyte_extracted_at` as a moment, `_airbyte_meta` by the members that it names.
///          All other columns must agree.
/// Values:  {"$moment": TIME} any spelling of that moment; {"$json": VALUE} the value or its JSON text; {"$any": true}
///          anything but null; {"$one_of": [...]}; {"$if": FEATURE, "then": VALUE, "else": VALUE}; {"$absent": true}.
std::string compare_rows(ExpectedRows const& expected, std::vector<json::value> const& got, Features const& features);

}  // namespace acceptance
