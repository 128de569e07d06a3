#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/parse_options.hpp>

namespace landfall {

// Looks into JSON that is known to be valid, without making anything of it: values are parts of the text.
namespace valid_json {

/// Those with which it was found valid.
inline boost::json::parse_options parse_options() {
  boost::json::parse_options options;
  options.max_depth = 512;  // schemas nest deeper than the 32 levels of the default
  return options;
}

/// Behind the string, or the value, that begins at `begin`.
std::size_t behind_string(std::string_view json, std::size_t begin) noexcept;
std::size_t behind_value(std::string_view json, std::size_t begin) noexcept;
std::size_t behind_space(std::string_view json, std::size_t begin) noexcept;

/// A JSON string without quotes and escapes.
std::string unquoted(std::string_view string);

/// visit(value) for each element of an array.
template <class Visit>
void each_element(std::string_view array, Visit visit) {
  std::size_t at = behind_space(array, 1);
  while (array[at] != ']') {
    std::size_t const end = behind_value(array, at);
    visit(array.substr(at, end - at));
    at = behind_space(array, end);
    if (array[at] == ',') at = behind_space(array, at + 1);
  }
}

/// visit(name, value) for each member of an object; the name is a JSON string.
template <class Visit>
void each_member(std::string_view object, Visit visit) {
  std::size_t at = behind_space(object, 1);
  while (object[at] != '}') {
    std::size_t const name_end = behind_string(object, at);
    std::string_view const name = object.substr(at, name_end - at);
    std::size_t const value = behind_space(object, behind_space(object, name_end) + 1);
    std::size_t const end = behind_value(object, value);
    visit(name, object.substr(value, end - value));
    at = behind_space(object, end);
    if (object[at] == ',') at = behind_space(object, at + 1);
  }
}

}  // namespace valid_json
}  // namespace landfall
