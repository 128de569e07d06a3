#pragma once

#include <string>
#include <string_view>

#include <landfall/table/airbyte_type.hpp>

#include "table/fit.hpp"
#include "table/json_value.hpp"

namespace landfall {

// Why a record cannot become a row. None of these texts holds anything of the record but names from the schema.

/// Of a record in the raw layout.
constexpr std::string_view names_meet_reason =
    "two members of one of its objects have the same name without the characters that the store cannot have (NUL, half "
    "of a surrogate pair)";

/// Of a field: "its field 'doc': " and so on.
std::string reason_of_ambiguous(std::string_view field);

/// Of a key or a cursor (`what`) whose value does not stay what it is in its column.
std::string reason_of_misfit(std::string_view what, std::string_view field, JsonValue::Kind kind, ColumnType type,
                             Fit fit);

}  // namespace landfall
