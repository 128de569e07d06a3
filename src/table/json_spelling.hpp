#pragma once

#include <string>
#include <string_view>

namespace landfall {

/// See one_spelling(). Returns `json`, where it is broken, or `buffer`.
std::string_view spell_json(std::string_view json, std::string& buffer);

}  // namespace landfall
